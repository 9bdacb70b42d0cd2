"""The statements of oracle_warehouse, compiled by SQLAlchemy's Oracle dialect, and the real driver without a server.

This does not show that a server takes them: none was there.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import oracle
from sqlalchemy.schema import CreateIndex, CreateTable

from connectors.oracle_warehouse.statements import Merge, OracleStar
from connectors.oracle_warehouse.store import OracleStore, fits
from orderhub.connector import Credentials
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.star import records, tables
from orderhub.star.halving import Refused
from orderhub.star.merge import Current, Name, merge
from orderhub.testing import PortsForTests, load_item, sample_order
from orderhub.transport.oracle import OracleFailures

DIALECT = oracle.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own has no types


def compiled(statement: sa.ClauseElement) -> str:
    return " ".join(str(statement.compile(dialect=DIALECT)).split())


class Recorded:
    """Takes statements as a connection would, compiles them, and answers as an empty warehouse."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.binds: list[int] = []

    def execute(self, statement: sa.ClauseElement, values: list[dict[str, object]] | None = None) -> Answer:
        self.statements.append(compiled(statement))
        self.binds.append(len(values or ()))
        return Answer()


class Answer:
    def one(self) -> tuple[int, int]:
        return 1, 1

    def scalar_one(self) -> object:
        import datetime as dt

        return dt.datetime(2026, 11, 23, 12, 0)

    def __iter__(self) -> object:
        return iter(())


def test_tables_compile_with_types_that_keep_every_digit() -> None:
    star = OracleStar()
    heads = compiled(CreateTable(star.versions["purchase_order"]))
    assert '"number" VARCHAR2(1000 CHAR) NOT NULL' in heads
    assert "total_amount NUMERIC(38, 10)" in heads
    assert "valid_from TIMESTAMP NOT NULL" in heads
    assert "note CLOB" in heads
    assert (
        "open_identity VARCHAR2(64 CHAR) GENERATED ALWAYS AS (CASE WHEN valid_to IS NULL THEN identity_hash END)"
        in heads
    )
    lines = compiled(CreateTable(star.lines["purchase_order"]))
    assert "PRIMARY KEY (order_id, position)" in lines
    stage = compiled(CreateTable(star.stages["purchase_order"]))
    assert stage.startswith("CREATE GLOBAL TEMPORARY TABLE stage_purchase_order")
    assert stage.endswith("ON COMMIT DELETE ROWS")
    assert "open_identity" not in stage
    for table in star.all():
        compiled(CreateTable(table))
        for index in table.indexes:
            compiled(CreateIndex(index))
        assert len(table.name) <= 30
        assert all(len(column.name) <= 30 for column in table.columns)


def test_a_merge_inserts_what_is_not_there_and_ends_what_is() -> None:
    star = OracleStar()
    insert = Merge(star.load, star.stages["warehouse_load"], [("key_hash", "key_hash")], insert=("id", "key"))
    assert compiled(insert) == (
        "MERGE INTO warehouse_load t USING stage_warehouse_load s ON (t.key_hash = s.key_hash) "
        "WHEN NOT MATCHED THEN INSERT (id, key) VALUES (s.id, s.key)"
    )
    update = Merge(star.lines["purchase_order"], star.closing, [("order_id", "id")], update=("valid_to",))
    assert compiled(update) == (
        "MERGE INTO purchase_order_line t USING stage_closing s ON (t.order_id = s.id) "
        "WHEN MATCHED THEN UPDATE SET t.valid_to = s.valid_to"
    )


