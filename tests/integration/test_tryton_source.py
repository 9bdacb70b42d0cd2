"""Master data, receipts and stock out of a real Tryton: everything once, whatever moments and transactions do."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import erp_support
import psycopg
import pytest
from erp_support import mark, people
from hub_harness import Hub, ProjectFolders, hub
from servers.line import Line

from orderhub.connector import Bookmark, Connector, Interchange, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import load_item, sample_order

pytestmark = pytest.mark.integration
__all__ = ["mark", "people"]
FLOW = Path(__file__).with_name("tryton_flow")
#: Longest wait for the server's worker, which makes the moves of a confirmed purchase.
PATIENCE = 120.0


@pytest.fixture
def make(erp: Endpoints) -> Iterator[Callable[..., Connector[Any]]]:
    with erp_support.connectors(erp) as build:

        def with_source(**source: Any) -> Connector[Any]:
            return build(source=source)

        yield with_source


def records(pulled: Sequence[Interchange]) -> list[dict[str, Any]]:
    return [record for one in pulled if one.data for record in json.loads(one.data, parse_float=Decimal)]


def now(connector: Connector[Any], stream: str) -> Bookmark:
    """The bookmark after all that there is."""
    bookmark: Bookmark = None
    for one in connector.pull(stream, None):
        bookmark = one.bookmark
    return json.loads(json.dumps(bookmark))


def suppliers_of(people: Session, mark: str, count: int) -> tuple[str, list[int]]:
    """A category of the test's own, and suppliers in it, made in one transaction."""
    category = f"Source {mark}"
    [group] = people.create("party.category", [{"name": category}])
    return category, more_of(people, group, [f"{mark}-{number}" for number in range(count)])


def more_of(people: Session, group: int, names: Sequence[str]) -> list[int]:
    shared = {"categories": [["add", [group]]], "addresses": [["create", [{"city": "Oslo"}]]]}
    return people.create("party.party", [{"name": name, "code": f"S{name}", **shared} for name in names])


def receive(people: Session, number: str, *, reference: str = "", quantity: float | None = None) -> int:
    """What people do when the goods of an order come: a shipment with its moves, received, not yet put away."""
    end = time.monotonic() + PATIENCE
    while (purchase := erp_support.purchases(people, number)[0])["state"] != "processing":
        assert time.monotonic() < end, "the server's worker has not come to it"
        time.sleep(0.2)
    moves = people.find(
        "stock.move", [["purchase", "=", purchase["id"]], ["state", "=", "draft"], ["shipment", "=", None]]
    )
    if quantity is not None:
        people.write("stock.move", moves, {"quantity": quantity})
    [warehouse] = people.read(
        "stock.location", [["type", "=", "warehouse"]], ["input_location", "storage_location"]
    )
    values = {
        "supplier": purchase["party"],
        "warehouse": warehouse["id"],
        "warehouse_input": warehouse["input_location"],
        "warehouse_storage": warehouse["storage_location"],
        "reference": reference,
        "incoming_moves": [["add", moves]],
    }
    [shipment] = people.create("stock.shipment.in", [values])
    people.call("model.stock.shipment.in.receive", [shipment])
    return shipment


