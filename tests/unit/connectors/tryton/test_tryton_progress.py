"""How far a pull out of Tryton is: every change once, small, and never past what may still turn up."""

from __future__ import annotations

import datetime as dt
import json

from connectors.tryton.reading.progress import Changes, Progress, moment_text
from orderhub.connector import Bookmark
from orderhub.transport.records import Raw, dump

START = dt.datetime(2026, 11, 23, 8, 0, 0, 5)


def at(seconds: float) -> str:
    return moment_text(START + dt.timedelta(seconds=seconds))


def record(number: int, seconds: float, part: int = 1, parts: int = 1) -> Raw:
    return dump({"id": number, "changed_at": at(seconds), "part": part, "parts": parts, "name": "any"})


def kept(progress: Progress) -> Bookmark:
    """The bookmark as the ledger gives it back."""
    bookmark: Bookmark = json.loads(json.dumps(progress.bookmark()))
    return bookmark


def test_at_first_everything_is_asked_for_and_nothing_is_kept() -> None:
    progress = Progress(None, 60)
    assert progress.floor is None
    assert progress.bookmark() is None


def test_a_change_is_known_by_its_moment_and_id() -> None:
    progress = Progress(None, 60)
    progress.passed([record(1, 0), record(2, 0), record(1, 10)])
    later = Progress(kept(progress), 60)
    assert later.floor == START - dt.timedelta(seconds=50)
    assert [later.knows(1, [at(0)]), later.knows(2, [at(0)]), later.knows(1, [at(10)])] == [True] * 3
    assert not later.knows(2, [at(10)]), "it was written again"
    assert not later.knows(3, [at(0)]), "it shares the moment, and came late"


def test_a_change_that_turns_up_late_behind_a_later_one_of_the_same_thing_is_new() -> None:
    """An address is written by a transaction that began before the one that wrote the party, and ends after it."""
    progress = Progress(None, 60)
    progress.read(1, {at(0), at(10)})
    progress.passed([record(1, 10)])
    later = Progress(kept(progress), 60)
    assert later.knows(1, {at(0), at(10)})
    assert not later.knows(1, {at(0), at(5), at(10)})
    later.read(1, {at(0), at(5), at(10)})
    later.passed([record(1, 10)])
    assert Progress(kept(later), 60).knows(1, {at(0), at(5), at(10)})


def test_a_thing_of_several_records_is_given_out_with_the_last_of_them() -> None:
    progress = Progress(None, 60)
    progress.passed([record(1, 0, part=1, parts=2)])
    assert progress.bookmark() is None
    progress.passed([record(1, 0, part=2, parts=2)])
    assert Progress(kept(progress), 60).knows(1, [at(0)])


def test_a_bookmark_stays_small() -> None:
    progress = Progress(None, 60)
    progress.passed([record(number, 0) for number in range(1, 20_001) if number != 777])
    assert kept(progress) == {"latest": at(0), "given": {at(0): [[1, 776], [778, 20_000]]}}
    progress.passed([record(5, 61)])
    assert kept(progress) == {"latest": at(61), "given": {at(61): [[5, 5]]}}, "what lies below the overlap"


def test_a_record_that_comes_late_does_not_draw_the_position_back() -> None:
    progress = Progress(None, 60)
    progress.passed([record(1, 50)])
    later = Progress(kept(progress), 60)
    later.passed([record(2, 10)])
    assert kept(later) == {"latest": at(50), "given": {at(50): [[1, 1]], at(10): [[2, 2]]}}


def test_of_a_thing_that_changes_often_only_what_may_be_asked_for_again_is_kept() -> None:
    changes = Changes(60)
    for second in range(100_000):
        changes.note(1, at(second))
        assert len(changes[1]) <= 128
    assert {at(second) for second in range(99_940, 100_000)} <= changes[1]
