"""What a source must do that the intake asks whether something waits (its settings give ``poll``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orderhub.connector import Capability, Connector, Poll, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorError
from orderhub.testing.contract.base import (
    Arrive,
    ContractBase,
    Settings,
    arrivals_of,
    needs,
    through_json,
)
from orderhub.testing.parts import PortsForTests


class WaitingContract(ContractBase):
    """A source is watched in a folder or asked, never both. The tests of asking pass where nobody asks."""

    def _poll(self, settings: Settings) -> Poll | None:
        given = registry().settings(self.connector, settings)
        poll = given.poll()
        if poll is None:
            watched = given.watch() is not None
            self.not_shown("" if watched else "whether something waits (its settings give no `poll`)")
        return poll

    @needs(Capability.PULL)
    def test_how_often_it_is_asked_makes_sense(self, settings: Settings) -> None:
        poll = self._poll(settings)
        if poll is None:
            return
        assert poll.seconds > 0
        assert registry().settings(self.connector, settings).watch() is None, (
            "a source is watched as a folder or asked every few seconds, not both"
        )

    @needs(Capability.PULL)
    def test_nothing_waits_where_nothing_arrived(
        self, settings: Settings, make: Callable[[], Connector[Any]], state: Callable[[], object]
    ) -> None:
        if self._poll(settings) is None:
            return
        before = state()
        assert make().waiting(self.stream, None) is False
        assert state() == before, "asking changed the other side"

    @needs(Capability.PULL)
    def test_what_arrived_waits_and_stays(
        self, settings: Settings, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        """Asking takes nothing away: what waits is still there to be pulled, by another process too."""
        if self._poll(settings) is None:
            return
        arrivals_of(arrive, 2)
        assert make().waiting(self.stream, None) is True
        assert make().waiting(self.stream, None) is True
        assert len(list(make().pull(self.stream, None))) == 2

    @needs(Capability.PULL)
    def test_nothing_waits_after_everything_was_settled(
        self, settings: Settings, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        """Else the intake would start a run for nothing again and again. What comes later waits again."""
        if self._poll(settings) is None:
            return
        arrivals_of(arrive, 2)
        connector = make()
        bookmark = None
        for interchange in connector.pull(self.stream, None):
            bookmark = through_json(interchange.bookmark)
            connector.settle(interchange, Settlement.ACCEPTED)
        assert make().waiting(self.stream, bookmark) is False
        arrive("later.txt", b"later")
        assert make().waiting(self.stream, bookmark) is True

    @needs(Capability.PULL)
    def test_asking_a_side_that_is_away_is_a_typed_error_that_a_retry_can_help(
        self, settings: Settings, unreachable: tuple[Settings, PortsForTests] | None
    ) -> None:
        if self._poll(settings) is None:
            return
        if unreachable is None:
            self.not_shown("asking a side that is away (no fixture `unreachable`)")
            return
        given, ports = unreachable
        if self._poll(given) is None:
            return
        connector = registry().create(self.connector, given, ports)
        with pytest.raises(ConnectorError) as caught:
            connector.waiting(self.stream, None)
        assert caught.value.retryable
        assert caught.value.todo
        connector.close()
