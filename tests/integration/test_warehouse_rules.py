"""The rules of versions, identity and text hold in every warehouse alike."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from servers.mariadb import MariaDb, mariadb, mariadb_database
from warehouse_support import item, states

from connectors.parquet.reading import Warehouse
from orderhub.connector import Connector, Credentials, LoadItem, OutcomeState
from orderhub.connector_registry import registry
from orderhub.documents import (
    DOCUMENT_TYPES,
    Demand,
    Document,
    Item,
    Party,
    Receipt,
    ReceiptLine,
    StockLevel,
    Supplier,
    SupplierItem,
)
from orderhub.documents.order import LineItem
from orderhub.ledger.engine import create_engine
from orderhub.testing import PortsForTests, sample_order
from orderhub.warehouse.port import WarehousePort

pytestmark = pytest.mark.integration
__all__ = ["mariadb", "mariadb_database"]

WRITTEN, UNCHANGED, REJECTED = OutcomeState.WRITTEN, OutcomeState.UNCHANGED, OutcomeState.REJECTED
#: Rows of open orders by a connector: identity, number, note.
Open = Callable[[], list[tuple[str, str, str | None]]]


@pytest.fixture(params=["warehouse", "mariadb_warehouse", "parquet"])
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Connector[Any], Open]]:
    """A connector, and a look into its warehouse past it."""
    fields = "identity, number, note"
    if request.param == "warehouse":
        engine = create_engine(request.getfixturevalue("database"))
        settings: dict[str, Any] = {}
        ports = PortsForTests(resources={"warehouse": WarehousePort(engine)})

        def look() -> list[tuple[str, str, str | None]]:
            with engine.connect() as connection:
                query = f"SELECT {fields} FROM warehouse.purchase_order WHERE valid_to IS NULL"  # noqa: S608
                return [tuple(row) for row in connection.exec_driver_sql(query)]

        request.addfinalizer(engine.dispose)
    elif request.param == "mariadb_warehouse":
        server: MariaDb = request.getfixturevalue("mariadb")
        database: str = request.getfixturevalue("mariadb_database")
        settings = {"connection": "w"}
        ports = PortsForTests(credentials={"w": server.credentials(database)})

        def look() -> list[tuple[str, str, str | None]]:
            with server.connect(database) as connection, connection.cursor() as cursor:
                cursor.execute(f"SELECT {fields} FROM purchase_order WHERE valid_to IS NULL")  # noqa: S608
                return list(cursor.fetchall())

    else:
        settings = {"connection": "w"}
        lake = tmp_path / "lake"
        ports = PortsForTests(credentials={"w": Credentials(url=lake.as_uri())})

        def look() -> list[tuple[str, str, str | None]]:
            found = Warehouse(lake.as_uri()).versions("purchase_order")
            open_ = found.filter(found["valid_to"].is_null()).select(["identity", "number", "note"])
            return [tuple(row.values()) for row in open_.to_pylist()]

    connector = registry().create(request.param, settings, ports)
    yield connector, look
    connector.close()


def test_versions_keys_and_revisions(three: tuple[Connector[Any], Open]) -> None:
    connector, look = three
    assert states(connector, item("1"), item("2", "B"), item("1"), item("3", quantity=2)) == [
        (WRITTEN, 1),
        (WRITTEN, 1),
        (UNCHANGED, 1),
        (WRITTEN, 2),
    ]
    assert states(connector, item("4", quantity=2), item("5", quantity=3, revision=1)) == [
        (UNCHANGED, 2),
        (WRITTEN, 3),
    ]
    [stale] = connector.load([item("6", quantity=9)])
    assert (stale.state, stale.code, stale.field) == (REJECTED, "STALE_REVISION", "revision")
    found = connector.find(["1", "3", "4", "5", "6", "7"])
    assert {key: (one.reference, one.version) for key, one in found.items()} == {
        "1": ("A v1", 1),
        "3": ("A v2", 2),
        "4": ("A v2", 2),
        "5": ("A v3", 3),
    }
    assert sorted(number for _, number, _ in look()) == ["A", "B"]


DAY = dt.date(2026, 11, 2)
ONE_OF_EACH: list[Document] = [
    sample_order("A"),
    Supplier(number="S", name="Nord", active=False),
    SupplierItem(
        supplier_number="S",
        item_number="I",
        unit="C62",
        price=Decimal("1.2345678901"),
        currency="EUR",
        price_base_quantity=Decimal(100),
        price_valid_from=DAY,
        price_valid_to=dt.date(9999, 12, 31),
        lead_time_days=0,
    ),
    Item(number="I", name="Bolt", unit="C62"),
    Receipt(
        number="R",
        received_on=dt.date(1, 1, 1),
        supplier=Party(name="Nord"),
        lines=[
            ReceiptLine(
                number=1,
                item=LineItem(buyer_code="I"),
                quantity_received=Decimal("1E+27"),
                quantity_rejected=Decimal("-0.0000000001"),
                unit="C62",
                order_line_number=2**40,
            )
        ],
    ),
    StockLevel(item_number="I", location="L", quantity=Decimal(1), unit="C62", as_of=DAY),
    Demand(item_number="I", period_from=DAY, period_to=DAY, quantity=Decimal("0.5"), unit="C62"),
]


def test_every_document_type_is_taken_and_has_versions(three: tuple[Connector[Any], Open]) -> None:
    connector, _ = three

    def items(mark: str, documents: list[Document]) -> list[LoadItem]:
        return [
            LoadItem(
                key=f"{mark} {one.document_name}",
                identity=f"c:{one.document_name}:{one.number}",
                document=one,
                company="c",
                source=1,
                load=1,
            )
            for one in documents
        ]

    assert {type(document).document_name for document in ONE_OF_EACH} == set(DOCUMENT_TYPES)
    assert states(connector, *items("1", ONE_OF_EACH)) == [(WRITTEN, 1)] * 7
    assert states(connector, *items("2", ONE_OF_EACH)) == [(UNCHANGED, 1)] * 7
    changed = [msgspec.structs.replace(one, source_system="other") for one in ONE_OF_EACH]
    assert states(connector, *items("3", changed)) == [(WRITTEN, 2)] * 7
    found = connector.find([item.key for item in items("3", changed)])
    assert {one.reference for one in found.values()} == {f"{one.number} v2" for one in ONE_OF_EACH}


def test_no_case_space_accent_or_script_makes_two_identities_one(
    three: tuple[Connector[Any], Open],
) -> None:
    connector, look = three
    numbers = [
        "a",
        "A",
        "a ",
        " a",
        "ä",
        "a\u0308",
        "ß",
        "ss",
        "а",
        "🚲",
        "🚲\ufe0f",
        "a\t",
        "%",
        "_",
        "\\N",
        "'",
    ]
    items = [item(f"key {number}", number) for number in numbers]
    assert states(connector, *items) == [(WRITTEN, 1)] * len(numbers)
    assert sorted(number for _, number, _ in look()) == sorted(numbers)
    assert set(connector.find([f"key {number}" for number in numbers])) == {f"key {n}" for n in numbers}
    assert connector.find(["KEY a", "key a  ", "key"]) == {}


def test_texts_come_back_as_they_were_but_nul(three: tuple[Connector[Any], Open]) -> None:
    connector, look = three
    notes = {
        "1": "emoji 🚲👩‍👩‍👧 and 𝔘𝔫𝔦",
        "2": "tab\tnewline\ncr\rback\\slash \\N \\t",
        "3": "ends with spaces   ",
        "4": "'; DROP TABLE purchase_order; -- \" ` %s {x}",
        "5": "",
        "6": "x" * 70_000,
    }
    assert {state for state, _ in states(connector, *(item(k, k, note=v) for k, v in notes.items()))} == {
        WRITTEN
    }
    assert {number: note for _, number, note in look()} == notes
    assert states(connector, item("7", "7", note="a\0b")) == [(WRITTEN, 1)]
    assert {number: note for _, number, note in look()}["7"] == "a\ufffdb"


def test_a_key_that_no_database_keeps_is_refused_and_stops_nobody(
    three: tuple[Connector[Any], Open],
) -> None:
    connector, look = three
    outcomes = connector.load([item("1", "A"), item("a\0b", "B"), item("a\ud800", "C"), item("2", "D")])
    assert [outcome.state for outcome in outcomes] == [WRITTEN, REJECTED, REJECTED, WRITTEN]
    assert {outcome.code for outcome in outcomes if outcome.state is REJECTED} == {"WAREHOUSE_REFUSED"}
    assert sorted(number for _, number, _ in look()) == ["A", "D"]
    assert set(connector.find(["1", "2", "a\0b", "a\ud800"])) == {"1", "2"}


def test_companies_and_test_documents_are_apart(three: tuple[Connector[Any], Open]) -> None:
    connector, look = three
    assert (
        states(connector, item("1"), item("2", quantity=2, test=True), item("3", quantity=3, company="other"))
        == [(WRITTEN, 1)] * 3
    )
    assert len(look()) == 3


def test_writers_at_the_same_moment_make_one_chain(three: tuple[Connector[Any], Open]) -> None:
    connector, look = three
    barrier = threading.Barrier(4)
    found: list[tuple[OutcomeState, int | None]] = []

    def send(place: int) -> None:
        # a connector of its own, as another worker has
        own = type(connector)(connector.settings, connector.ports)
        barrier.wait(60)
        try:
            found.extend(states(own, item(f"k{place}", quantity=place + 1), item(f"o{place}", f"O{place}")))
        finally:
            own.close()

    connector.load([item("first", "FIRST")])
    threads = [threading.Thread(target=send, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(version for state, version in found if state is WRITTEN) == [1, 1, 1, 1, 1, 2, 3, 4]
    assert len(look()) == 6