def test_records_that_share_a_moment_come_once_each_also_over_a_cut(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    category, ids = suppliers_of(people, mark, 5)
    pulled = list(make(category=category, records_per_interchange=2).pull("suppliers", None))
    assert len({record["changed_at"] for record in records(pulled)}) == 1
    assert [record["id"] for record in records(pulled)] == sorted(ids)
    for index, one in enumerate(pulled):
        rest = make(category=category, records_per_interchange=2).pull("suppliers", one.bookmark)
        assert [later.arrival for later in rest] == [later.arrival for later in pulled[index + 1 :]]


def test_only_what_changed_comes_again_also_when_only_what_belongs_to_it_changed(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    category, [first, second, _] = suppliers_of(people, mark, 3)
    connector = make(category=category)
    [found] = connector.pull("suppliers", None)
    assert not connector.waiting("suppliers", found.bookmark)
    [row] = people.read("party.party", [["id", "=", second]], ["addresses"])
    people.write("party.address", row["addresses"], {"city": "Bergen", "street": "Bryggen 1\nLoft"})
    people.write("party.party", [first], {"active": False})
    assert connector.waiting("suppliers", found.bookmark)
    changed = records(list(connector.pull("suppliers", found.bookmark)))
    assert [(record["id"], record["active"]) for record in changed] == [(second, True), (first, False)]
    assert changed[0]["address"] == {
        **{"street": ["Bryggen 1", "Loft"], "city": "Bergen"},
        **dict.fromkeys(("postal_code", "subdivision", "country")),
    }


def test_a_transaction_that_ended_late_is_not_lost_within_the_overlap(
    make: Callable[..., Connector[Any]], people: Session, erp: Endpoints, mark: str
) -> None:
    """Its records carry the moment at which it began, which lies before what was pulled in the meantime."""
    category, _ = suppliers_of(people, mark, 1)
    connector = make(category=category, overlap_seconds=60)
    [found] = connector.pull("suppliers", None)
    [group] = people.find("party.category", [["name", "=", category]])
    late, too_late = more_of(people, group, [f"{mark}-late", f"{mark}-too-late"])
    with psycopg.connect(erp.erp_database_url) as database:
        for table in ("party_party", "party_address", "party_identifier"):
            column = "id" if table == "party_party" else "party"
            for party, seconds in ((late, 50), (too_late, 3600)):
                database.execute(
                    f"UPDATE {table} SET write_date = NULL, create_date = create_date - make_interval(secs => %s) "  # noqa: S608
                    f"WHERE {column} = %s",
                    (seconds, party),
                )
    again = list(connector.pull("suppliers", found.bookmark))
    assert [record["id"] for record in records(again)] == [late]
    assert list(connector.pull("suppliers", again[-1].bookmark)) == []


def test_a_late_change_behind_a_later_one_of_the_same_thing_is_not_lost(
    make: Callable[..., Connector[Any]], people: Session, erp: Endpoints, mark: str
) -> None:
    """Of two transactions that write one supplier the one that began first ends last, after a pull."""
    category, [supplier] = suppliers_of(people, mark, 1)
    connector = make(category=category, overlap_seconds=60)
    people.write("party.party", [supplier], {"name": f"{mark} renamed"})
    bookmark = now(connector, "suppliers")
    assert not connector.waiting("suppliers", bookmark)
    with psycopg.connect(erp.erp_database_url) as database:
        database.execute(
            "UPDATE party_address SET city = 'Bergen', write_date = party.write_date - interval '5 seconds' "
            "FROM party_party AS party WHERE party.id = party_address.party AND party.id = %s",
            (supplier,),
        )
    assert connector.waiting("suppliers", bookmark)
    [late] = connector.pull("suppliers", bookmark)
    [record] = records([late])
    assert (record["name"], record["address"]["city"]) == (f"{mark} renamed", "Bergen")
    assert not connector.waiting("suppliers", late.bookmark)


def test_items_are_pulled_with_what_people_put_aside_and_as_exact_as_they_are(
    make: Callable[..., Connector[Any]], people: Session
) -> None:
    connector = make()
    found = {record["code"]: record for record in records(list(connector.pull("items", None)))}
    assert found["OH-10001"] | {"changed_at": ""} == {
        **{"id": found["OH-10001"]["id"], "changed_at": "", "code": "OH-10001"},
        **{"name": "Hexagon bolt M8 x 40, galvanised", "type": "goods", "active": True, "purchasable": True},
        **{"unit": "u", "gtin": "4019999011016", "list_price": Decimal("0.12"), "currency": "EUR"},
        "category": "Purchased goods",
    }
    # one of its own, for the ERP warns of putting aside what was ordered before
    [unit] = people.find("product.uom", [["name", "=", "Unit"]])
    values = {"name": "Put aside", "type": "goods", "default_uom": unit, "list_price": Decimal(1)}
    products = [["create", [{"suffix_code": "OH-ASIDE", "cost_price": Decimal(1)}]]]
    [template] = people.create("product.template", [{**values, "products": products}])
    bookmark = now(connector, "items")
    people.write("product.template", [template], {"active": False})
    [aside] = records(list(connector.pull("items", bookmark)))
    assert (aside["code"], aside["active"]) == ("OH-ASIDE", False)


def test_supplier_items_come_with_every_price_and_whole_also_over_a_cut(
    make: Callable[..., Connector[Any]], people: Session
) -> None:
    bookmark = now(make(), "supplier_items")
    [offer] = people.find("purchase.product_supplier", [["code", "=", "NW-M8X40"]])
    prices = [
        {"product_supplier": offer, "quantity": q, "unit_price": Decimal(p)}
        for q, p in ((500, "0.1"), (2000, "0.09"))
    ]
    made = people.create("purchase.product_supplier.price", prices)
    try:
        pulled = list(make(records_per_interchange=2).pull("supplier_items", bookmark))
        found = records(pulled)
        assert [(one["from_quantity"], one["unit_price"]) for one in found] == [
            (None, Decimal("0.12")),
            (500, Decimal("0.1")),
            (2000, Decimal("0.09")),
        ]
        assert {one["supplier"]["code"] for one in found} == {"S1001"}
        assert {(one["product"]["code"], one["code"], one["unit"]) for one in found} == {
            ("OH-10001", "NW-M8X40", "u")
        }
        # cut between two prices of one offer: the offer comes again, whole
        assert records(list(make().pull("supplier_items", pulled[0].bookmark))) == found
        assert list(make().pull("supplier_items", pulled[-1].bookmark)) == []
    finally:
        people.call("model.purchase.product_supplier.price.delete", made)


def test_what_came_in_is_a_receipt_and_changes_the_stock(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    order = sample_order(f"RC{mark}")
    connector = make()
    receipts, stock = now(connector, "receipts"), now(connector, "stock_levels")
    before = {
        record["product"]["code"]: record["quantity"]
        for record in records(list(connector.pull("stock_levels", None)))
    }
    [outcome] = connector.load([load_item(order)])
    assert outcome.state is OutcomeState.WRITTEN
    assert not connector.waiting("receipts", receipts)
    today = people.call("model.ir.date.today")
    shipment = receive(people, order.number, reference="LS-1", quantity=4)
    [came] = connector.pull("receipts", receipts)
    [receipt] = records([came])
    assert (receipt["id"], receipt["reference"], receipt["supplier"]["gln"]) == (
        shipment,
        "LS-1",
        "4019999010002",
    )
    # midnight may have been in between
    assert receipt["received_on"] in {day.isoformat() for day in (today, people.call("model.ir.date.today"))}
    assert [
        (move["line"], move["product"]["gtin"], move["quantity"], move["unit"], move["purchase"])
        for move in receipt["moves"]
    ] == [
        (line, gtin, 4, "u", {"number": outcome.reference, "reference": order.number, "line": line})
        for line, gtin in enumerate(("4019999011016", "4019999011023"), 1)
    ]
    levels = records(list(connector.pull("stock_levels", stock)))
    mine = {level["product"]["code"]: level for level in levels}
    for code in ("OH-10001", "OH-10002"):
        assert mine[code]["quantity"] == before.get(code, 0) + 4
        assert mine[code]["location"] == {"code": "WH", "name": "Warehouse"}
    # by location the goods stand in the input zone, and go to the storage zone when they are put away
    places = make(stock_per="location")
    by_place = now(places, "stock_levels")
    people.call("model.stock.shipment.in.do", [shipment])
    moved = {
        level["location"]["code"]: level["quantity"]
        for level in records(list(places.pull("stock_levels", by_place)))
        if level["product"]["code"] == "OH-10001"
    }
    assert moved.keys() == {"IN", "STO"}
    assert moved["STO"] >= 4
    assert list(connector.pull("stock_levels", now(connector, "stock_levels"))) == []
    # putting away writes the shipment, but is the same receipt
    [again] = records(list(connector.pull("receipts", came.bookmark)))
    assert again | {"changed_at": ""} == receipt | {"changed_at": ""}


def test_a_line_that_is_cut_in_the_middle_loses_nothing(
    make: Callable[..., Connector[Any]], people: Session, erp: Endpoints, mark: str
) -> None:
    category, ids = suppliers_of(people, mark, 4)
    line = Line(erp.erp_url, lambda request: b".search_read" in request)
    given: list[Interchange] = []
    settings = {"connection": "erp", "source": {"category": category, "records_per_interchange": 1}}
    try:
        for step in itertools.count():
            connector = registry().create("tryton", settings, erp_support.ports_of(erp, line.url))
            with line.cut(step, after=step % 2 == 1) as failure:
                try:
                    for one in connector.pull("suppliers", given[-1].bookmark if given else None):
                        given.append(one)
                except ConnectorUnavailable as error:
                    assert error.retryable
            connector.close()
            if not failure.happened:
                break
    finally:
        line.close()
    assert step > 3
    assert [record["id"] for record in records(given)] == sorted(ids)


def test_a_stream_that_tryton_does_not_have_is_refused_by_name(make: Callable[..., Connector[Any]]) -> None:
    with pytest.raises(ConnectorRefused, match="invoices"):
        list(make().pull("invoices", None))


@contextmanager
def flow(stream: str, database: str, folder: Path, erp: Endpoints) -> Iterator[Hub]:
    folders = ProjectFolders(flows_folder=FLOW / "flows", partners_folder=FLOW / "partners")
    with hub(f"tryton_{stream}", database, folder, erp=erp, folders=folders, settle_at_once=False) as at:
        yield at


def current(at: Hub, table: str) -> dict[str, dict[str, Any]]:
    return {row["number"]: row for row in at.rows(f"SELECT * FROM warehouse.current_{table}")}  # noqa: S608 - own names


def test_flows_bring_the_erp_into_the_warehouse_and_later_only_what_changed(
    database: str,
    tmp_path: Path,
    people: Session,
    erp: Endpoints,
    make: Callable[..., Connector[Any]],
    mark: str,
) -> None:
    order = sample_order(f"FL{mark}")
    make().load([load_item(order)])
    shipment = receive(people, order.number)
    tables = {
        "suppliers": "supplier",
        "items": "item",
        "supplier_items": "supplier_item",
        "receipts": "receipt",
        "stock_levels": "stock_level",
    }
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for stream, table in tables.items():
        with flow(stream, database, tmp_path, erp) as at:
            assert at.run().problems == []
            found[stream] = current(at, table)
    assert found["suppliers"]["S1005"]["name"] == "华东包装材料有限公司"
    assert found["items"]["OH-10007"]["unit"] == "KGM"
    assert found["supplier_items"]["OH-10001@S1001"]["price"] == Decimal("0.12")
    assert found["stock_levels"]["OH-10001@WH"]["quantity"] >= 10
    [number] = people.read("stock.shipment.in", [["id", "=", shipment]], ["number"])
    assert number["number"] in found["receipts"]

    with flow("receipts", database, tmp_path, erp) as at:
        pulled = len(at.interchanges())
        assert at.run().problems == []
        assert len(at.interchanges()) == pulled, "nothing changed, and something was pulled"

    [party] = people.find("party.party", [["code", "=", "S1007"]])
    people.write("party.party", [party], {"name": f"Molina {mark}"})
    try:
        with flow("suppliers", database, tmp_path, erp) as at:
            before = at.rows("SELECT count(*) AS n FROM warehouse.supplier")[0]["n"]
            assert at.run().problems == []
            assert current(at, "supplier")["S1007"]["name"] == f"Molina {mark}"
            assert at.rows("SELECT count(*) AS n FROM warehouse.supplier")[0]["n"] == before + 1
    finally:
        people.write("party.party", [party], {"name": "Molina Papel S.L."})


def test_the_bookmark_is_small_when_much_was_made_at_once(
    make: Callable[..., Connector[Any]], people: Session, mark: str
) -> None:
    category, _ = suppliers_of(people, mark, 40)
    bookmark = now(make(category=category), "suppliers")
    assert bookmark is not None
    [ranges] = bookmark["given"].values()
    assert len(ranges) == 1
    assert dt.datetime.fromisoformat(bookmark["latest"])
