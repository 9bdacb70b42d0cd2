"""What a connector must do that things are pulled from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderhub.connector import Bookmark, Capability, Connector, Settlement
from orderhub.testing.contract.base import (
    Arrive,
    ContractBase,
    arrivals_of,
    as_kept,
    data_of,
    needs,
    through_json,
)


class PullContract(ContractBase):
    """``arrive`` puts something at the source, ``content`` reads it out of an interchange again."""

    @needs(Capability.PULL)
    def test_nothing_is_pulled_where_nothing_arrived(self, make: Callable[[], Connector[Any]]) -> None:
        assert list(make().pull(self.stream, None)) == []

    @needs(Capability.PULL)
    def test_pull_yields_every_arrival_once_and_lazily(
        self, make: Callable[[], Connector[Any]], arrive: Arrive, content: Callable[[bytes], bytes]
    ) -> None:
        arrived = arrivals_of(arrive, 4)
        pulled = make().pull(self.stream, None)
        assert iter(pulled) is pulled
        found = list(pulled)
        assert sorted(map(content, data_of(found))) == sorted(arrived)
        assert len({interchange.arrival for interchange in found}) == 4

    @needs(Capability.PULL)
    def test_the_same_arrival_seen_again_is_known(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrivals_of(arrive, 3)
        first = [interchange.arrival for interchange in make().pull(self.stream, None)]
        assert [interchange.arrival for interchange in make().pull(self.stream, None)] == first

    @needs(Capability.PULL | Capability.INCREMENTAL)
    def test_pull_resumes_from_any_bookmark(self, make: Callable[[], Connector[Any]], arrive: Arrive) -> None:
        """After a bookmark comes everything that was after it. What comes again (it was never settled) is known."""
        arrivals_of(arrive, 5)
        everything = list(make().pull(self.stream, None))
        arrivals = [interchange.arrival for interchange in everything]
        for index, interchange in enumerate(everything):
            again = [one.arrival for one in make().pull(self.stream, through_json(interchange.bookmark))]
            assert [arrival for arrival in again if arrival in arrivals[index + 1 :]] == arrivals[index + 1 :]
            assert set(again) <= set(arrivals)

    @needs(Capability.PULL)
    def test_settled_is_not_pulled_again_and_the_rest_is(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrivals_of(arrive, 4)
        connector = make()
        everything = list(connector.pull(self.stream, None))
        for interchange in everything[:2]:
            connector.settle(as_kept(interchange), Settlement.ACCEPTED)
        rest = list(make().pull(self.stream, through_json(everything[1].bookmark)))
        assert [one.arrival for one in rest] == [one.arrival for one in everything[2:]]

    @needs(Capability.PULL)
    def test_settle_is_repeatable_also_by_another_process(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrivals_of(arrive, 2)
        connector = make()
        for interchange, settlement in zip(
            connector.pull(self.stream, None), (Settlement.ACCEPTED, Settlement.REFUSED), strict=True
        ):
            connector.settle(interchange, settlement)
            connector.settle(interchange, settlement)
            make().settle(as_kept(interchange), settlement)
        assert list(make().pull(self.stream, None)) == []

    @needs(Capability.PULL)
    def test_what_arrives_during_a_pull_is_not_lost(
        self, make: Callable[[], Connector[Any]], arrive: Arrive, content: Callable[[bytes], bytes]
    ) -> None:
        arrivals_of(arrive, 2)
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
        contents = sorted(content(data) for data in found.values() if data is not None)
        assert contents == [b"content 0", b"content 1", b"late"]

    @needs(Capability.PULL)
    def test_the_same_bytes_sent_twice_are_twoarrivals_of(
        self, make: Callable[[], Connector[Any]], arrive: Arrive
    ) -> None:
        arrive("first.txt", b"the same")
        arrive("second.txt", b"the same")
        assert len({interchange.arrival for interchange in make().pull(self.stream, None)}) == 2
