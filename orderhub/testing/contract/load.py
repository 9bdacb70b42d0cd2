"""What a connector must do that documents are loaded into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from orderhub.connector import Capability, Connector, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError
from orderhub.testing.contract.base import DONE, STEPS, ContractBase, Effects, FailAt, Settings, needs
from orderhub.testing.parts import PortsForTests


class LoadContract(ContractBase):
    """``effects`` counts what is in the target, ``fail_at`` lets it fail, ``unacceptable`` is what it never takes."""

    @needs(Capability.LOAD)
    def test_loading_nothing_gives_nothing(self, make: Callable[[], Connector[Any]]) -> None:
        assert make().load([]) == []

    @needs(Capability.LOAD)
    def test_one_outcome_per_key_in_order(
        self,
        make: Callable[[], Connector[Any]],
        items: list[LoadItem],
        effects: Effects,
        unacceptable: LoadItem | None,
    ) -> None:
        """A document that the target refuses does not stop the others of its batch."""
        if unacceptable is None:
            self.not_shown("a document that is refused (no fixture `unacceptable`)", partly=True)
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

    @needs(Capability.LOAD)
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

    @needs(Capability.LOAD)
    def test_the_same_key_twice_in_one_call_is_one_effect(
        self, make: Callable[[], Connector[Any]], items: list[LoadItem], effects: Effects
    ) -> None:
        outcomes = make().load([items[0], items[1], items[0]])
        assert [outcome.key for outcome in outcomes] == [items[0].key, items[1].key, items[0].key]
        assert all(outcome.state in DONE for outcome in outcomes)
        assert effects([items[0].key, items[1].key]) == {items[0].key: 1, items[1].key: 1}

    @needs(Capability.LOAD)
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
            self.not_shown("a failure in the middle (no fixture `fail_at`)")
            return
        for step in range(STEPS):
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
        raise AssertionError(f"a load has more than {STEPS} steps; does fail_at say when nothing happened?")

    @needs(Capability.LOAD)
    def test_an_unreachable_target_is_a_typed_error_that_a_retry_can_help(
        self, unreachable: tuple[Settings, PortsForTests] | None, items: list[LoadItem]
    ) -> None:
        if unreachable is None:
            self.not_shown("an unreachable target (no fixture `unreachable`)")
            return
        connector = registry().create(self.connector, *unreachable)
        with pytest.raises(ConnectorError) as caught:
            connector.load(items)
        assert caught.value.retryable
        assert caught.value.todo
        connector.close()

    @needs(Capability.LOAD | Capability.FIND)
    def test_nothing_is_found_that_was_never_loaded(self, make: Callable[[], Connector[Any]]) -> None:
        connector = make()
        assert connector.find([]) == {}
        assert connector.find(["never-loaded"]) == {}

    @needs(Capability.LOAD | Capability.FIND)
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

    @needs(Capability.LOAD | Capability.UPSERT)
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
