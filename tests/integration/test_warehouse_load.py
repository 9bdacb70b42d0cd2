"""Versioned loading into the warehouse."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from ledger_support import execute, order, rows, together
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import Address, Contact, Document, Item, Supplier
from orderhub.errors import LedgerError
from orderhub.ledger.engine import transaction
from orderhub.warehouse import load as warehouse

pytestmark = pytest.mark.integration

WRITTEN, UNCHANGED, REJECTED = OutcomeState.WRITTEN, OutcomeState.UNCHANGED, OutcomeState.REJECTED


def item(key: str, document: Document, **more: Any) -> LoadItem:
    values = {
        "identity": f"acme:production:acme_edi:{document.document_name}:{document.number}",
        "company": "acme",
        "source": 7,
        "load": 8,
    }
    return LoadItem(key=key, document=document, **(values | more))


def load(engine: Engine, *items: LoadItem) -> list[tuple[OutcomeState, int | None]]:
    with transaction(engine) as connection:
        return [(outcome.state, outcome.version) for outcome in warehouse.load(connection, items)]


def versions(engine: Engine, table: str = "purchase_order") -> list[tuple[Any, ...]]:
    found = rows(
        engine,
        f"SELECT number, version, valid_to IS NULL FROM warehouse.{table} ORDER BY number, version",  # noqa: S608
    )
    return [tuple(row) for row in found]


def test_an_order_is_written_once_and_found_by_its_key(engine: Engine) -> None:
    assert load(engine, item("k1", order("A", lines=3))) == [(WRITTEN, 1)]
    assert load(engine, item("k1", order("A", lines=3))) == [(UNCHANGED, 1)]
    with transaction(engine) as connection:
        assert warehouse.find(connection, ["k1", "k2"]) == {
            "k1": Outcome(key="k1", state=UNCHANGED, reference="A v1", version=1)
        }
    assert versions(engine) == [("A", 1, True)]
    (row,) = rows(
        engine,
        "SELECT o.source_document_id, l.key, l.attempt, line_count, buyer_gln, supplier_name "
        "FROM warehouse.current_purchase_order AS o JOIN warehouse.load AS l ON l.id = o.load_id",
    )
    assert tuple(row) == (7, "k1", 8, 3, "4012345000009", "华东轴承有限公司")
    lines = rows(
        engine, "SELECT position, quantity, source_document_id FROM warehouse.current_purchase_order_line"
    )
    assert [tuple(line) for line in lines] == [(1, 1, 7), (2, 1, 7), (3, 1, 7)]


def test_the_same_content_under_another_key_is_unchanged(engine: Engine) -> None:
    load(engine, item("k1", order("A")))
    assert load(engine, item("k2", order("A"))) == [(UNCHANGED, 1)]
    assert versions(engine) == [("A", 1, True)]


def test_other_content_closes_the_version_and_opens_the_next(engine: Engine) -> None:
    load(engine, item("k1", order("A", quantity=1, lines=2)))
    assert load(engine, item("k2", order("A", quantity=2, lines=1))) == [(WRITTEN, 2)]
    assert load(engine, item("k3", order("A", quantity=1, lines=2))) == [(WRITTEN, 3)]
    assert versions(engine) == [("A", 1, False), ("A", 2, False), ("A", 3, True)]
    gaps = rows(
        engine,
        "SELECT 1 FROM warehouse.purchase_order AS a JOIN warehouse.purchase_order AS b "
        "ON b.identity = a.identity AND b.version = a.version + 1 WHERE a.valid_to <> b.valid_from",
    )
    assert gaps == []
    lines = rows(
        engine,
        "SELECT o.version, l.quantity, l.valid_to IS NULL FROM warehouse.purchase_order_line AS l "
        "JOIN warehouse.purchase_order AS o ON o.id = l.order_id AND l.valid_from = o.valid_from "
        "AND l.valid_to IS NOT DISTINCT FROM o.valid_to ORDER BY 1",
    )
    assert [tuple(line) for line in lines] == [
        (1, 1, False),
        (1, 1, False),
        (2, 2, False),
        (3, 1, True),
        (3, 1, True),
    ]


def test_one_call_may_hold_several_versions_of_an_order(engine: Engine) -> None:
    outcomes = load(
        engine,
        item("k1", order("A")),
        item("k2", order("B")),
        item("k3", order("A", revision=1, quantity=2)),
        item("k1", order("A")),
        item("k4", order("A", revision=2, quantity=3)),
    )
    assert outcomes == [(WRITTEN, 1), (WRITTEN, 1), (WRITTEN, 2), (UNCHANGED, 1), (WRITTEN, 3)]
    assert versions(engine) == [("A", 1, False), ("A", 2, False), ("A", 3, True), ("B", 1, True)]


def test_an_older_revision_does_not_replace_a_newer_one(engine: Engine) -> None:
    load(engine, item("k1", order("A", revision=2)))
    with transaction(engine) as connection:
        (outcome,) = warehouse.load_orders(connection, [item("k2", order("A", revision=1))])
    assert (outcome.state, outcome.code, outcome.field) == (REJECTED, "STALE_REVISION", "revision")
    with transaction(engine) as connection:
        assert warehouse.find(connection, ["k2"]) == {}


def test_test_orders_and_other_companies_are_apart(engine: Engine) -> None:
    load(engine, item("k1", order("A")), item("k2", order("A", quantity=2), test=True))
    load(engine, item("k3", order("A", quantity=3), company="other"))
    assert versions(engine) == [("A", 1, True)] * 3
    assert rows(engine, "SELECT count(*) FROM warehouse.current_purchase_order")[0][0] == 2
    assert rows(engine, "SELECT count(*) FROM warehouse.current_test_purchase_order")[0][0] == 1
    assert rows(engine, "SELECT sum(quantity) FROM warehouse.current_test_purchase_order_line")[0][0] == 2


def test_master_data_has_versions_too(engine: Engine) -> None:
    supplier = Supplier(
        number="S1", name="Müller\t\\N & Söhne\n", address=Address(city="Köln"), contact=Contact(name="Ann")
    )
    article = Item(number="I1", name="Bolt", unit="PCE")
    with transaction(engine) as connection:
        assert warehouse.load_suppliers(connection, [item("k1", supplier)])[0].state is WRITTEN
        assert warehouse.load_items(connection, [item("k2", article)])[0].state is WRITTEN
    assert load(engine, item("k3", supplier), item("k4", Item(number="I1", name="Bolt M8", unit="PCE"))) == [
        (UNCHANGED, 1),
        (WRITTEN, 2),
    ]
    (row,) = rows(engine, "SELECT name, city, contact_name, active FROM warehouse.current_supplier")
    assert tuple(row) == ("Müller\t\\N & Söhne\n", "Köln", "Ann", True)
    assert versions(engine, "item") == [("I1", 1, False), ("I1", 2, True)]
    with pytest.raises(LedgerError, match="not a PurchaseOrder"), transaction(engine) as connection:
        warehouse.load_orders(connection, [item("k5", supplier)])


def test_a_load_that_fails_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), transaction(engine) as connection:
        warehouse.load(connection, [item("k1", order("A"))])
        _ = 1 / 0
    assert versions(engine) == []
    assert load(engine, item("k1", order("A"))) == [(WRITTEN, 1)]


def race(engine: Engine, number: str, same_key: bool) -> list[tuple[OutcomeState, int | None]]:
    barrier = threading.Barrier(4)

    def send(place: int) -> tuple[OutcomeState, int | None]:
        key = number if same_key else f"{number}-{place}"
        barrier.wait(60)
        (outcome,) = load(engine, item(key, order(number, quantity=1 if same_key else place + 1)))
        return outcome

    return together(send)


def test_loads_at_the_same_moment_make_one_chain(engine: Engine) -> None:
    assert sorted(race(engine, "A", same_key=True)) == [(UNCHANGED, 1)] * 3 + [(WRITTEN, 1)]
    assert sorted(race(engine, "B", same_key=False)) == [(WRITTEN, version) for version in (1, 2, 3, 4)]
    assert versions(engine) == [("A", 1, True), *[("B", version, version == 4) for version in (1, 2, 3, 4)]]


COPY_ROW = """
    INSERT INTO warehouse.purchase_order (identity, version, company, environment, valid_from, valid_to, content_hash,
        source_document_id, load_id, number, function, issued_on, currency, line_count)
    SELECT identity, {version}, company, environment, {valid_from}, {valid_to}, content_hash, source_document_id,
        load_id, number, function, issued_on, currency, line_count
    FROM warehouse.purchase_order WHERE version = 1
