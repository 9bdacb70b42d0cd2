"""Rows become documents by columns: exact, in order, and the same whether the fast way is taken or not."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from connectors.sql.chosen import Chosen
from connectors.sql.grouping import ascending
from connectors.sql.plans import LevelPlan, LookupPlan
from connectors.sql.reading import Block, _documents
from connectors.sql.sessions.base import bound, compiled
from connectors.sql.sessions.postgres_values import values_ahead
from connectors.sql.texts import json_texts, whole
from connectors.sql.values import Kind
from connectors.sql.ways import _read_ahead
from orderhub.errors import ConnectorRefused, ConnectorUnavailable

HOSTILE = "x'; DROP TABLE t; --"
#: As databases and drivers write numbers, and as JSON has them.
NUMBERS = {
    "0": "0",
    "-0": "-0",
    "12.3400": "12.3400",
    "-0.001": "-0.001",
    "99999999999999999999.123456789": "99999999999999999999.123456789",
    "1E-7": "1E-7",
    "4e+05": "4e+05",
    ".5": "0.5",
    "-.5": "-0.5",
    "5.": "5",
    "+1": "1",
    "007": "7",
    "00.50": "0.50",
    "NaN": '"NaN"',
    "-Infinity": '"-Infinity"',
    "1.2.3": '"1.2.3"',
    "1-2": '"1-2"',
    "--1": '"--1"',
    "-": '"-"',
    ".": '"."',
    "": '""',
}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_written_as_json_has_it_alone_and_among_others(text: str) -> None:
    for beside in ([], ["1", "-2.50", None, "0"]):
        for values in ([text, *beside], [*beside, text]):
            expected = ["null" if one is None else NUMBERS.get(one, one) for one in values]
            column = pa.array(values, pa.string())
            assert whole(json_texts(column, Kind.NUMBER)).to_pylist() == expected
            # a part of a column has its texts somewhere in the middle of the bytes
            part = pa.array(["7", *values, "x"], pa.string()).slice(1, len(values))
            assert whole(json_texts(part, Kind.NUMBER)).to_pylist() == expected


@pytest.mark.parametrize("text", ['"', "\\", "\x00", "\x1f", "a\nb", 'ä"漢'])
def test_what_json_must_escape_is_found_among_plain_texts(text: str) -> None:
    values = ["plain", text, None, "", "\x7f\u2028😀"]
    texts = whole(json_texts(pa.array(values), Kind.TEXT)).to_pylist()
    assert [json.loads(one) for one in texts] == values


def orders(*, shuffled: bool, seed: int = 3) -> tuple[dict[str, tuple[LevelPlan, pa.Table]], list[Any]]:
    """Three levels as the database gives them, and the documents that they are."""
    chance = random.Random(seed)
    expected: list[dict[str, Any]] = []
    lines: list[tuple[int, int, str | None, Decimal]] = []
    schedules: list[tuple[int, int, int]] = []
    for order in chance.sample(range(100), 20):
        made: dict[str, Any] = {
            "id": order,
            "vendor": {"name": f'N"{order}'} if order % 3 else None,
            "lines": [],
        }
        for line in range(1, chance.randint(0, 4) + 1):
            item = None if line == 2 else f"I\\{line}"
            parts = list(range(chance.randint(0, 2)))
            lines.append((order, line, item, Decimal(line).scaleb(-1)))
            schedules += [(order, line, part) for part in parts]
            made["lines"].append(
                {"line": line, "item": item, "quantity": Decimal(line).scaleb(-1)}
                | {"deleted": line == 3, "schedules": [{"part": part} for part in parts]}
            )
        expected.append(made)
    # rows of an order that is not asked for
    lines.append((1000, 1, "other", Decimal(1)))
    if shuffled:
        chance.shuffle(lines)
        chance.shuffle(schedules)
    numbers = [one["id"] for one in expected]
    names = [(one["vendor"] or {"name": None})["name"] for one in expected]
    header = pa.table({"c0": numbers, "c1": pa.array(names, pa.string())})
    columns = list(zip(*lines, strict=True))
    line_rows = pa.table(
        {
            "c0": pa.array(columns[0], pa.int32()),
            "c1": columns[1],
            "c2": columns[2],
            "c3": [str(one) for one in columns[3]],
            "c4": [int(line == 3) for line in columns[1]],
        }
    )
    parts = list(zip(*schedules, strict=True))
    schedule_rows = pa.table({"c0": pa.array(parts[0], pa.int32()), "c1": parts[1], "c2": parts[2]})
    whole_number = Kind.INTEGER
    statement: Any = None
    lookup = LookupPlan("vendor", 1, (("name", 1),))
    return {
        "": (
            LevelPlan("", statement, (whole_number, Kind.TEXT), (0,), (0,), (0,), (("id", 0),), (lookup,)),
            header,
        ),
        "lines": (
            LevelPlan(
                "lines",
                statement,
                (whole_number, whole_number, Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN),
                (0,),
                (0, 1),
                (1,),
                (("line", 1), ("item", 2), ("quantity", 3)),
                (),
                ("deleted", 4),
            ),
            line_rows,
        ),
        "lines/schedules": (
            LevelPlan(
                "lines/schedules", statement, (whole_number,) * 3, (0, 1), (0, 1, 2), (2,), (("part", 2),), ()
            ),
            schedule_rows,
        ),
    }, expected


@pytest.mark.parametrize("shuffled", [False, True])
def test_rows_in_any_order_become_the_same_documents(*, shuffled: bool) -> None:
    levels, expected = orders(shuffled=shuffled)
    documents = _documents(levels)
    assert len(documents) == len(expected) == 20
    for start, stop in ((0, 20), (0, 1), (7, 12), (19, 20)):
        assert json.loads(documents.array(start, stop), parse_float=Decimal) == expected[start:stop]
    assert documents.array(0, 20) == _documents(orders(shuffled=not shuffled)[0]).array(0, 20)


def test_a_row_that_comes_twice_is_refused() -> None:
    levels, _ = orders(shuffled=False)
    plan, rows = levels["lines"]
    levels["lines"] = (plan, pa.concat_tables([rows, rows.slice(0, 1)]))
    with pytest.raises(ConnectorRefused, match="level lines comes more than once"):
        _documents(levels)


@pytest.mark.parametrize(
    ("columns", "fine"),
    [
        ([[1, 1, 2], [1, 2, 1]], True),
        ([[1, 1, 2], [2, 1, 1]], False),
        ([[2, 1], [1, 2]], False),
        ([[1, 1], [1, 1]], False),
        ([[1, 2], [None, 1]], False),
        ([[1], [1]], True),
        ([[], []], True),
    ],
)
def test_only_what_is_in_order_and_told_apart_needs_no_sorting(
    columns: list[list[Any]], *, fine: bool
) -> None:
    assert ascending([pa.array(one, pa.int64()) for one in columns]) is fine


def test_what_was_read_before_the_database_went_away_is_given_first() -> None:
    read: list[int] = []

    def blocks() -> Iterator[Block]:
        for number in range(3):
            read.append(number)
            yield Block([], None, number, None)
        raise ConnectorUnavailable("It is gone.", todo="Pull again.")

    given: list[tuple[int, int]] = []

    def take() -> None:
        for block in _read_ahead(blocks()):
            given.append((block.found, len(read)))

    with pytest.raises(ConnectorUnavailable):
        take()
    assert given == [(0, 2), (1, 3), (2, 3)]
    read.clear()
    one_by_one = _read_ahead(blocks(), lambda: False)
    alone = [(next(one_by_one).found, len(read)) for _ in range(3)]
    assert alone == [(0, 1), (1, 2), (2, 3)]


def test_values_go_to_postgresql_ahead_of_the_statement_and_never_in_its_text() -> None:
    table = sa.table("t", sa.column("text"), sa.column("at"), sa.column("number"))
    moment = dt.datetime(2026, 11, 2, 8, 0, 0, 5, dt.UTC)
    statement = (
        sa.select(table.c.text)
        .where(
            table.c.text == bound(HOSTILE, Kind.TEXT),
            *Chosen(after=(moment, 7)).conditions(
                [table.c.at, table.c.number], [Kind.INSTANT, Kind.INTEGER], bound
            ),
        )
        .limit(5)
    )
    ahead = values_ahead(statement)
    assert ahead is not None
    assert "DROP TABLE" not in ahead.text
    assert "$" not in ahead.text
    assert "LIMIT CAST(current_setting('orderhub.value_" in ahead.text
    text, given = compiled(ahead.settings, sa.dialects.postgresql.asyncpg.dialect())
    assert "DROP TABLE" not in text
    assert set(given[1::2]) == {HOSTILE, "2026-11-02 08:00:00.000005+00:00", "7", "5"}
    assert values_ahead(sa.select(table.c.text)) is None
    many = sa.or_(*(table.c.number == bound(number, Kind.INTEGER) for number in range(30)))
    assert values_ahead(sa.select(table.c.text).where(many)) is None