def test_a_load_locks_stages_and_merges_in_this_order() -> None:
    connection = Recorded()
    store = OracleStore(connection, OracleStar(), array_rows=3)  # type: ignore[arg-type]  # answers like one
    outcomes = merge(store, [load_item(sample_order(f"O-{number}", lines=2)) for number in range(4)])
    assert [outcome.state.value for outcome in outcomes] == ["written"] * 4
    kinds = [statement.split(" (")[0].split(" VALUES")[0] for statement in connection.statements]
    assert connection.statements[0].endswith("FOR UPDATE")
    assert "SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM DUAL" in connection.statements[1]
    writes = [kind for kind in kinds if not kind.startswith(("SELECT", "UPDATE"))]
    assert writes == [
        line
        for table, pieces in (("warehouse_load", 2), ("purchase_order", 2), ("purchase_order_line", 3))
        for line in (
            f"DELETE FROM stage_{table}",  # noqa: S608 - compared, never run
            *[f"INSERT INTO stage_{table}"] * pieces,
            f"MERGE INTO {table} t USING stage_{table} s ON",
        )
    ]
    assert [count for count in connection.binds if count] == [3, 1, 3, 1, 3, 3, 2]


def test_a_version_that_ends_is_closed_with_its_lines() -> None:
    order = load_item(sample_order("O-1"))
    moment = Answer().scalar_one()

    class Ordered(OracleStore):
        def current(self, table: tables.Table, names: object) -> dict[Name, Current]:
            return {
                Name("sample", "production", order.identity): Current(
                    5, 1, 0, "other", moment.replace(tzinfo=records.dt.UTC)
                )
            }  # type: ignore[attr-defined]

    connection = Recorded()
    [outcome] = merge(Ordered(connection, OracleStar(), 100), [order])  # type: ignore[arg-type]
    assert (outcome.state.value, outcome.version) == ("written", 2)
    closing = [statement for statement in connection.statements if "stage_closing s" in statement]
    assert [statement.split()[2] for statement in closing] == ["purchase_order", "purchase_order_line"]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("0", True),
        ("-1.5", True),
        ("1E+27", True),
        ("0.0000000001", True),
        ("0.00000000001", False),
        ("1E+28", False),
        ("9999999999999999999999999999.9999999999", True),
        ("1.00000000000", True),
    ],
)
def test_numbers_that_would_be_rounded_are_refused(value: str, kept: bool) -> None:
    assert fits(Decimal(value)) is kept
    order = sample_order("O-1")
    order.lines[0].price = Decimal(value)
    store = OracleStore(Recorded(), OracleStar(), 100)  # type: ignore[arg-type]
    if kept:
        merge(store, [load_item(order)])
    else:
        with pytest.raises(Refused):
            merge(store, [load_item(order)])


def test_the_drivers_own_errors_are_typed() -> None:
    nowhere = Credentials(url="oracle://127.0.0.1:1/none", user="nobody", secret="hidden-word")
    ports = PortsForTests(credentials={"reporting": nowhere})
    connector = registry().create("oracle_warehouse", {"connection": "reporting"}, ports)
    health = connector.check()
    assert not health.ok
    assert "hidden-word" not in health.sentence
    with pytest.raises(ConnectorUnavailable) as caught:
        connector.load([load_item(sample_order("O-1"))])
    assert "hidden-word" not in str(caught.value)
    with pytest.raises(ConnectorUnavailable):
        connector.find(["k"])
    connector.close()


def test_codes_mean_what_they_say() -> None:
    import oracledb

    class Details:
        def __init__(self, full_code: str, isrecoverable: bool = False) -> None:
            self.full_code, self.isrecoverable = full_code, isrecoverable

        def __str__(self) -> str:
            return f"{self.full_code}: something"

    failures = OracleFailures("The warehouse")
    assert failures.again(oracledb.DatabaseError(Details("ORA-00060")))
    assert failures.about_data(oracledb.DatabaseError(Details("ORA-12899")))
    assert failures.lost(oracledb.DatabaseError(Details("DPY-4011", isrecoverable=True)))
    assert isinstance(failures.typed(oracledb.DatabaseError(Details("ORA-01017"))), ConnectorRefused)
    assert isinstance(failures.typed(oracledb.DatabaseError(Details("ORA-12541"))), ConnectorUnavailable)
