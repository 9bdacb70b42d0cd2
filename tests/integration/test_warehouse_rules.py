"""The rules of versions, identity and text hold in every warehouse alike; and what each one's own way in must not do."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pymysql
import pytest
from servers.mariadb import MariaDb, mariadb, mariadb_database

from connectors.mariadb_warehouse.connector import MariaDbWarehouse
from connectors.mariadb_warehouse.local_data import LocalDataConnection, LocalDataError
from connectors.parquet.connector import ParquetConnector
from connectors.parquet.files import Files
from connectors.parquet.log import Log
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
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.ledger.engine import create_engine
from orderhub.testing import PortsForTests, load_item, sample_order
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


def item(key: str, number: str = "A", *, quantity: int = 1, revision: int = 0, **more: Any) -> LoadItem:
    order = msgspec.structs.replace(sample_order(number, quantity=Decimal(quantity)), revision=revision)
    if "note" in more:
        order = msgspec.structs.replace(order, note=more.pop("note"))
    return msgspec.structs.replace(load_item(order, key=key), **more)


def states(connector: Connector[Any], *items: LoadItem) -> list[tuple[OutcomeState, int | None]]:
    return [(outcome.state, outcome.version) for outcome in connector.load(list(items))]


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


# MariaDB


def connected(server: MariaDb, database: str, **more: Any) -> LocalDataConnection:
    return LocalDataConnection(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
        charset="utf8mb4",
        local_infile=True,
        **more,
    )


def test_a_warning_of_load_data_is_an_error(mariadb: MariaDb, mariadb_database: str) -> None:
    """Negative control: with a file the server takes the same rows, bent, with warnings nobody reads."""
    with connected(mariadb, mariadb_database) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(3), price decimal(6,2))")
        statement = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE t (id, name, price)"
        assert connection.load(statement, ["1\tabc\t1.25\n"]) == 1
        connection.commit()
        for row in ("2\tabcd\t1\n", "3\tabc\t99999\n", "1\tabc\t1\n", "4\tabc\t1.255\n", "x\tabc\t1\n"):
            with pytest.raises(LocalDataError):
                connection.load(statement, [row])
            connection.rollback()


def test_a_server_gets_no_file_of_this_machine(tmp_path: Path) -> None:
    """A server that answers any question with a demand for a file gets nothing."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden-word")
    got = bytearray()
    demands: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            client, _ = listening.accept()
            with client:

                def send(number: int, payload: bytes) -> None:
                    client.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

                # all it can do but TLS, which the driver would take
                greeting = (
                    b"\x0a5.7.0\x00" + struct.pack("<I", 1) + b"a" * 8 + b"\x00" + struct.pack("<H", 0xF7FF)
                    + b"\x2d" + struct.pack("<H", 2) + struct.pack("<H", 0x000F) + b"\x15" + b"\x00" * 10
                    + b"a" * 12 + b"\x00mysql_native_password\x00"
                )  # fmt: skip
                send(0, greeting)
                client.recv(65536)
                send(2, b"\x00\x00\x00\x02\x00\x00\x00")
                with contextlib.suppress(OSError):
                    while client.recv(65536):
                        demands.append(port)
                        send(1, b"\xfb" + os.fsencode(secret))
                        got.extend(client.recv(65536))
                        send(3, b"\x00\x00\x00\x02\x00\x00\x00")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ports = PortsForTests(
            credentials={"w": Credentials(url=f"mysql://127.0.0.1:{port}/x", user="u", secret="p")}
        )
        connector = registry().create("mariadb_warehouse", {"connection": "w"}, ports)
        with pytest.raises(ConnectorUnavailable):
            connector.load([item("1")])
        connector.close()
        thread.join(10)
    assert demands
    assert b"hidden-word" not in got


def test_rights_and_settings_that_are_missing_are_said(mariadb: MariaDb, mariadb_database: str) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY 'hidden-word'")
        cursor.execute(f"GRANT SELECT ON {mariadb_database}.* TO reader@'127.0.0.1'")
    good = mariadb.credentials(mariadb_database)
    for credentials in (
        msgspec.structs.replace(good, user="reader", secret="hidden-word"),
        msgspec.structs.replace(good, secret="wrong-hidden-word"),
        msgspec.structs.replace(good, extra={"database": "nowhere"}),
        msgspec.structs.replace(good, url="postgresql://127.0.0.1/x"),
    ):
        connector = registry().create(
            "mariadb_warehouse", {"connection": "w"}, PortsForTests(credentials={"w": credentials})
        )
        with pytest.raises(ConnectorRefused) as caught:
            connector.load([item("1")])
        assert "hidden-word" not in str(caught.value)
        connector.close()
    strict = registry().create(
        "mariadb_warehouse",
        {"connection": "w", "create_tables": False},
        PortsForTests(credentials={"w": good}),
    )
    assert "lacks warehouse_counter" in strict.check().sentence
    strict.close()


