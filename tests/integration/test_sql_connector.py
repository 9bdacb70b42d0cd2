"""What the contract cannot know of the SQL connector: nested rows, late commits, ended sessions, crashed drivers, hostile text."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from servers.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from servers.sql_tables import (
    DOCUMENT,
    ITEMS,
    LINES,
    ORDERS,
    OUTBOX,
    SCHEDULES,
    MariaDbTables,
    PostgresTables,
    Tables,
    need_odbc,
    sql_mariadb,  # noqa: F401 - a fixture
    sql_postgres,  # noqa: F401 - a fixture
)

from connectors.sql import reading
from connectors.sql.connector import SqlConnector
from orderhub.connector import Interchange, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests

pytestmark = pytest.mark.integration

#: Texts that end a statement, a quotation, a comment or a placeholder somewhere.
HOSTILE = (
    '\'; DROP TABLE "Order"; --',
    "\\'; DELETE FROM `Order`; #",
    "Robert'); DROP TABLE Students;--",
    "%s %(x)s :x ? $1 {0} ${x} @x",
    '"}],"lines":[{"x":1}',
    "/* */ UNION SELECT 1 -- \x01\t\n\r",
    "1 OR 1=1",
    "ÄÖ\u202e漢字😀 \\ \\\\ \\u0000",
    "",
    " ",
    "NULL",
)
WATERMARK = {"by": "watermark", "column": "changed", "overlap": 60}
BY_OUTBOX = {
    "by": "outbox",
    "table": "outbox",
    "key": ["id"],
    "join": {"order_id": "Id"},
    "mark": {"column": "taken"},
}
WAYS = ("postgresql", "postgresql_odbc", "mariadb", "mariadb_odbc")
Make = Callable[..., SqlConnector]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def at(way: str, request: pytest.FixtureRequest) -> Iterator[Tables]:
    """The tables, in the database of this way."""
    if way.startswith("postgresql"):
        tables: Tables = PostgresTables(request.getfixturevalue("sql_postgres"))
    else:
        tables = MariaDbTables(*request.getfixturevalue("sql_mariadb"))
    if way.endswith("odbc"):
        need_odbc("PostgreSQL Unicode" if way.startswith("postgresql") else "MariaDB Unicode")
    yield tables
    tables.close()


@pytest.fixture
def make(way: str, at: Tables) -> Iterator[Make]:
    made: list[SqlConnector] = []

    def build(**settings: Any) -> SqlConnector:
        ports = PortsForTests(credentials={"source": at.credentials(odbc=way.endswith("odbc"))})
        connector = registry().create("sql", {**DOCUMENT, "read": WATERMARK, **settings}, ports)
        assert isinstance(connector, SqlConnector)
        made.append(connector)
        return connector

    yield build
    for connector in made:
        connector.close()


def documents(found: list[Interchange]) -> list[dict[str, Any]]:
    return [document for one in found for document in json.loads(one.data or b"[]", parse_float=Decimal)]


def bookmark(found: list[Interchange]) -> Any:
    return json.loads(json.dumps(found[-1].bookmark))


def fill(at: Tables, count: int, lines: int = 3) -> None:
    """So many orders with lines and schedules, written at once."""
    day = dt.datetime(2026, 11, 2, 8, 0)
    with at.engine.begin() as connection:
        connection.execute(
            ORDERS.insert(),
            [
                {"Id": n, "name": f"N{n}", "changed": day + dt.timedelta(seconds=n), "state": "new"}
                for n in range(1, count + 1)
            ],
        )
        connection.execute(
            LINES.insert(),
            [
                {
                    "order_id": n,
                    "number": m,
                    "item": f"I{m}",
                    "quantity": m,
                    "due": day.date(),
                    "changed": day,
                }
                for n in range(1, count + 1)
                for m in range(1, lines + 1)
            ],
        )


def test_rows_that_belong_together_are_one_document_whatever_they_say(at: Tables, make: Make) -> None:
    """SQL in every field, in values, keys of lookups and conditions, is text and nothing else."""
    with at.engine.begin() as connection:
        connection.execute(ITEMS.insert(), [{"code": text, "title": text} for text in HOSTILE[:8]])
        for number, text in enumerate(HOSTILE, 1):
            moment = dt.datetime(2026, 11, 2, 8, 0, number)
            connection.execute(
                ORDERS.insert(),
                {"Id": number, "name": text, "body": text, "total": Decimal("12.3400"), "group": number}
                | {"changed": moment, "state": text[:20]},
            )
            connection.execute(
                LINES.insert(),
                [
                    {"order_id": number, "number": line, "item": text, "quantity": Decimal("0.100")}
                    | {"due": dt.date(2026, 12, line), "changed": moment}
                    for line in (10, 2)
                ],
            )
            connection.execute(
                SCHEDULES.insert(), {"order_id": number, "line": 2, "part": 1, "quantity": Decimal("0.050")}
            )
    before = at.everything()
    found = list(make(documents_per_interchange=4).pull("orders", None))
    assert [len(documents([one])) for one in found] == [4, 4, 3]
    for number, (text, order) in enumerate(zip(HOSTILE, documents(found), strict=True), 1):
        title = {"title": text} if number <= 8 else None
        line = {"item": text, "quantity": Decimal("0.100"), "article": title}
        assert order == {
            "Id": number,
            "name": text,
            "body": text,
            "total": Decimal("12.3400"),
            "group": number,
            "changed": f"2026-11-02T08:00:{number:02}",
            "state": text[:20],
            "lines": [
                {"number": 2, "due": "2026-12-02", **line}
                | {"schedules": [{"part": 1, "quantity": Decimal("0.050")}]},
                {"number": 10, "due": "2026-12-10", **line, "schedules": []},
            ],
        }
    assert b'"total":12.3400' in (found[0].data or b"")
    some = {"column": "name", "operator": "one_of", "values": HOSTILE[1:8]}
    chosen = list(make(where=[some, {"column": "body", "value": HOSTILE[3]}]).pull("orders", None))
    assert [document["name"] for document in documents(chosen)] == [HOSTILE[3]]
    assert at.everything() == before


def test_what_commits_late_is_found_within_the_overlap_and_nothing_comes_twice(
    at: Tables, make: Make
) -> None:
    day = dt.datetime(2026, 11, 2, 8, 0)
    at.order("first", "", changed=day)
    at.order("second", "", changed=day + dt.timedelta(seconds=30))
    connector = make(documents_per_interchange=1)
    first = list(connector.pull("orders", None))
    assert [order["name"] for order in documents(first)] == ["first", "second"]
    assert not connector.waiting("orders", bookmark(first))
    at.order("late", "", changed=day + dt.timedelta(seconds=10))
    assert connector.waiting("orders", bookmark(first))
    second = list(connector.pull("orders", bookmark(first)))
    assert [order["name"] for order in documents(second)] == ["late"]
    assert not connector.waiting("orders", bookmark(second))
    assert list(connector.pull("orders", bookmark(second))) == []
    with at.engine.begin() as connection:
        connection.execute(
            ORDERS.update().where(ORDERS.c.name == "first").values(changed=day + dt.timedelta(seconds=31))
        )
    third = list(connector.pull("orders", bookmark(second)))
    assert [order["name"] for order in documents(third)] == ["first"]


def test_a_changed_line_makes_its_order_new(at: Tables, make: Make) -> None:
    fill(at, 5)
    connector = make(read={**WATERMARK, "children": {"lines": "changed"}, "overlap": 0})
    found = list(connector.pull("orders", None))
    assert len(documents(found)) == 5
    with at.engine.begin() as connection:
        connection.execute(
            LINES.update()
            .where(LINES.c.order_id == 2, LINES.c.number == 3)
            .values(quantity=Decimal("7.5"), changed=dt.datetime(2026, 11, 3))
        )
    assert connector.waiting("orders", bookmark(found))
    [changed] = documents(list(connector.pull("orders", bookmark(found))))
    assert changed["Id"] == 2
    assert [line["quantity"] for line in changed["lines"]] == [1, 2, Decimal("7.500")]


def test_keys_not_seen_or_given(at: Tables, make: Make) -> None:
    fill(at, 6)
    given = make(read={"by": "keys", "keys": [2, 4, 99]})
    found = list(given.pull("orders", None))
    assert [order["Id"] for order in documents(found)] == [2, 4]
    assert not given.waiting("orders", bookmark(found))
    unseen = make(read={"by": "keys"})
    assert unseen.waiting("orders", bookmark(found))
    rest = list(unseen.pull("orders", bookmark(found)))
    assert [order["Id"] for order in documents(rest)] == [1, 3, 5, 6]
    assert rest[-1].bookmark == {"by": "keys", "ranges": [[1, 6]], "marks": ""}
    assert not unseen.waiting("orders", bookmark(rest))


def test_outbox_rows_go_when_the_hub_has_them(at: Tables, make: Make) -> None:
    fill(at, 3)
    for order in (3, 1, 3):
        at.announce(order)
    deleting = make(read={key: value for key, value in BY_OUTBOX.items() if key != "mark"})
    assert deleting.check().ok, deleting.check()
    assert len(at.rows(OUTBOX)) == 3
    found = list(deleting.pull("orders", None))
    assert [order["Id"] for order in documents(found)] == [3, 1, 3]
    assert len(at.rows(OUTBOX)) == 3
    at.announce(2)
    for _ in range(2):
        deleting.settle(found[0], Settlement.ACCEPTED)
        assert [row["order_id"] for row in at.rows(OUTBOX)] == [2]
    marking = make(read=BY_OUTBOX)
    [late] = marking.pull("orders", None)
    marking.settle(late, Settlement.ACCEPTED)
    [row] = at.rows(OUTBOX)
    assert row["taken"] is not None
    marking.settle(late, Settlement.ACCEPTED)
    assert at.rows(OUTBOX) == [row]
    assert not marking.waiting("orders", None)


def test_a_row_that_the_source_opens_again_is_another_arrival(at: Tables, make: Make) -> None:
    """The hub settles an arrival that it knows without reading it once more."""
    number = at.order("first", "")
    by_state = {"by": "outbox", "mark": {"column": "state", "open": "new", "done": "taken"}}
    connector = make(read=by_state)

    def pull() -> Interchange:
        [found] = connector.pull("orders", None)
        return found

    first = pull()
    assert pull().arrival == first.arrival, "nothing was settled and nothing changed"
    connector.settle(first, Settlement.ACCEPTED)
    assert not connector.waiting("orders", None)
    with at.engine.begin() as connection:
        connection.execute(ORDERS.update().where(ORDERS.c.Id == number).values(name="second", state="new"))
    second = pull()
    assert second.arrival != first.arrival
    assert [order["name"] for order in documents([second])] == ["second"]


def test_keys_of_a_fixed_width_are_compared_as_their_database_does(at: Tables, make: Make) -> None:
    """What is filled up with blanks is the same with and without them."""
    with at.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS partner"))
        connection.execute(sa.text("CREATE TABLE partner (code CHAR(10) PRIMARY KEY, taken INTEGER)"))
        connection.execute(
            sa.text("INSERT INTO partner (code, taken) VALUES ('A1', 0), ('B22', 0), ('C3', 0)")
        )
    table = {"table": "partner", "key": ["code"], "children": {}}

    def codes(found: list[Interchange]) -> list[str]:
        return [document["code"].rstrip() for document in documents(found)]

    by_keys = make(**table, read={"by": "keys"}, documents_per_interchange=2)
    found = list(by_keys.pull("partners", None))
    assert codes(found) == ["A1", "B22", "C3"]
    assert not by_keys.waiting("partners", bookmark(found))
    assert codes(list(make(**table, read={"by": "keys", "keys": ["B22"]}).pull("partners", None))) == ["B22"]
    marked = make(**table, read={"by": "outbox", "mark": {"column": "taken", "open": 0, "done": 1}})
    for one in marked.pull("partners", None):
        marked.settle(one, Settlement.ACCEPTED)
    assert not marked.waiting("partners", None)


def _end_sessions(at: Tables) -> int:
    """End every session but the test's own, as an administrator would; how many."""
    with at.engine.connect() as connection:
        if isinstance(at, PostgresTables):
            query = (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            return int(connection.execute(sa.text(query)).scalar_one())
        found = connection.execute(
            sa.text(
                "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()"
            )
        ).scalars()
        ended = 0
        for number in found.all():
            try:
                connection.execute(sa.text(f"KILL {int(number)}"))
                ended += 1
            except (sa.exc.OperationalError, pymysql.err.OperationalError):
                continue  # it ended by itself meanwhile
        return ended


def test_a_session_that_the_database_ends_is_gone_on_with(
    at: Tables, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(at, 40)
    # small blocks, so that the cut falls between two
    monkeypatch.setattr(reading, "_FIRST_DOCUMENTS", 5)
    monkeypatch.setattr(reading, "_MOST_DOCUMENTS", 5)
    connector = make(documents_per_interchange=5)
    given: list[Interchange] = []
    with pytest.raises(ConnectorUnavailable) as caught:
        for interchange in connector.pull("orders", None):
            given.append(interchange)
            if len(given) == 3:
                assert _end_sessions(at) >= 1
    assert caught.value.retryable
    assert 3 <= len(given) < 8
    given += connector.pull("orders", bookmark(given))
    assert [order["Id"] for order in documents(given)] == list(range(1, 41))


@pytest.mark.parametrize("way", ["postgresql", "postgresql_odbc"], indirect=True)
def test_a_session_ended_in_the_middle_of_a_result_gives_nothing_of_it(at: Tables, make: Make) -> None:
    """Rows came already, and the next one ends its own session."""
    fill(at, 1)
    connector = make()
    session = connector._fresh().session
    number = sa.func.generate_series(1, 100_000).column_valued("n")
    ends = sa.case(
        (number == 50_000, sa.func.pg_terminate_backend(sa.func.pg_backend_pid())), else_=sa.false()
    )
    with pytest.raises(ConnectorUnavailable), session.snapshot():
        session.table(sa.select(number.label("c0"), ends.label("c1")))
    assert connector.check().ok


def test_a_session_ended_between_two_pulls_is_noticed_once(at: Tables, make: Make) -> None:
    fill(at, 2)
    connector = make()
    found = list(connector.pull("orders", None))
    _end_sessions(at)
    with pytest.raises(ConnectorUnavailable):
        connector.waiting("orders", bookmark(found))
    assert not connector.waiting("orders", bookmark(found))
    assert connector.check().ok
    _end_sessions(at)
    assert list(connector.pull("orders", bookmark(found))) == [], "a pull looks first"


@pytest.mark.parametrize("read", [WATERMARK, BY_OUTBOX], ids=["watermark", "outbox"])
def test_half_an_order_is_never_read(at: Tables, make: Make, read: dict[str, Any]) -> None:
    """What changes while a block is read belongs to the next look: headers and lines are of one moment."""
    fill(at, 3, lines=2)
    for order in (1, 2, 3):
        at.announce(order)
    connector = make(read=read)
    reader = connector._fresh()
    real = reader._table

    def slow(plan: Any) -> Any:
        table = real(plan)
        if plan.path == "":
            moved = dt.datetime(2026, 11, 9)
            with at.engine.begin() as connection:
                connection.execute(LINES.delete().where(LINES.c.order_id == 2))
                connection.execute(ORDERS.update().where(ORDERS.c.Id == 2).values(changed=moved))
        return table

    reader._table = slow  # type: ignore[method-assign]
    connector._fresh = lambda: reader  # type: ignore[method-assign]
    found = list(connector.pull("orders", None))
    assert [len(order["lines"]) for order in documents(found)] == [2, 2, 2]
    if read is BY_OUTBOX:
        return
    reader._table = real  # type: ignore[method-assign]
    [changed] = documents(list(connector.pull("orders", bookmark(found))))
    assert (changed["Id"], changed["lines"]) == (2, [])


@pytest.mark.parametrize("way", ["postgresql_odbc", "mariadb_odbc", "mariadb"], indirect=True)
def test_a_driver_that_crashes_takes_only_its_own_process(at: Tables, make: Make) -> None:
    fill(at, 4)
    connector = make(documents_per_interchange=1)
    given: list[Interchange] = []
    pulled = connector.pull("orders", None)
    given.append(next(pulled))
    session = connector._session
    assert session is not None
    process = session.process  # type: ignore[attr-defined]
    ask, pid = process._ask, process.pid

    def crashing(request: dict[str, Any]) -> Any:
        if request["do"] == "table":
            process._ask = ask
            os.kill(process.pid, signal.SIGSEGV)
        return ask(request)

    process._ask = crashing
    with pytest.raises(ConnectorUnavailable, match="SIGSEGV"):
        list(connector.pull("orders", bookmark(given)))
    given += connector.pull("orders", bookmark(given))
    assert [order["Id"] for order in documents(given)] == [1, 2, 3, 4]
    assert process.pid != pid


def test_what_cannot_be_right_is_said(at: Tables, make: Make) -> None:
    fill(at, 1)
    for settings, said in (
        ({"table": "no_such"}, "no_such"),
        ({"key": ["no_such"]}, "no_such"),
        ({"children": {"lines": {**DOCUMENT["children"]["lines"], "key": ["order_id"]}}}, "more than once"),
    ):
        with pytest.raises(ConnectorRefused, match=said):
            list(make(**settings).pull("orders", None))
    health = make(table="no_such").check()
    assert not health.ok
    assert "no_such" in health.sentence
    at.order("without", "", changed=None, Id=2)
    health = make().check()
    assert not health.ok
    assert "without changed" in health.sentence


def test_a_wrong_password_is_refused_and_never_shown(at: Tables, way: str) -> None:
    right = at.credentials(odbc=way.endswith("odbc"))
    wrong = type(right)(url=right.url, user=right.user, secret="hunter2;x}{'", extra=right.extra)
    connector = registry().create(
        "sql", {**DOCUMENT, "read": WATERMARK}, PortsForTests(credentials={"source": wrong})
    )
    with pytest.raises(ConnectorRefused) as caught:
        connector.waiting("orders", None)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in connector.check().sentence
    connector.close()
