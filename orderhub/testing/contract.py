"""The contract test class. See ``orderhub.testing``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import msgspec
import pytest

from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Interchange,
    LoadItem,
    OutcomeState,
    Settlement,
)
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorError
from orderhub.testing.parts import ClosedPorts, Failure, PortsForTests, load_item, sample_order, watching_io

Settings = dict[str, Any]
#: Puts something at the source: name and bytes.
Arrive = Callable[[str, bytes], object]
#: How many effects the target has under each key, asked in a way of its own, not through the connector.
Effects = Callable[[Sequence[str]], dict[str, int]]
#: What lies at the other side for the partner, by name, asked in a way of its own.
Replies = Callable[[], dict[str, bytes]]
#: While it is entered, the target fails at its n-th step (from 0). What it gives says whether it came to that.
FailAt = Callable[[int], AbstractContextManager[Failure]]

#: More steps than any load of five documents has.
_STEPS = 60
_REPLY = b"UNB+UNOC:3+4299999000009:14+4299999001006:14+261120:0831+1'UNZ+0+1'"
DONE = (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)


class ConnectorContract:
    """What every connector must do. Subclass it as ``Test…`` with ``connector`` and the fixtures of its capabilities.

    For all: ``settings``; ``ports`` when it needs any; ``state`` (a callable that gives a picture of the other side, so
    that ``check`` is seen to leave it alone). PULL: ``arrive``. LOAD: ``effects``, and where it can be arranged
    ``fail_at`` and ``unacceptable``. REPLY: ``replies``, and where it can be arranged ``reply_fails_at``. ``unreachable``: settings or ports with which the other side cannot be reached.
    """

    connector: ClassVar[str]
    stream: ClassVar[str] = "orders"

    def __init_subclass__(cls) -> None:
        """Leave out the tests of capabilities that the manifest does not declare."""
        super().__init_subclass__()
        name = getattr(cls, "connector", None)
        if name is None:
            return
        capabilities = registry().manifest(name).capabilities
        for attribute in dir(cls):
            needed = getattr(getattr(cls, attribute), "needs", None)
            if isinstance(needed, Capability) and needed not in capabilities:
                setattr(cls, attribute, None)

    # What a subclass gives

    @pytest.fixture
    def settings(self) -> Settings:
        return {}

    @pytest.fixture
    def ports(self) -> PortsForTests:
        return PortsForTests()

    @pytest.fixture
    def state(self) -> Callable[[], object]:
        return lambda: None

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests] | None:
        """Settings and ports with which the other side cannot be reached; None where there is no such thing."""
        return None

    @pytest.fixture
    def arrive(self) -> Arrive:
        raise NotImplementedError(
            "give a fixture `arrive`: a callable (name, data) that puts it at the source"
        )

    @pytest.fixture
    def effects(self) -> Effects:
        raise NotImplementedError(
            "give a fixture `effects`: a callable (keys) -> {key: how often it is there}"
        )

    @pytest.fixture
    def fail_at(self) -> FailAt | None:
        return None

    @pytest.fixture
    def replies(self) -> Replies:
        raise NotImplementedError(
            "give a fixture `replies`: a callable () -> {name: bytes} of what lies there"
        )

    @pytest.fixture
    def reply_fails_at(self) -> FailAt | None:
        return None

    @pytest.fixture
    def items(self) -> list[LoadItem]:
        """Five documents that the target takes."""
        return [load_item(sample_order(f"CT-{number}"), source=number) for number in range(1, 6)]

    @pytest.fixture
    def unacceptable(self) -> LoadItem | None:
        """A document that the target will never take."""
        return None

    @pytest.fixture
    def make(self, settings: Settings, ports: PortsForTests) -> Iterator[Callable[[], Connector[Any]]]:
        """Builds fresh connectors, as another process would, and closes them."""
        made: list[Connector[Any]] = []

        def build() -> Connector[Any]:
            made.append(registry().create(self.connector, settings, ports))
            return made[-1]

        yield build
        for connector in made:
            connector.close()

    # For all

    def test_the_manifest_is_readable_without_the_connector_and_its_driver(self) -> None:
        manifest = registry().manifest(self.connector)
        module = manifest.connector.partition(":")[0]
        program = (
            "import sys\n"
            "from orderhub.connector_registry import registry\n"
            f"assert registry().manifest({self.connector!r}).summary\n"
            f"for module in ({module!r}, {manifest.driver!r}):\n"
            "    assert module not in sys.modules, module\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr

    def test_the_class_is_what_the_manifest_says(self, make: Callable[[], Connector[Any]]) -> None:
        connector = make()
        manifest = registry().manifest(self.connector)
        assert connector.name == manifest.name == self.connector
        assert connector.capabilities == manifest.capabilities

    def test_the_constructor_does_no_io(self, settings: Settings, make: Callable[[], Connector[Any]]) -> None:
        connector_type = type(make())
        checked = registry().settings(self.connector, settings)
        with watching_io() as seen:
            connector = connector_type(checked, ClosedPorts())
        assert seen == []
        connector.close()

    def test_an_unknown_setting_is_refused_by_name(self, settings: Settings, ports: PortsForTests) -> None:
        with pytest.raises(ConfigError, match="no_such_setting"):
            registry().create(self.connector, {**settings, "no_such_setting": 1}, ports)

    def test_check_reaches_the_other_side_and_leaves_it_alone(
        self, make: Callable[[], Connector[Any]], state: Callable[[], object]
    ) -> None:
        before = state()
        health = make().check()
        assert health.ok, health.sentence
        assert health.sentence
        assert state() == before

    def test_check_says_when_the_other_side_is_not_there(
        self, unreachable: tuple[Settings, PortsForTests] | None
    ) -> None:
        if unreachable is None:
            return
        connector = registry().create(self.connector, *unreachable)
        health = connector.check()
        assert not health.ok
        assert health.sentence
        connector.close()

    def test_close_twice(self, make: Callable[[], Connector[Any]]) -> None:
        connector = make()
        connector.check()
        connector.close()
        connector.close()

    # PULL

    def test_pull_yields_every_arrival_once_and_lazily(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrived = _arrivals(arrive, 4)
        pulled = make().pull(self.stream, None)
        assert iter(pulled) is pulled
        found = list(pulled)
        assert sorted(_data(found)) == sorted(arrived)
        assert len({interchange.arrival for interchange in found}) == 4

    def test_the_same_arrival_seen_again_is_known(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        _arrivals(arrive, 3)
        first = [interchange.arrival for interchange in make().pull(self.stream, None)]
        assert [interchange.arrival for interchange in make().pull(self.stream, None)] == first

    def test_pull_resumes_from_any_bookmark(self, make: Callable[[], Connector[Any]], arrive: Arrive) -> None:
        """After a bookmark comes everything that was after it. What comes again (it was never settled) is known."""
        _arrivals(arrive, 5)
        everything = list(make().pull(self.stream, None))
        arrivals = [interchange.arrival for interchange in everything]
        for index, interchange in enumerate(everything):
            again = [one.arrival for one in make().pull(self.stream, _through_json(interchange.bookmark))]
            assert [arrival for arrival in again if arrival in arrivals[index + 1 :]] == arrivals[index + 1 :]
            assert set(again) <= set(arrivals)

    def test_settled_is_not_pulled_again_and_the_rest_is(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        _arrivals(arrive, 4)
        connector = make()
        everything = list(connector.pull(self.stream, None))
        for interchange in everything[:2]:
            connector.settle(_as_kept(interchange), Settlement.ACCEPTED)
        rest = list(make().pull(self.stream, _through_json(everything[1].bookmark)))
        assert [one.arrival for one in rest] == [one.arrival for one in everything[2:]]

    def test_settle_is_repeatable_also_by_another_process(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        _arrivals(arrive, 2)
        connector = make()
        for interchange, settlement in zip(
            connector.pull(self.stream, None), (Settlement.ACCEPTED, Settlement.REFUSED), strict=True
        ):
            connector.settle(interchange, settlement)
            connector.settle(interchange, settlement)
            make().settle(_as_kept(interchange), settlement)
        assert list(make().pull(self.stream, None)) == []

    def test_what_arrives_during_a_pull_is_not_lost(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        _arrivals(arrive, 2)
        connector = make()
        found: dict[str, bytes | None] = {}
        bookmark: Bookmark = None
        for index, interchange in enumerate(connector.pull(self.stream, None)):
            if index == 0:
                arrive("late.txt", b"late")
            found[interchange.arrival] = interchange.data
            bookmark = interchange.bookmark
            connector.settle(interchange, Settlement.ACCEPTED)
        found |= {later.arrival: later.data for later in make().pull(self.stream, bookmark)}
        contents = sorted(data for data in found.values() if data is not None)
        assert contents == [b"content 0", b"content 1", b"late"]

    def test_the_same_bytes_sent_twice_are_two_arrivals(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrive("first.txt", b"the same")
        arrive("second.txt", b"the same")
        assert len({interchange.arrival for interchange in make().pull(self.stream, None)}) == 2

    # LOAD

    def test_loading_nothing_gives_nothing(self, make: Callable[[], Connector[Any]]) -> None:
        assert make().load([]) == []

    def test_one_outcome_per_key_in_order(
        self,
        make: Callable[[], Connector[Any]],
        items: list[LoadItem],
        effects: Effects,
        unacceptable: LoadItem | None,
    ) -> None:
        """A document that the target refuses does not stop the others of its batch."""
        mixed = [*items[:2], *([unacceptable] if unacceptable else []), *items[2:]]
        outcomes = make().load(mixed)
        assert [outcome.key for outcome in outcomes] == [item.key for item in mixed]
        for item, outcome in zip(mixed, outcomes, strict=True):
            if item is unacceptable:
                assert outcome.state is OutcomeState.REJECTED
                assert outcome.code and outcome.reason
                assert effects([item.key]).get(item.key, 0) == 0
            else:
                assert outcome.state is OutcomeState.WRITTEN, outcome
        assert effects([item.key for item in items]) == {item.key: 1 for item in items}

    def test_load_twice_equals_once(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem], effects: Effects
    ) -> None:
        connector = make()
        first = connector.load(items)
        for again in (connector.load(items), make().load(list(reversed(items)))):
            assert {outcome.state for outcome in again} == {OutcomeState.UNCHANGED}
            assert {o.key: (o.reference, o.version) for o in again} == {
                o.key: (o.reference, o.version) for o in first
            }
        assert effects([item.key for item in items]) == {item.key: 1 for item in items}

    def test_the_same_key_twice_in_one_call_is_one_effect(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem], effects: Effects
    ) -> None:
        outcomes = make().load([items[0], items[1], items[0]])
        assert [outcome.key for outcome in outcomes] == [items[0].key, items[1].key, items[0].key]
        assert all(outcome.state in DONE for outcome in outcomes)
        assert effects([items[0].key, items[1].key]) == {items[0].key: 1, items[1].key: 1}

    def test_a_failure_in_the_middle_leaves_what_a_retry_completes(
        self,
        make: Callable[[], Connector[Any]],
        items: list[LoadItem],
        effects: Effects,
        fail_at: FailAt | None,
    ) -> None:
        """At every step of a load the target fails; a typed error or outcomes that say what is not known come out, and
        the next load brings every key there once."""
        if fail_at is None:
            return
        for step in range(_STEPS):
            batch = [
                msgspec.structs.replace(
                    item,
                    key=f"{item.key}-f{step}",
                    identity=f"{item.identity}-f{step}",
                    document=msgspec.structs.replace(item.document, number=f"{item.document.number}-F{step}"),
                )
                for item in items
            ]
            keys = [item.key for item in batch]
            with fail_at(step) as failure:
                try:
                    outcomes = make().load(batch)
                except ConnectorError as error:
                    assert error.retryable, error
                    if Capability.FIND in registry().manifest(self.connector).capabilities:
                        assert not any(effects(keys).values()), "an effect, though load said there was none"
                else:
                    assert [outcome.key for outcome in outcomes] == keys
                    done = {outcome.key for outcome in outcomes if outcome.state in DONE}
                    assert done <= {key for key, count in effects(keys).items() if count == 1}
            again = make().load(batch)
            assert all(outcome.state in DONE for outcome in again), again
            assert effects(keys) == dict.fromkeys(keys, 1)
            if not failure.happened:
                assert step > 0, "fail_at never failed anything"
                return
        raise AssertionError(f"a load has more than {_STEPS} steps; does fail_at say when nothing happened?")

    def test_an_unreachable_target_is_a_typed_error_that_a_retry_can_help(
        self, unreachable: tuple[Settings, PortsForTests] | None, items: list[LoadItem]
    ) -> None:
        if unreachable is None:
            return
        connector = registry().create(self.connector, *unreachable)
        with pytest.raises(ConnectorError) as caught:
            connector.load(items)
        assert caught.value.retryable
        assert caught.value.todo
        connector.close()

    # FIND

    def test_find_finds_what_load_wrote_and_nothing_else(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem]
    ) -> None:
        written = make().load(items[:3])
        found = make().find([*(item.key for item in items), "never-loaded", "%", "'"])
        assert set(found) == {item.key for item in items[:3]}
        for outcome in written:
            assert found[outcome.key].state is OutcomeState.UNCHANGED
            assert found[outcome.key].reference == outcome.reference
        assert make().find([]) == {}

    # REPLY

    def test_a_reply_is_there_whole_under_its_name(
        self, make: Callable[[], Connector[Any]], replies: Replies
    ) -> None:
        outcome = make().reply("CONTRL_acme_1_ab12.edi", _REPLY, "key-1")
        assert (outcome.key, outcome.state) == ("key-1", OutcomeState.WRITTEN)
        assert replies() == {"CONTRL_acme_1_ab12.edi": _REPLY}

    def test_the_same_reply_again_is_one(self, make: Callable[[], Connector[Any]], replies: Replies) -> None:
        connector = make()
        connector.reply("CONTRL_acme_1_ab12.edi", _REPLY, "key-1")
        for again in (connector, make()):
            outcome = again.reply("CONTRL_acme_1_ab12.edi", _REPLY, "key-1")
            assert outcome.state is OutcomeState.UNCHANGED
        assert replies() == {"CONTRL_acme_1_ab12.edi": _REPLY}

    def test_a_reply_never_replaces_another(
        self, make: Callable[[], Connector[Any]], replies: Replies
    ) -> None:
        connector = make()
        connector.reply("CONTRL_acme_1_ab12.edi", _REPLY, "key-1")
        connector.reply("CONTRL_acme_1_ab12-2.edi", _REPLY, "key-2")
        outcome = connector.reply("CONTRL_acme_1_ab12.edi", b"something else", "key-3")
        assert outcome.state is OutcomeState.REJECTED
        assert outcome.code and outcome.reason
        assert replies() == {"CONTRL_acme_1_ab12.edi": _REPLY, "CONTRL_acme_1_ab12-2.edi": _REPLY}

    @pytest.mark.parametrize("name", ["../out.edi", "a/b.edi", ".hidden.edi", "", "x.edi\n", "a\0.edi"])
    def test_a_name_that_the_hub_would_never_give_is_refused(
        self, make: Callable[[], Connector[Any]], replies: Replies, name: str
    ) -> None:
        with pytest.raises(ConnectorError):
            make().reply(name, _REPLY, "key-1")
        assert replies() == {}

    def test_a_failure_while_replying_leaves_nothing_or_all_and_a_retry_completes(
        self, make: Callable[[], Connector[Any]], replies: Replies, reply_fails_at: FailAt | None
    ) -> None:
        if reply_fails_at is None:
            return
        for step in range(_STEPS):
            name = f"CONTRL_acme_{step}_ab12.edi"
            with reply_fails_at(step) as failure:
                try:
                    make().reply(name, _REPLY, f"key-{step}")
                except ConnectorError as error:
                    assert error.retryable, error
            assert replies().get(name, _REPLY) == _REPLY, "half a reply"
            assert make().reply(name, _REPLY, f"key-{step}").state in DONE
            assert replies()[name] == _REPLY
            if not failure.happened:
                assert step > 0, "reply_fails_at never failed anything"
                assert len(replies()) == step + 1
                return
        raise AssertionError(f"a reply has more than {_STEPS} steps")

    def test_an_unreachable_side_for_replies_is_a_typed_error_that_a_retry_can_help(
        self, unreachable: tuple[Settings, PortsForTests] | None
    ) -> None:
        if unreachable is None:
            return
        connector = registry().create(self.connector, *unreachable)
        with pytest.raises(ConnectorError) as caught:
            connector.reply("CONTRL_acme_1_ab12.edi", _REPLY, "key-1")
        assert caught.value.retryable
        assert caught.value.todo
        connector.close()

    # UPSERT

    def test_a_new_revision_is_a_new_version_of_the_same_thing(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem]
    ) -> None:
        connector = make()
        [first] = connector.load(items[:1])
        changed = msgspec.structs.replace(
            items[0],
            key=f"{items[0].key}-next",
            document=msgspec.structs.replace(items[0].document, revision=1),
        )
        [second] = connector.load([changed])
        assert second.state is OutcomeState.WRITTEN
        assert first.version is not None
        assert second.version is not None
        assert second.version > first.version


_NEEDS = {
    Capability.PULL: (
        "test_pull_yields_every_arrival_once_and_lazily",
        "test_the_same_arrival_seen_again_is_known",
        "test_settled_is_not_pulled_again_and_the_rest_is",
        "test_settle_is_repeatable_also_by_another_process",
        "test_what_arrives_during_a_pull_is_not_lost",
        "test_the_same_bytes_sent_twice_are_two_arrivals",
    ),
    Capability.PULL | Capability.INCREMENTAL: ("test_pull_resumes_from_any_bookmark",),
    Capability.REPLY: (
        "test_a_reply_is_there_whole_under_its_name",
        "test_the_same_reply_again_is_one",
        "test_a_reply_never_replaces_another",
        "test_a_name_that_the_hub_would_never_give_is_refused",
        "test_a_failure_while_replying_leaves_nothing_or_all_and_a_retry_completes",
        "test_an_unreachable_side_for_replies_is_a_typed_error_that_a_retry_can_help",
    ),
    Capability.LOAD: (
        "test_loading_nothing_gives_nothing",
        "test_one_outcome_per_key_in_order",
        "test_load_twice_equals_once",
        "test_the_same_key_twice_in_one_call_is_one_effect",
        "test_a_failure_in_the_middle_leaves_what_a_retry_completes",
        "test_an_unreachable_target_is_a_typed_error_that_a_retry_can_help",
    ),
    Capability.LOAD | Capability.FIND: ("test_find_finds_what_load_wrote_and_nothing_else",),
    Capability.LOAD | Capability.UPSERT: ("test_a_new_revision_is_a_new_version_of_the_same_thing",),
}
for _needed, _tests in _NEEDS.items():
    for _test in _tests:
        getattr(ConnectorContract, _test).needs = _needed


def _arrivals(arrive: Arrive, count: int) -> list[bytes]:
    contents = [f"content {number}".encode() for number in range(count)]
    for number, content in enumerate(contents):
        arrive(f"order-{number}.txt", content)
    return contents


def _data(found: list[Interchange]) -> list[bytes]:
    return [interchange.data for interchange in found if interchange.data is not None]


def _through_json(bookmark: Bookmark) -> Bookmark:
    """The bookmark as the ledger gives it back."""
    kept: Bookmark = msgspec.json.decode(msgspec.json.encode(bookmark))
    return kept


def _as_kept(interchange: Interchange) -> Interchange:
    """The interchange as another process has it: from the ledger, without its bytes."""
    return msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(interchange, data=None)), type=Interchange
    )