def test_a_commit_whose_answer_is_lost_is_unclear_and_found(
    mariadb: MariaDb, mariadb_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = PortsForTests(credentials={"w": mariadb.credentials(mariadb_database)})
    connector = registry().create("mariadb_warehouse", {"connection": "w"}, ports)
    connector.load([item("1", "A")])
    real = LocalDataConnection.commit

    def commit(driver: LocalDataConnection) -> None:
        real(driver)
        raise pymysql.err.OperationalError(2013, "Lost connection to server during query")

    with monkeypatch.context() as patched:
        patched.setattr(LocalDataConnection, "commit", commit)
        outcomes = connector.load([item("2", "B"), item("3", "C")])
    assert [outcome.state for outcome in outcomes] == [OutcomeState.UNCLEAR] * 2
    assert set(connector.find(["1", "2", "3"])) == {"1", "2", "3"}
    assert isinstance(connector, MariaDbWarehouse)
    connector.close()


# Parquet


def parquet(lake: Path | str, **settings: Any) -> ParquetConnector:
    url = lake.as_uri() if isinstance(lake, Path) else lake
    ports = PortsForTests(credentials={"w": Credentials(url=url)})
    made = registry().create("parquet", {"connection": "w", **settings}, ports)
    assert isinstance(made, ParquetConnector)
    return made


def test_a_reader_sees_a_batch_or_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at every step of a load: the tables always fit together."""
    lake = tmp_path / "lake"
    connector = parquet(lake)
    connector.load([item("0", "ORDER-0")])
    seen: list[tuple[int, int]] = []

    def look() -> None:
        reader = Warehouse(lake.as_uri())
        now = reader.snapshot()
        heads, lines = (reader.versions(name, now) for name in ("purchase_order", "purchase_order_line"))
        loads = reader.dataset("load", now).count_rows()
        assert sum(heads["line_count"].to_pylist()) == len(lines)
        assert len(heads) == loads
        seen.append((len(heads), len(lines)))

    real_write, real_create = Files.write, Files.create
    busy = threading.local()

    def around(real: Any) -> Any:
        def call(self: Files, *given: Any) -> Any:
            if getattr(busy, "now", False):
                return real(self, *given)
            busy.now = True
            try:
                look()
                answer = real(self, *given)
                look()
                return answer
            finally:
                busy.now = False

        return call

    monkeypatch.setattr(Files, "write", around(real_write))
    monkeypatch.setattr(Files, "create", around(real_create))
    connector.load([item(str(number), f"ORDER-{number}") for number in range(1, 6)])
    assert set(seen) == {(1, 2), (6, 12)}
    assert len(seen) == 8


def test_files_are_what_other_readers_take(tmp_path: Path) -> None:
    import pandas as pd
    import pyarrow.dataset as ds

    lake = tmp_path / "lake"
    connector = parquet(lake)
    connector.load([item("1", "A", quantity=2), item("2", "A", quantity=3)])
    reader = Warehouse(lake.as_uri())
    paths = reader.files("purchase_order_line")
    frame = pd.concat([pd.read_parquet(path) for path in paths])
    assert frame["quantity"].tolist() == [Decimal(2), Decimal(3), Decimal(3), Decimal(4)]
    assert str(ds.dataset(paths).schema.field("price").type) == "decimal128(38, 10)"
    written = reader.dataset("purchase_order").to_table().select(["year", "valid_from"]).to_pylist()
    assert [row["year"] for row in written] == [row["valid_from"].year for row in written]
    first, second = (
        reader.versions("purchase_order").select(["version", "valid_from", "valid_to"]).to_pylist()
    )
    assert (first["version"], first["valid_to"], second["valid_to"]) == (1, second["valid_from"], None)
    assert len(reader.current("purchase_order_line")) == 2
    assert len(reader.current("purchase_order", environment="test")) == 0
    assert reader.versions("demand").num_rows == 0


def test_the_log_is_read_from_its_last_complete_commit(tmp_path: Path) -> None:
    files = Files.at((tmp_path / "lake").as_uri())
    log, seen = Log(files), None
    for number in range(1, 206):
        log.commit(log.snapshot(), f"b{number}", "now", {"load": [f"f{number}"]}, {"load": number})
    seen = Log(files).snapshot()
    assert seen.number == 205
    assert seen.files == {"load": [f"f{number}" for number in range(1, 206)]}
    assert seen.next_ids == {"load": 205}
    # older commits may go
    for number in range(1, 200):
        files.remove(f"_log/{number:020}.json")
    assert Log(files).snapshot() == seen


def test_memory_is_a_store_too() -> None:
    url = f"memory://lake-{os.getpid()}-{id(object())}"
    connector = parquet(url)
    assert states(connector, item("1"), item("2", "B")) == [(WRITTEN, 1)] * 2
    assert states(parquet(url), item("1"), item("3", "B", quantity=5)) == [(UNCHANGED, 1), (WRITTEN, 2)]


@pytest.mark.parametrize("url", ["nonsense://x/y", "s3://bucket/lake"])
def test_a_store_that_cannot_be_used_is_refused(url: str) -> None:
    connector = parquet(url)
    health = connector.check()
    assert not health.ok
    assert health.sentence
    connector.close()
