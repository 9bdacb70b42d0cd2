"""Oracle E-Business Suite over a stand-in (servers/ebs.py) on PostgreSQL: what the import does later, refusals and their repair, two
loads at once, answers that are lost. It is not Oracle: nothing here shows what Oracle or its import would say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from servers.cutting import cutting
from servers.ebs import SETTINGS, StandIn, on_postgres
from sqlalchemy import make_url, text

from connectors.oracle_ebs.connector import OracleEbs
from connectors.oracle_ebs.interface import REJECTED
from orderhub.connector import Credentials, LoadItem, Outcome, OutcomeState
from orderhub.connector_registry import registry
from orderhub.ledger import outbox
from orderhub.ledger.engine import create_engine
from orderhub.testing import PortsForTests, load_item, sample_order

pytestmark = pytest.mark.integration
FLOWS = Path(__file__).with_name("ebs_flow") / "flows"
SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"

Make = Callable[..., OracleEbs]


@pytest.fixture
def system(empty_database: str) -> Iterator[StandIn]:
    engine = create_engine(empty_database)
    system = StandIn(engine)
    system.create()
    yield system
    engine.dispose()


@pytest.fixture(autouse=True)
def _over_postgres() -> Iterator[None]:
    with on_postgres():
        yield


@pytest.fixture
def make(system: StandIn, empty_database: str) -> Iterator[Make]:
    made: list[OracleEbs] = []

    def build(url: str = empty_database, **changes: Any) -> OracleEbs:
        ports = PortsForTests(credentials={"ebs": Credentials(url=url)})
        connector = registry().create("oracle_ebs", {**SETTINGS, **changes}, ports)
        assert isinstance(connector, OracleEbs)
        made.append(connector)
        return connector

    yield build
    for connector in made:
        connector.close()


def load(connector: OracleEbs, item: LoadItem) -> Outcome:
    [outcome] = connector.load([item])
    return outcome


def with_unit(number: str, unit: str) -> LoadItem:
    order = sample_order(number)
    order.lines[1] = msgspec.structs.replace(order.lines[1], unit=unit)
    return load_item(order)


def test_an_order_waits_for_the_import_and_is_its_purchase_order_then(system: StandIn, make: Make) -> None:
    connector, item = make(), load_item(sample_order("PO-1"))
    for outcome in (load(connector, item), load(connector, item), connector.find([item.key])[item.key]):
        assert (outcome.state, outcome.code) == (OutcomeState.UNCLEAR, "EBS_IMPORT_PENDING")
        assert "PO_HEADERS_INTERFACE" in (outcome.reason or "")
    assert connector.check().sentence.endswith("wait for the import: 1.")
    system.import_orders()
    assert connector.find([item.key])[item.key] == Outcome(
        key=item.key, state=OutcomeState.UNCHANGED, reference="4711"
    )
    assert load(make(), item).state is OutcomeState.UNCHANGED
    assert connector.check().sentence.endswith("wait for the import: 0.")
    assert len(system.rows(system.interface.headers)) == len(system.rows(system.interface.orders)) == 1


def test_header_lines_and_distributions_say_what_the_order_says(system: StandIn, make: Make) -> None:
    order = sample_order("PO'; DROP TABLE po_headers_all; --")
    order.lines[0] = msgspec.structs.replace(
        order.lines[0], price=Decimal("12.5"), price_base_quantity=Decimal(100), note="=HYPERLINK(1)"
    )
    load(make(buyer="Stock, Ms. Pat", batch_id=77), load_item(order))
    [header] = system.rows(system.interface.headers)
    assert header["comments"] == f"Order {order.number}"
    assert {name: header[name] for name in ("vendor_num", "vendor_site_code", "agent_name", "batch_id")} == {
        "vendor_num": "1001",
        "vendor_site_code": "MAIN",
        "agent_name": "Stock, Ms. Pat",
        "batch_id": 77,
    }
    assert (header["interface_source_code"], header["document_type_code"]) == ("ORDERHUB", "STANDARD")
    first, second = system.rows(system.interface.lines)
    assert (first["unit_price"], first["uom_code"], first["note_to_vendor"]) == (
        Decimal("0.125"),
        "Ea",
        "=HYPERLINK(1)",
    )
    assert second["need_by_date"] == order.requested_delivery_on
    assert [
        (row["interface_line_id"], row["quantity_ordered"], row["charge_account_id"])
        for row in system.rows(system.interface.distributions)
    ] == [(line["interface_line_id"], line["quantity"], 12975) for line in (first, second)]


def test_a_refusal_names_column_and_line_and_the_repaired_order_goes_once(
    system: StandIn, make: Make
) -> None:
    connector, item = make(), with_unit("PO-2", "KGM")
    load(connector, item)
    system.suppliers.clear()
    system.import_orders()
    outcome = connector.find([item.key])[item.key]
    assert (outcome.state, outcome.code, outcome.field) == (
        OutcomeState.REJECTED,
        "EBS_IMPORT_REFUSED",
        "supplier",
    )
    assert "VENDOR_NUM: 1001 is no supplier; line 2, UOM_CODE: KGM is not valid." in (outcome.reason or "")
    system.suppliers.add("1001")
    assert load(connector, item).state is OutcomeState.UNCLEAR
    system.import_orders()
    outcome = connector.find([item.key])[item.key]
    assert (outcome.field, outcome.reason) == (
        "lines[1].unit",
        "The import refused the order: line 2, UOM_CODE: KGM is not valid.",
    )
    system.units.add("KGM")
    with system.importing():
        assert load(make(wait_seconds=60), item).state is OutcomeState.WRITTEN
    interface = system.interface
    assert len(system.rows(interface.headers)) == len(system.rows(interface.orders)) == 1
    assert len(system.rows(interface.lines)) == len(system.rows(interface.distributions)) == 2


def test_refused_rows_that_somebody_has_taken_up_again_are_left_alone(system: StandIn, make: Make) -> None:
    """Somebody sets them PENDING in the moment before they are deleted."""
    item = with_unit("PO-3", "KGM")
    load(make(), item)
    system.import_orders()
    headers = system.interface.headers
    taken = headers.update().where(headers.c.process_code == REJECTED).values(process_code="PENDING")

    def take_up(connection: Any, cursor: Any, statement: str, *_: object) -> None:
        if statement.startswith("DELETE FROM po_distributions_interface"):
            system.change(taken)

    with on_postgres(take_up):
        assert load(make(), item).state is OutcomeState.UNCLEAR
    assert [row["process_code"] for row in system.rows(headers)] == ["PENDING"]
    assert len(system.rows(system.interface.lines)) == 2


def test_after_a_purge_the_order_is_found_by_its_attribute(system: StandIn, make: Make) -> None:
    connector, item = make(), load_item(sample_order("PO-4"))
    load(connector, item)
    system.import_orders()
    before = connector.find([item.key])
    system.change(*(table.delete() for table in (system.interface.lines, system.interface.headers)))
    assert connector.find([item.key]) == before
    assert load(connector, item) == before[item.key]
    assert system.rows(system.interface.headers) == []


def test_another_document_of_the_same_order_makes_no_second_one(system: StandIn, make: Make) -> None:
    connector, item = make(), load_item(sample_order("PO-5"))
    other = msgspec.structs.replace(item, key=f"{item.key}-again")
    load(connector, item)
    for where in ("in the interface", "as purchase order 4711"):
        outcome = load(connector, other)
        assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, "EBS_ORDER_EXISTS")
        assert where in (outcome.reason or "")
        assert item.key in (outcome.reason or "")
        system.import_orders()
    assert len(system.rows(system.interface.headers)) == 1


@pytest.mark.parametrize(
    ("code", "statement"),
    [
        ("EBS_ORDER_CANCELLED", "UPDATE po_headers_all SET cancel_flag = 'Y'"),
        ("EBS_ORDER_GONE", "DELETE FROM po_headers_all"),
        ("EBS_LINES_REFUSED", "UPDATE po_lines_interface SET process_code = 'REJECTED' WHERE line_num = 2"),
    ],
)
def test_what_people_must_see_to_is_rejected_and_not_sent_again(
    system: StandIn, make: Make, code: str, statement: str
) -> None:
    connector, item = make(), load_item(sample_order("PO-6"))
    load(connector, item)
    system.import_orders()
    system.change(text(statement))
    for outcome in (connector.find([item.key])[item.key], load(connector, item)):
        assert (outcome.state, outcome.code) == (OutcomeState.REJECTED, code)
    assert len(system.rows(system.interface.headers)) == 1


def test_of_loads_at_the_same_moment_one_writes(system: StandIn, make: Make) -> None:
    item = load_item(sample_order("PO-7"))
    connectors = [make() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(lambda connector: load(connector, item), connectors))
    assert {outcome.state for outcome in outcomes} == {OutcomeState.UNCLEAR}
    assert system.effects([item.key]) == {item.key: 1}


def test_an_answer_that_is_lost_at_any_step_makes_no_second_order(
    system: StandIn, make: Make, empty_database: str
) -> None:
    """Each thing that is sent arrives, and its answer does not."""
    behind = make_url(empty_database)
    unclear_and_there = 0
    with cutting(int(behind.port or 5432)) as line, system.importing():
        url = behind.set(host="127.0.0.1", port=line.port, query={}).render_as_string(hide_password=False)
        for step in range(1, 80, 2):
            item = load_item(sample_order(f"PO-8-{step}"))
            with line.fail_at(step) as failure:
                try:
                    outcome = load(make(url), item)
                except Exception as error:
                    assert getattr(error, "retryable", False), error
                    assert system.effects([item.key]) == {}
                else:
                    unclear_and_there += bool(failure.happened and system.effects([item.key]))
                    assert outcome.state is not OutcomeState.REJECTED
            assert load(make(wait_seconds=60), item).state in (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)
            assert system.effects([item.key]) == {item.key: 1}
            if not failure.happened:
                break
        else:
            raise AssertionError("a load sends more than 40 things")
    assert unclear_and_there, "the answer to a commit was never lost"


def settle_later(at: Hub) -> None:
    """The next run, as if the pause were over."""
    with at.ctx.ledger.begin() as connection:
        connection.execute(text("UPDATE ledger.outbox SET next_attempt_at = clock_timestamp()"))
    assert at.run().problems == []


def test_the_hub_asks_until_the_import_has_run(
    system: StandIn, empty_database: str, database: str, tmp_path: Path
) -> None:
    system.suppliers.add("1002")
    system.units.add("Pr")
    connections = {"ebs": Credentials(url=empty_database)}
    with hub(
        "orders_into_ebs",
        database,
        tmp_path,
        targets=("oracle_ebs",),
        folders=ProjectFolders(flows_folder=FLOWS),
        connections=connections.get,
    ) as at:

        def documents() -> list[tuple[str, str]]:
            return [(row["file"][:2], row["state"]) for row in at.documents()]

        at.drop(SAMPLES / "01_good_single.edi")
        at.drop(SAMPLES / "15_bad_unknown_item.edi")
        assert at.run().problems == []
        assert documents() == [("01", "loading"), ("15", "loading")]
        cases = at.rows("SELECT code, message FROM ledger.inbox_case WHERE open")
        assert {case["code"] for case in cases} == {"EFFECT_IN_DOUBT"}
        assert all("the import has not settled it yet" in case["message"] for case in cases)
        settle_later(at)
        assert documents() == [("01", "loading"), ("15", "loading")]
        system.import_orders()
        settle_later(at)
        assert documents() == [("01", "loaded"), ("15", "rejected")]
        [reference] = at.rows("SELECT reference FROM ledger.outbox WHERE outcome = 'unchanged'")
        assert reference["reference"] == system.rows(system.interface.orders)[0]["segment1"]
        [case] = at.rows("SELECT code, field, value FROM ledger.inbox_case WHERE open")
        assert (case["code"], case["field"]) == ("EBS_IMPORT_REFUSED", "lines[].item")
        # what was missing is put right in Purchasing, and the document sent again by a person
        lines = system.rows(system.interface.lines)
        system.items |= {row["item"] for row in lines}
        system.units |= {row["uom_code"] for row in lines}
        [rejected] = [row["id"] for row in at.documents() if row["state"] == "rejected"]
        with at.ctx.ledger.begin() as connection:
            outbox.requeue(connection, [rejected], actor="anna", reason="the item is there now")
        settle_later(at)
        system.import_orders()
        settle_later(at)
        assert documents() == [("01", "loaded"), ("15", "loaded")]
        assert at.rows("SELECT * FROM ledger.inbox_case WHERE open") == []
    assert len(system.rows(system.interface.orders)) == 2


def test_the_stand_in_is_no_oracle(system: StandIn) -> None:
    """What this file shows it shows on this; see the connector's README for what was never run."""
    with system.engine.connect() as connection:
        assert "PostgreSQL" in str(connection.scalar(sa.text("SELECT version()")))
