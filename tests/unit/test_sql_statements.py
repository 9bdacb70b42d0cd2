"""What the SQL connector would send: composed for every dialect, names quoted, values bound; also for databases that no test has."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mssql, mysql, oracle, postgresql, sqlite
from sqlalchemy.engine import Dialect

from connectors.sql.chosen import Chosen
from connectors.sql.marking import marking
from connectors.sql.plans import Shape
from connectors.sql.sessions.address import address
from connectors.sql.sessions.base import bound, compiled
from connectors.sql.sessions.mysql import MySqlSession
from connectors.sql.sessions.odbc import connection_string, dialect_named
from connectors.sql.sessions.worker import FAST_EXECUTEMANY
from connectors.sql.settings import ByOutbox, SqlSettings
from connectors.sql.statements import Statements, describing
from connectors.sql.values import Described, Kind
from orderhub.connector import Credentials
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorRefused

HOSTILE = 'x\'; DROP TABLE "Order"; -- ` ] :p %s ?'
DIALECTS: dict[str, Dialect] = {
    "postgresql": postgresql.dialect(paramstyle="qmark"),
    "adbc": postgresql.asyncpg.dialect(),
    "mysql": mysql.dialect(paramstyle="qmark"),
    "sqlite": sqlite.dialect(),
    "mssql": mssql.dialect(paramstyle="qmark"),
    "oracle": oracle.oracledb.dialect(),
}
_QUOTES = {"mysql": ("`", "`"), "mssql": ("[", "]")}
SETTINGS: dict[str, Any] = {
    "connection": "source",
    "table": "Order",
    "schema": "Sales Data",
    "key": ["Order Id", "part"],
    "where": [
        {"column": "state", "operator": "one_of", "values": ["new", HOSTILE]},
        {"column": "note", "operator": "is_null"},
        {"column": "total", "operator": "at_least", "value": "10.50"},
    ],
    "lookups": {"vendor": {"table": "vendor", "join": {"id": "vendor_id"}, "columns": ["name"]}},
    "children": {
        "lines": {
            "table": "order_line",
            "key": ["number"],
            "join": {"order_id": "Order Id", "part": "part"},
            "lookups": {
                "offer": {
                    "table": "offer",
                    "join": {"item": "item", "vendor": "../vendor_id"},
                    "columns": ["unit"],
                }
            },
            "children": {
                "schedules": {"table": "schedule", "key": ["at"], "join": {"line": "number"}},
            },
        }
    },
}
READS: dict[str, dict[str, Any]] = {
    "watermark": {"by": "watermark", "column": "changed"},
    "changes": {
        "by": "watermark",
        "column": "changed",
        "children": {"lines": "changed", "lines/schedules": "changed"},
    },
    "also": {"by": "watermark", "column": "changed", "also": ["taken"]},
    "keys": {"by": "keys"},
    "gone": {
        "by": "outbox",
        "table": "outbox",
        "key": ["id"],
        "join": {"order_id": "Order Id"},
        "mark": {"column": "taken"},
        "deleted": {"column": "topic", "value": HOSTILE},
    },
    "outbox": {
        "by": "outbox",
        "table": "outbox",
        "key": ["id"],
        "join": {"order_id": "Order Id"},
        "where": [{"column": "topic", "value": HOSTILE}],
        "mark": {"column": "taken"},
    },
    "column": {"by": "outbox", "mark": {"column": "state", "open": "new", "done": HOSTILE}},
}
_TEXT = {
    name: Described(name, Kind.TEXT) for name in ("state", "note", "part", "item", "name", "unit", "topic")
}
_KINDS = {
    "Order Id": Kind.INTEGER,
    "id": Kind.INTEGER,
    "order_id": Kind.INTEGER,
    "vendor_id": Kind.INTEGER,
    "vendor": Kind.INTEGER,
    "number": Kind.INTEGER,
    "line": Kind.INTEGER,
    "at": Kind.DATE,
    "total": Kind.NUMBER,
    "changed": Kind.MOMENT,
    "taken": Kind.MOMENT,
}
_EVERY = tuple(_TEXT.values()) + tuple(Described(name, kind) for name, kind in _KINDS.items())


def statements(read: str) -> Statements:
    settings = SqlSettings.model_validate({**SETTINGS, "read": READS[read]})
    where = ("", "lines", "lines/schedules", ":vendor", "lines:offer", "outbox")
    shape = Shape(settings, dict.fromkeys(where, _EVERY))
    return Statements(shape, bound, lambda column, kind: column)


def position(made: Statements) -> tuple[Any, ...]:
    samples = {
        Kind.MOMENT: dt.datetime(2026, 11, 2, 8, 0, 0, 123456),
        Kind.INTEGER: 7,
        Kind.TEXT: HOSTILE,
        Kind.NUMBER: Decimal("1.5"),
    }
    return tuple(samples[kind] for kind in made.position_kinds)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("name", DIALECTS)
def test_every_statement_compiles_with_quoted_names_and_bound_values(read: str, name: str) -> None:
    made, dialect = statements(read), DIALECTS[name]
    at = position(made)
    chosen = [Chosen(), Chosen(after=at), Chosen(after=at, upto=at, floor=at[0], ceiling=at[0])]
    if read == "keys":
        chosen.append(Chosen(among=(at, at)))
    texts = []
    for one in chosen:
        plans = [made.headers(one, 100), *made.children(one)]
        assert [plan.path for plan in plans] == ["", "lines", "lines/schedules"]
        assert all(len(plan.kinds) == len(plan.statement.selected_columns) for plan in plans)
        texts += [compiled(plan.statement, dialect) for plan in plans]
        texts.append(compiled(made.positions(one, 1), dialect))
    left, right = _QUOTES.get(name, ('"', '"'))
    for text, values in texts:
        assert f"{left}Sales Data{right}.{left}Order{right}" in text
        assert "DROP TABLE" not in text
        given = list(values.values()) if isinstance(values, dict) else values
        assert HOSTILE in given
        if name in ("mssql", "sqlite", "mysql", "postgresql"):
            assert text.count("?") == len(given)


@pytest.mark.parametrize("name", DIALECTS)
def test_marks_are_bound_and_only_what_is_open_is_marked(name: str) -> None:
    for read in ("outbox", "column"):
        made = statements(read)
        way = made.settings.read
        assert isinstance(way, ByOutbox)
        statement, names = marking(made, way)
        values = dict(zip(names, position(made), strict=True))
        text, given = compiled(statement, DIALECTS[name], values)
        assert text.startswith("UPDATE")
        assert "DROP TABLE" not in text
        given = list(given.values()) if isinstance(given, dict) else given
        assert set(position(made)) <= set(given)
        nothing, _ = marking(made, way, nothing=True)
        assert "1 = 0" in compiled(nothing, DIALECTS[name])[0]


@pytest.mark.parametrize("name", DIALECTS)
def test_whether_a_row_was_deleted_is_asked_of_the_row_and_of_the_outbox(name: str) -> None:
    dialect = DIALECTS[name]
    plan = statements("gone").headers(Chosen(), 5)
    assert plan.deleted is not None
    assert plan.deleted[0] == "deleted"
    assert plan.kinds[plan.deleted[1]] is Kind.BOOLEAN
    text, _ = compiled(plan.statement, dialect)
    assert "LEFT OUTER JOIN" in text
    assert "CASE WHEN" in text
    assert "coalesce" in text.lower()
    assert len(plan.record) == 1
    line = {
        **SETTINGS["children"]["lines"],
        "deleted": {"column": "unit", "operator": "not_null", "as": "void"},
    }
    settings = SqlSettings.model_validate(
        {**SETTINGS, "children": {"lines": line}, "read": READS["watermark"], "record": ["part"]}
    )
    made = Statements(
        Shape(settings, statements("watermark").shape.described), bound, lambda column, kind: column
    )
    header, [lines, *_] = made.headers(Chosen(), 5), list(made.children(Chosen()))
    assert header.deleted is None
    assert [header.kinds[at] for at in header.record] == [Kind.TEXT]
    assert lines.deleted is not None
    assert lines.deleted[0] == "void"
    assert "CASE WHEN" in compiled(lines.statement, dialect)[0]


def test_limits_are_said_as_each_database_understands_them() -> None:
    made = statements("watermark")
    said = {name: compiled(made.headers(Chosen(), 5).statement, DIALECTS[name])[0] for name in DIALECTS}
    assert "TOP" in said["mssql"]
    assert "FETCH FIRST" in said["oracle"] or "ROWNUM" in said["oracle"]
    assert all("LIMIT" in said[name] for name in ("postgresql", "adbc", "mysql", "sqlite"))


def test_names_cannot_end_their_quotation() -> None:
    for name, dialect in DIALECTS.items():
        left, right = _QUOTES.get(name, ('"', '"'))
        text, _ = compiled(describing(f"a{right}; DROP TABLE b; --", None, ["c"]), dialect)
        assert f"{left}a{right}{right}; DROP TABLE b; --{right}" in text.replace("%%", "%")


def test_a_texts_compared_by_the_column_driver_have_their_type() -> None:
    session = MySqlSession(address(Credentials(url="mysql://h"), "c"), Credentials(url="mysql://h"), 5)
    moment = session.bind(dt.datetime(2026, 1, 2, 3, 4, 5, 6), Kind.MOMENT)
    text, [value] = compiled(sa.select(moment), DIALECTS["mysql"])
    assert (text, value) == ("SELECT CAST(? AS DATETIME(6)) AS anon_1", "2026-01-02 03:04:05.000006")


def test_a_connection_string_cannot_be_added_to() -> None:
    where = address(
        Credentials(
            url="odbc://db.example:5432", user="me", secret="a;DRIVER={evil}", extra={"database": "d;UID=x"}
        ),
        "c",
    )
    assert connection_string(where, "PostgreSQL Unicode", {}) == (
        "DRIVER={PostgreSQL Unicode};SERVER=db.example;PORT=5432;DATABASE={d;UID=x};UID=me;PWD={a;DRIVER={evil}}}"
    )
    assert dialect_named("Microsoft SQL Server").name == "mssql"
    with pytest.raises(ConnectorRefused, match="Paradox"):
        dialect_named("Paradox")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"read": {"by": "watermark", "column": "c", "children": {"no": "c"}}}, "names no level"),
        ({"where": [{"column": "c", "operator": "one_of", "value": 1}]}, "values"),
        ({"where": [{"column": "c", "operator": "equal"}]}, "takes a `value`"),
        ({"where": [{"column": "c", "operator": "= 1 OR 1"}]}, "operator"),
        ({"read": {"by": "outbox", "table": "o"}}, "needs `key` and `join`"),
        ({"read": {"by": "outbox"}}, "mark"),
        ({"lookups": {"l": {"table": "t", "join": {"a": "../b"}, "columns": ["c"]}}}, "no row above"),
        ({"columns": ["vendor"]}, "two things"),
        ({"sql": "SELECT 1"}, "sql"),
        ({"read": {"by": "keys", "keys": [1]}}, "needs 2 values"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        registry().settings("sql", {**SETTINGS, "read": READS["watermark"], **change})


@pytest.mark.parametrize(
    ("driver", "allowed"),
    [
        ("psqlodbcw.so", True),
        ("libmsodbcsql-18.5.so.1.1", True),
        ("libmaodbc.so", False),
        ("libsqlite3odbc.so", False),
        ("", False),
    ],
)
def test_many_rows_in_one_call_only_with_drivers_that_survive_it(driver: str, allowed: bool) -> None:
    assert bool(FAST_EXECUTEMANY.match(driver)) is allowed


def test_a_value_that_its_column_cannot_have_is_refused_by_name() -> None:
    made = statements("watermark")
    wrong = SqlSettings.model_validate(
        {**SETTINGS, "read": READS["watermark"], "where": [{"column": "total", "value": "many"}]}
    )
    made = Statements(Shape(wrong, made.shape.described), bound, lambda column, kind: column)
    with pytest.raises(ConnectorRefused, match="'many' cannot be compared with the column total"):
        made.headers(Chosen(), 1)
