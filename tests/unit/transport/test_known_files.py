"""What was given of a folder whose files are left in place, told by a bookmark of constant size."""

from __future__ import annotations

import random

import msgspec
import pytest

from orderhub.transport.files.known import KnownFiles
from orderhub.transport.files.store import Entry, Kind


def entry(number: int, modified: int) -> Entry:
    return Entry(name=f"{number}.edi", kind=Kind.FILE, size=number, modified_ns=modified * 10**9)


@pytest.mark.parametrize("seed", range(20))
def test_no_new_file_is_ever_missed_whatever_comes_and_goes(seed: int) -> None:
    chance = random.Random(seed)
    folder: dict[int, Entry] = {}
    given: set[Entry] = set()
    bookmark = None
    numbers = iter(range(10_000_000))
    for clock in range(40):
        for _ in range(chance.choice((0, 1, 5, 300))):
            number = next(numbers)
            # most are new, some kept an old time
            folder[number] = entry(number, clock if chance.random() < 0.9 else chance.randrange(clock + 1))
        if chance.random() < 0.3:
            for number in chance.sample(sorted(folder), len(folder) // 10):
                del folder[number]
        known = KnownFiles(bookmark)
        new = known.new(folder.values())
        assert set(folder.values()) - given <= set(new)
        new.sort(key=lambda one: (one.modified_ns, one.name))
        for one in new[: chance.randrange(len(new) + 1)]:  # a crash may end it anywhere
            known.add(one)
            given.add(one)
            bookmark = msgspec.json.decode(msgspec.json.encode(known.bookmark()))
    for _ in range(2):
        known = KnownFiles(bookmark)
        for one in known.new(folder.values()):
            known.add(one)
        bookmark = known.bookmark()
    assert KnownFiles(bookmark).new(folder.values()) == []


def test_what_is_new_is_told_without_giving_the_rest_again() -> None:
    files = [entry(number, number) for number in range(20_000)]
    known = KnownFiles(None)
    for one in known.new(files):
        known.add(one)
    later = [entry(number, number) for number in range(20_000, 20_500)]
    told = KnownFiles(known.bookmark()).new([*files, *later])
    assert sorted(told, key=lambda one: one.modified_ns) == later
    kept_its_time = entry(1_000_000, 5)
    assert KnownFiles(known.bookmark()).new([*files, kept_its_time]) == [kept_its_time]


@pytest.mark.parametrize(
    "bookmark", [{}, {"given": 5}, {"given": "???"}, {"given": "AAAA"}, {"changed_ns": 7}], ids=str
)
def test_a_bookmark_of_another_kind_begins_anew(bookmark: dict[str, object]) -> None:
    assert len(KnownFiles(bookmark).new([entry(1, 1)])) == 1
