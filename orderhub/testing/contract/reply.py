"""What a connector must do that answers go through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orderhub.connector import Capability, Connector, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError
from orderhub.testing.contract.base import DONE, STEPS, ContractBase, FailAt, Replies, Settings, needs
from orderhub.testing.parts import PortsForTests

REPLY = b"UNB+UNOC:3+4299999000009:14+4299999001006:14+261120:0831+1'UNZ+0+1'"


class ReplyContract(ContractBase):
    """``replies`` gives what lies at the other side, ``reply_fails_at`` lets it fail."""

    @needs(Capability.REPLY)
    def test_a_reply_is_there_whole_under_its_name(
        self, make: Callable[[], Connector[Any]], replies: Replies
    ) -> None:
        outcome = make().reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        assert (outcome.key, outcome.state) == ("key-1", OutcomeState.WRITTEN)
        assert replies() == {"CONTRL_acme_1_ab12.edi": REPLY}

    @needs(Capability.REPLY)
    def test_the_same_reply_again_is_one(self, make: Callable[[], Connector[Any]], replies: Replies) -> None:
        connector = make()
        connector.reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        for again in (connector, make()):
            outcome = again.reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
            assert outcome.state is OutcomeState.UNCHANGED
        assert replies() == {"CONTRL_acme_1_ab12.edi": REPLY}

    @needs(Capability.REPLY)
    def test_a_reply_never_replaces_another(
        self, make: Callable[[], Connector[Any]], replies: Replies
    ) -> None:
        connector = make()
        connector.reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        connector.reply("CONTRL_acme_1_ab12-2.edi", REPLY, "key-2")
        outcome = connector.reply("CONTRL_acme_1_ab12.edi", b"something else", "key-3")
        assert outcome.state is OutcomeState.REJECTED
        assert outcome.code and outcome.reason
        assert replies() == {"CONTRL_acme_1_ab12.edi": REPLY, "CONTRL_acme_1_ab12-2.edi": REPLY}

    @needs(Capability.REPLY)
    @pytest.mark.parametrize("name", ["../out.edi", "a/b.edi", ".hidden.edi", "", "x.edi\n", "a\0.edi"])
    def test_a_name_that_the_hub_would_never_give_is_refused(
        self, make: Callable[[], Connector[Any]], replies: Replies, name: str
    ) -> None:
        with pytest.raises(ConnectorError):
            make().reply(name, REPLY, "key-1")
        assert replies() == {}

    @needs(Capability.REPLY)
    def test_a_failure_while_replying_leaves_nothing_or_all_and_a_retry_completes(
        self, make: Callable[[], Connector[Any]], replies: Replies, reply_fails_at: FailAt | None
    ) -> None:
        if reply_fails_at is None:
            self.not_shown("a failure while replying (no fixture `reply_fails_at`)")
            return
        for step in range(STEPS):
            name = f"CONTRL_acme_{step}_ab12.edi"
            with reply_fails_at(step) as failure:
                try:
                    make().reply(name, REPLY, f"key-{step}")
                except ConnectorError as error:
                    assert error.retryable, error
            assert replies().get(name, REPLY) == REPLY, "half a reply"
            assert make().reply(name, REPLY, f"key-{step}").state in DONE
            assert replies()[name] == REPLY
            if not failure.happened:
                assert step > 0, "reply_fails_at never failed anything"
                assert len(replies()) == step + 1
                return
        raise AssertionError(f"a reply has more than {STEPS} steps")

    @needs(Capability.REPLY)
    def test_an_unreachable_side_for_replies_is_a_typed_error_that_a_retry_can_help(
        self, unreachable: tuple[Settings, PortsForTests] | None
    ) -> None:
        if unreachable is None:
            self.not_shown("an unreachable side for replies (no fixture `unreachable`)")
            return
        connector = registry().create(self.connector, *unreachable)
        with pytest.raises(ConnectorError) as caught:
            connector.reply("CONTRL_acme_1_ab12.edi", REPLY, "key-1")
        assert caught.value.retryable
        assert caught.value.todo
        connector.close()
