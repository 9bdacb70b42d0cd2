"""The statements of oracle_ebs, compiled by SQLAlchemy's Oracle dialect; rows and refusals; and the real driver without a server.

This does not show that a server takes them: none was there.
"""

from __future__ import annotations

import datetime as dt
import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from servers.ebs import SETTINGS
from sqlalchemy.dialects import oracle
from sqlalchemy.schema import CreateTable

from connectors.oracle_ebs.connector import OracleEbs
from connectors.oracle_ebs.interface import Interface, OrderLock
from connectors.oracle_ebs.rows import Unwritable, field_of, header_of, lines_of
from connectors.oracle_ebs.settings import OracleEbsSettings
from orderhub.connector import Credentials, Outcome
from orderhub.connector_registry import registry
from orderhub.documents import Party, PurchaseOrder
from orderhub.errors import ConfigError, ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests, load_item, sample_order

DIALECT = oracle.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own has no types


def settings(**changes: Any) -> OracleEbsSettings:
    return OracleEbsSettings(**{**SETTINGS, **changes})


def compiled(statement: sa.ClauseElement, columns: list[str] | None = None) -> str:
    more = {} if columns is None else {"column_keys": columns}
    return " ".join(str(statement.compile(dialect=DIALECT, **more)).split())


class Recorded:
    """Takes statements as a session would, compiles them, and answers that there is nothing yet."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.rows: list[Any] = []

    def execute(self, statement: Any, values: Any = None) -> list[object]:
        first = values[0] if isinstance(values, list) else values
        self.statements.append(compiled(statement, list(first) if first else None))
        self.rows.append(values)
        return []

    def scalar(self, statement: Any) -> int:
        self.execute(statement)
        return 1005


def write(order: PurchaseOrder, **changes: Any) -> Recorded:
    session = Recorded()
    connector = OracleEbs(settings(**changes), PortsForTests())
    assert connector._write(session, load_item(order), order) is None  # type: ignore[arg-type]  # answers like one
    return session


def test_an_order_is_locked_looked_up_and_written_in_this_order() -> None:
    session = write(sample_order("PO-1", lines=3))
    lock, in_interface, in_orders, number, header, lines, distributions = session.statements
    assert lock == (
        "DECLARE answer INTEGER; BEGIN answer := DBMS_LOCK.REQUEST(id => :lock_number, lockmode => DBMS_LOCK.X_MODE, "
        "timeout => :lock_seconds, release_on_commit => TRUE); IF answer NOT IN (0, 4) THEN "
        "RAISE_APPLICATION_ERROR(-20001, 'orderhub has no lock of the order: ' || answer); END IF; END;"
    )
    assert "FROM po_headers_interface LEFT OUTER JOIN po_headers_all ON" in in_interface
    assert "po_headers_interface.interface_source_code = :interface_source_code_1" in in_interface
    assert "po_headers_interface.attribute14 IN" in in_interface
    assert "OR po_headers_interface.attribute15 IN" in in_interface
    assert "po_headers_all.type_lookup_code = :type_lookup_code_1" in in_orders
    assert number == "SELECT po_headers_interface_s.nextval AS next_value_1 FROM DUAL"
    assert header.startswith("INSERT INTO po_headers_interface (interface_header_id, batch_id, org_id,")
    assert header.endswith(", SYSDATE)") or header.endswith(", sysdate)")
    assert lines.startswith(
        "INSERT INTO po_lines_interface (interface_line_id, interface_header_id, line_num,"
    )
    assert "VALUES (po_lines_interface_s.nextval, :interface_header_id, :line_num," in lines
    # one array bind for all lines
    assert [row["line_num"] for row in session.rows[5]] == [1, 2, 3]
    assert {tuple(row) for row in session.rows[5]} == {tuple(session.rows[5][0])}
    assert distributions.startswith(
        "INSERT INTO po_distributions_interface (interface_distribution_id, interface_header_id, interface_line_id,"
    )
    assert "SELECT po_distributions_interface_s.nextval AS next_value_1, po_lines_interface." in distributions


def test_the_owner_stands_before_tables_and_sequences() -> None:
    session = write(sample_order("PO-1"), owner="apps")
    assert session.statements[3] == "SELECT apps.po_headers_interface_s.nextval AS next_value_1 FROM DUAL"
    assert session.statements[4].startswith("INSERT INTO apps.po_headers_interface (")
    assert "apps.po_lines_interface_s.nextval" in session.statements[5]
    assert "FROM apps.po_lines_interface WHERE" in session.statements[6]


def test_what_is_read_back_and_removed_compiles() -> None:
    interface = Interface(settings())
    assert compiled(interface.errors_of([7])).endswith(
        "WHERE po_interface_errors.interface_header_id IN (__[POSTCOMPILE_interface_header_id_1]) "
        "ORDER BY po_interface_errors.interface_transaction_id"
    )
    assert compiled(interface.lines_of([7])).endswith("ORDER BY po_lines_interface.interface_line_id")
    assert compiled(interface.waiting()).startswith(
        "SELECT count(*) AS count_1 FROM po_headers_interface WHERE"
    )
    *parts, header = map(compiled, interface.removals(7))
    assert [part.split()[2] for part in parts] == [
        "po_distributions_interface",
        "po_line_locations_interface",
        "po_lines_interface",
    ]
    assert header.endswith("AND po_headers_interface.process_code = :process_code_1")
    for table in interface.metadata.sorted_tables:
        compiled(CreateTable(table))
        assert len(table.name) <= 30


def test_locks_are_in_the_range_of_applications_and_bound() -> None:
    built = OrderLock(1073741823, 30).compile(dialect=DIALECT)
    assert built.params == {"lock_number": 1073741823, "lock_seconds": 30}


def test_a_foreign_currency_has_a_rate_and_a_number_of_ones_own_is_kept() -> None:
    given = settings(rate_types={"EUR": "Corporate"}, numbering="order_number", locations={"42": "M2"})
    interface = Interface(given)
    order = msgspec.structs.replace(sample_order("4711"), ship_to=Party(code="42"))
    header = header_of(load_item(order, key="k" * 200), order, interface, given)
    assert (header["rate_type"], header["rate_date"]) == ("Corporate", dt.date(2026, 11, 2))
    assert (header["document_num"], header["ship_to_location"]) == ("4711", "M2")
    assert len(header["attribute14"]) == 26
    assert header["attribute15"] == "sample/purchase_order/4711"
    [first, _] = lines_of(order, interface, given, 1)
    assert (first["item"], first["uom_code"], first["unit_price"]) == ("4019999011016", "Ea", Decimal("0.12"))


def changed(**line: Any) -> PurchaseOrder:
    order = sample_order("PO-1")
    order.lines[1] = msgspec.structs.replace(order.lines[1], **line)
    return order


@pytest.mark.parametrize(
    ("order", "code", "field"),
    [
        (changed(price=Decimal(1), price_base_quantity=Decimal(3)), "EBS_PRICE_INEXACT", "lines[1].price"),
        (changed(quantity=Decimal("1" * 39)), "EBS_NUMBER", "lines[1].quantity"),
        (changed(quantity=Decimal("1E-60")), "EBS_NUMBER", "lines[1].quantity"),
        (changed(unit="KGMX"), "EBS_TEXT", "lines[1].unit"),
        (changed(note="ö" * 241), "EBS_TEXT", "lines[1].note"),
        (changed(note="a\0b"), "EBS_TEXT", "lines[1].note"),
        (changed(note="\ud800"), "EBS_TEXT", "lines[1].note"),
        (
            changed(item=msgspec.structs.replace(sample_order("x").lines[0].item, gtin=None)),
            "EBS_ITEM_MISSING",
            "lines[1].item",
        ),
        (sample_order("1" * 300), "EBS_TEXT", "number"),
        (
            msgspec.structs.replace(sample_order("PO-1"), supplier=Party(gln="4000000000006")),
            "EBS_SUPPLIER_UNKNOWN",
            "supplier",
        ),
        (
            msgspec.structs.replace(sample_order("PO-1"), ship_to=Party(gln="4000000000006")),
            "EBS_LOCATION_UNKNOWN",
            "ship_to",
        ),
    ],
)
def test_what_the_tables_do_not_hold_is_refused_by_its_field(
    order: PurchaseOrder, code: str, field: str
) -> None:
    given = settings()
    interface = Interface(given)
    with pytest.raises(Unwritable) as caught:
        header_of(load_item(order), order, interface, given)
        lines_of(order, interface, given, 1)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "\0" not in caught.value.reason


def test_what_is_not_loaded_is_rejected_without_asking_anybody() -> None:
    connector = OracleEbs(settings(), PortsForTests())
    change = msgspec.structs.replace(sample_order("PO-1"), function="change")
    [outcome] = connector.load([load_item(change)])
    assert (outcome.state.value, outcome.code, outcome.field) == (
        "rejected",
        "EBS_FUNCTION_UNSUPPORTED",
        "function",
    )


@pytest.mark.parametrize(
    ("column", "line", "field"),
    [
        ("VENDOR_ID", None, "supplier"),
        ("AGENT_ID", None, None),
        (None, None, None),
        ("ITEM_ID", 2, "lines[2].item"),
        ("QUANTITY_ORDERED", 0, "lines[0].quantity"),
        ("CHARGE_ACCOUNT_ID", 0, "lines[0]"),
    ],
)
def test_columns_of_errors_are_canonical_fields(column: str | None, line: int | None, field: str) -> None:
    assert field_of(column, line) == field


@pytest.mark.parametrize(
    "wrong",
    [{"key_column": "ATTRIBUTE15"}, {"key_column": "SEGMENT1"}, {"owner": "apps; --"}, {"approval": "YES"}],
)
def test_wrong_settings_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        registry().settings("oracle_ebs", {**SETTINGS, **wrong})


def connector_to(url: str) -> OracleEbs:
    credentials = Credentials(url=url, user="apps", secret="hidden-word")
    made = registry().create("oracle_ebs", SETTINGS, PortsForTests(credentials={"ebs": credentials}))
    assert isinstance(made, OracleEbs)
    return made


@contextmanager
def no_oracle() -> Iterator[int]:
    """A server of another kind: it greets, and goes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, suppress(OSError):  # who was refused may be gone already
                    client.sendall(b"220 mail.example.com ESMTP\r\n" * 20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def away(connector: OracleEbs) -> str:
    """What is said when nothing can be asked; the secret never is."""
    item = load_item(sample_order("PO-1"))
    health = connector.check()
    assert not health.ok
    with pytest.raises(ConnectorUnavailable) as loading:
        connector.load([item])
    with pytest.raises(ConnectorUnavailable) as finding:
        connector.find([item.key])
    connector.close()
    said = f"{health.sentence} {loading.value} {finding.value}"
    assert "hidden-word" not in said
    return said


def test_nobody_listens_at_the_real_drivers_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        assert "DPY-6005" in away(connector_to(f"oracle://127.0.0.1:{taken.getsockname()[1]}/EBS"))


# the driver leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore:.*socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed.*socket:ResourceWarning")
def test_a_server_that_is_no_oracle_is_said_by_the_real_driver() -> None:
    with no_oracle() as port:
        assert "DPY-" in away(connector_to(f"oracle://127.0.0.1:{port}/EBS"))
    gc.collect()  # within this test


def test_an_address_that_names_no_service_is_refused() -> None:
    with pytest.raises(ConnectorRefused, match="does not name an Oracle service"):
        connector_to("oracle://127.0.0.1:1521").find(["k"])


def test_a_lock_that_is_not_had_one_that_may_not_be_asked_for_and_a_trigger_are_told_apart() -> None:
    """By the server's codes, as the driver hands them on."""
    import oracledb

    class Session(Recorded):
        def __init__(self, code: str, words: str) -> None:
            super().__init__()
            self._error = oracledb.DatabaseError(Told(code, words))

        def execute(self, statement: Any, values: Any = None) -> list[object]:
            raise sa.exc.DatabaseError("BEGIN", {}, self._error)

    class Told(SimpleNamespace):
        def __init__(self, code: str, words: str) -> None:
            super().__init__(full_code=code, isrecoverable=False, words=words)

        def __str__(self) -> str:
            return f"{self.full_code}: {self.words}"

    class Engine:
        def __init__(self, session: Session) -> None:
            self._session = session

        @contextmanager
        def connect(self) -> Iterator[Session]:
            yield self._session

    def loading(code: str, words: str) -> Outcome:
        connector = OracleEbs(settings(), PortsForTests())
        connector._engine = Engine(Session(code, words))  # type: ignore[assignment]  # as much of one as is used
        [outcome] = connector.load([load_item(sample_order("PO-1"))])
        return outcome

    with pytest.raises(ConnectorUnavailable, match="Another load of the same order"):
        loading("ORA-20001", "orderhub has no lock of the order: 1")
    with pytest.raises(ConnectorRefused):
        loading("ORA-06550", "PLS-00201: identifier 'DBMS_LOCK' must be declared")
    refused = loading("ORA-20001", "XX_PO_CHECK: no orders on Sundays")
    assert (refused.code, refused.reason) == ("EBS_REFUSED", "ORA-20001: XX_PO_CHECK: no orders on Sundays.")
