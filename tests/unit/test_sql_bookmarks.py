"""What a SQL source remembers: nothing within the overlap comes twice, nothing late is missed, and a bookmark stays small."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sql import bookmarks
from connectors.sql.bookmarks import KnownKeys, Window
from connectors.sql.texts import json_texts, whole
from connectors.sql.values import Kind, fitted, tagged, untagged
from orderhub.connector import Bookmark
from orderhub.errors import ConnectorRefused


def through_json(bookmark: Bookmark) -> Bookmark:
    kept: Bookmark = json.loads(json.dumps(bookmark))
    return kept


def pull(
    rows: list[tuple[int, int]], overlap: float, since: Bookmark, page: int
) -> tuple[list[tuple[int, int]], Bookmark]:
    """What a pull of sorted rows gives, and its last bookmark."""
    window = Window(overlap, since)
    floor, begun = window.floor, window.position
    rows = sorted(row for row in rows if floor is None or row[0] >= floor)
    kept = window.keep_seen(rows) if begun is not None else [True] * len(rows)
    found = [row for row, wanted in zip(rows, kept, strict=True) if wanted]
    bookmark = since
    for start in range(0, len(found), page):
        window.take(found[start : start + page])
        bookmark = through_json(window.dump())
    return found, bookmark


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=8), min_size=1, max_size=6),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_every_row_comes_once_however_late_within_the_overlap(
    batches: list[list[int]], overlap: int, page: int
) -> None:
    rows: list[tuple[int, int]] = []
    given_rows: list[tuple[int, int]] = []
    bookmark: Bookmark = None
    newest = 0
    for batch in batches:
        for back in batch:
            # a new row, up to the overlap older than the newest that was read
            rows.append((max(newest - back % (overlap + 1), 0) if back % 2 else newest + back, len(rows)))
        found, bookmark = pull(rows, overlap, bookmark, page)
        given_rows += found
        newest = max([newest, *(row[0] for row in rows)])
        assert not any(Window(overlap, bookmark).unseen([row for row in rows if row[0] >= newest - overlap]))
    assert sorted(given_rows) == sorted(rows)


def test_more_rows_than_a_bookmark_holds_come_again_and_are_never_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bookmarks, "MOST_IN_WINDOW", 10)
    rows = [(5, number) for number in range(30)]
    found, bookmark = pull(rows, 60, None, 7)
    assert found == rows
    assert bookmark is not None
    assert bookmark["partial"]
    again, _ = pull([*rows, (4, 99)], 60, bookmark, 7)
    assert (4, 99) in again
    assert set(again) <= {*rows, (4, 99)}
    assert len(again) == 21


def test_a_number_of_many_digits_is_counted_back_without_rounding() -> None:
    """Rounded up, it would pass over what lies below."""
    at = Decimal("9" * 37 + "4")
    window = Window(5, None)
    window.take([(at, 1)])
    assert window.floor == Decimal("9" * 36 + "89")


def test_a_watermark_that_cannot_be_counted_back_has_no_overlap() -> None:
    window = Window(60, None)
    with pytest.raises(ConnectorRefused, match="overlap"):
        window.take([("2026", 1)])
    window = Window(0, None)
    window.take([("2026", 1)])
    assert window.floor == "2026"


@given(st.lists(st.integers(-50, 50)))
def test_whole_keys_are_ranges(numbers: list[int]) -> None:
    known = KnownKeys(None)
    for number in numbers:
        known.add((number,))
    again = KnownKeys(through_json(known.dump()))
    assert all(((number,) in again) is (number in numbers) for number in range(-55, 55))
    ranges = (again.dump() or {})["ranges"]
    assert all(left[1] + 1 < right[0] for left, right in itertools.pairwise(ranges))


def test_other_keys_are_marks_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownKeys(None)
    known.add(("a", 1))
    assert ("a", 1) in KnownKeys(through_json(known.dump()))
    assert ("a1",) not in known
    monkeypatch.setattr(bookmarks, "MOST_KEYS", 3)
    with pytest.raises(ConnectorRefused, match="watermark"):
        for number in range(5):
            known.add((f"k{number}",))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2**70,
        Decimal("1.500"),
        0.1,
        "'; --",
        dt.datetime(2026, 1, 2, 3, 4, 5, 6),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.date(2026, 1, 2),
        dt.time(1, 2),
        b"\0\xff",
    ],
)
def test_values_survive_json(value: object) -> None:
    again = untagged(json.loads(json.dumps(tagged(value))))
    assert again == value
    assert type(again) is type(value)


def test_values_of_settings_become_what_a_column_holds() -> None:
    assert fitted("2026-01-02", Kind.MOMENT) == dt.datetime(2026, 1, 2)
    assert fitted(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), Kind.MOMENT) == dt.datetime(2026, 1, 2)
    assert fitted(7, Kind.TEXT) == "7"
    assert fitted(7, Kind.NUMBER) == Decimal(7)
    with pytest.raises(ValueError, match="x"):
        fitted("x", Kind.NUMBER)


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        (pa.array(["12.3400", ".5", "+1", "007", "NaN", "1e3", None]), Kind.NUMBER,
         ["12.3400", "0.5", "1", "7", '"NaN"', "1e3", "null"]),
        (pa.array([1.5, float("inf"), None]), Kind.FLOAT, ["1.5", '"inf"', "null"]),
        (pa.array(['a"b\\c\n\x01é', ""]), Kind.TEXT, ['"a\\"b\\\\c\\n\\u0001é"', '""']),
        (pa.array([Decimal("0.10")]), Kind.NUMBER, ["0.10"]),
        (pa.array([dt.datetime(2026, 1, 2, 3, 4, 5, 600000), dt.datetime(2026, 1, 2)]), Kind.MOMENT,
         ['"2026-01-02T03:04:05.600000"', '"2026-01-02T00:00:00"']),
        (pa.array([dt.datetime(2026, 1, 2)], pa.timestamp("us", "UTC")), Kind.INSTANT, ['"2026-01-02T00:00:00Z"']),
        (pa.array([dt.date(2026, 1, 2)]), Kind.DATE, ['"2026-01-02"']),
        (pa.array([b"\0\xff"]), Kind.BYTES, ['"AP8="']),
        (pa.array([True, None]), Kind.BOOLEAN, ["true", "null"]),
        (pa.nulls(2), Kind.TEXT, ["null", "null"]),
    ],
)  # fmt: skip
def test_columns_become_json_as_they_are_written(values: pa.Array, kind: Kind, texts: list[str]) -> None:
    assert whole(json_texts(values, kind)).to_pylist() == texts