"""


@pytest.mark.parametrize(
    ("version", "valid_from", "valid_to"),
    [
        ("1", "now()", "NULL"),
        ("2", "now()", "NULL"),
        ("2", "valid_from - interval '1 day'", "valid_from + interval '1 s'"),
        ("2", "valid_from + interval '1 s'", "valid_from + interval '2 s'"),
    ],
)
def test_the_database_refuses_two_open_or_overlapping_versions(
    engine: Engine, version: str, valid_from: str, valid_to: str
) -> None:
    load(engine, item("k1", order("A")))
    statement = COPY_ROW.format(version=version, valid_from=valid_from, valid_to=valid_to)
    with pytest.raises(DBAPIError, match="purchase_order"):
        execute(engine, statement)
    assert versions(engine) == [("A", 1, True)]


def test_reopening_a_closed_version_is_refused(engine: Engine) -> None:
    load(engine, item("k1", order("A")))
    load(engine, item("k2", order("A", quantity=2)))
    with pytest.raises(DBAPIError):
        execute(engine, "UPDATE warehouse.purchase_order SET valid_to = NULL WHERE version = 1")
    with pytest.raises(DBAPIError, match="overlaps"):
        execute(engine, "UPDATE warehouse.purchase_order SET valid_to = 'infinity' WHERE version = 1")


def test_the_constraints_are_what_keeps_versions_apart(own_engine: Engine) -> None:
    """Negative control: without them the same statements go through and the check sees it."""
    load(own_engine, item("k1", order("A")))
    insert = COPY_ROW.format(version="1", valid_from="now()", valid_to="NULL")
    with pytest.raises(IntegrityError):
        execute(own_engine, insert)
    execute(
        own_engine, "DROP INDEX warehouse.purchase_order_version_once, warehouse.purchase_order_open_once"
    )
    execute(own_engine, insert)
    assert versions(own_engine) == [("A", 1, True)] * 2


def test_numbers_keep_every_digit(engine: Engine) -> None:
    exact = order("A", total_amount=Decimal("1234567890123456789.123456789"))
    exact.lines[0].quantity = Decimal("1E+3")
    load(engine, item("k1", exact))
    (row,) = rows(
        engine,
        "SELECT o.total_amount, l.quantity FROM warehouse.purchase_order AS o "
        "JOIN warehouse.purchase_order_line AS l ON l.order_id = o.id",
    )
    assert tuple(row) == (Decimal("1234567890123456789.123456789"), Decimal(1000))


def test_look_ups_are_planned_for_the_tables_as_they_are(own_engine: Engine) -> None:
    """A plan that was made while the tables were empty is not kept for when they have grown."""
    with own_engine.connect() as connection:
        for number in range(20):
            warehouse.load(connection, [item(f"k{number}", order(f"A{number}"))])
            connection.commit()
        prepared = connection.exec_driver_sql(
            "SELECT sum(generic_plans), count(*) FROM pg_prepared_statements "
            "WHERE statement LIKE '%%warehouse.load WHERE key%%' "
            "OR statement LIKE '%%warehouse.purchase_order%%WHERE identity%%'"
        ).one()
    assert tuple(prepared) == (0, 2)
