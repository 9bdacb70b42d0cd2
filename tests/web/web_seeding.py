"""A ledger with something of everything, made through the ledger's own functions, for the tests of the pages."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import Engine, text

from orderhub.connector import Outcome, OutcomeState
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.documents.order import LineItem
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import acknowledgements, arrivals, documents, leases, outbox, runs, translations
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import (
    AcknowledgementOutcome,
    Arrival,
    MappingStamp,
    Suite,
    Target,
    TranslatedDocument,
    TranslationSummary,
)
from orderhub.ledger.states import InterchangeState

FLOW = "acme_orders"
MAPPING = MappingStamp("edifact_orders_d96a__purchase_order", 3, "c0ffee" * 10)
SUITE = Suite("purchase_order_core", "beef" * 16)
WORKER = "seed"


def order(number: str, *, quantity: str = "120", supplier: str = "Nordwind Fasteners GmbH") -> PurchaseOrder:
    """An order of two lines."""
    return PurchaseOrder(
        number=number,
        issued_on=dt.date(2026, 11, 20),
        currency="EUR",
        buyer=Party(gln="4012345000009", name="Acme Manufacturing SE"),
        supplier=Party(gln="4098765000010", name=supplier),
        lines=[
            Line(
                number=1,
                item=LineItem(gtin="4000001000012", name="Hex bolt M8x40 zinc"),
                quantity=Decimal("120"),
                unit="PCE",
                price=Decimal("0.42"),
            ),
            Line(
                number=2,
                item=LineItem(gtin="4000001000029", name="Washer M8"),
                quantity=Decimal(quantity),
                unit="PCE",
                price=Decimal("0.05"),
            ),
        ],
        requested_delivery_on=dt.date(2026, 12, 4),
    )


def message(
    order: PurchaseOrder, reference: str, note: str = "Bitte vor 12?:00 Uhr anliefern, Rampe 3"
) -> str:
    """The order as an ORDERS message, a segment a line."""
    body = [
        f"UNH+{reference}+ORDERS:D:96A:UN:EAN008'",
        f"BGM+220+{order.number}+9'",
        "DTM+137:20261120:102'",
        "DTM+2:20261204:102'",
        f"FTX+ZZZ+++{note}'",
        f"NAD+BY+{order.buyer.gln}::9++{order.buyer.name}'",
        f"NAD+SU+{order.supplier.gln}::9++{order.supplier.name}'",
        "CUX+2:EUR:9'",
    ]
    for line in order.lines:
        body += [
            f"LIN+{line.number}++{line.item.gtin}:EN'",
            f"IMD+F++:::{line.item.name}'",
            f"QTY+21:{line.quantity}:{line.unit}'",
            f"PRI+AAA:{line.price}'",
        ]
    body += ["UNS+S'", f"CNT+2:{len(order.lines)}'"]
    return "\n".join([*body, f"UNT+{len(body) + 1}+{reference}'"])


def interchange(messages: Sequence[str], control: str) -> bytes:
    """Messages in an envelope."""
    head = f"UNA:+.? '\nUNB+UNOC:3+4012345000009:14+4098765000010:14+261120:1015+{control}'"
    return "\n".join([head, *messages, f"UNZ+{len(messages)}+{control}'", ""]).encode("iso8859-1", "replace")


def negative_quantity(data: bytes) -> Finding:
    """What validation says about a quantity of -5 on the second line."""
    return Finding(
        code="SUITE_VALUE",
        severity=Severity.ERROR,
        message="Quantity -5 is not greater than 0. Ask the sender for the right quantity, or correct the mapping.",
        place=Place(
            segment="QTY",
            segment_number=15,
            element=1,
            component=2,
            offset=data.find(b"QTY+21:-5"),
            path="SG25[2]/QTY/C186/6060",
        ),
        rule="expect_column_values_to_be_between",
        value="-5",
        field="lines[1].quantity",
    )


@dataclass
class Seeded:
    """Ids of what was made, by a word for it."""

    documents: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)


class Seeder:
    """Plays the five stages, one file at a time."""

    def __init__(
        self, engine: Engine, archive: Archive, *, flow: str = FLOW, agreement: str = "acme"
    ) -> None:
        self.engine = engine
        self.archive = archive
        self.flow = flow
        self.agreement = agreement
        self._count = 0
        #: what the scheduler calls the run that does the next things
        self.run_name = "arrival__2026-11-20T10:15:02"
        self.run: int | None = None

    def receive(self, name: str, data: bytes, *, problem: str | None = None) -> int:
        """A file arrives."""
        self._count += 1
        stored = self.archive.store(data) if problem is None else None
        with transaction(self.engine) as connection:
            recorded = arrivals.record_arrival(
                connection,
                Arrival(
                    company="main",
                    flow=self.flow,
                    connector="folder",
                    stream="orders",
                    name=name,
                    arrival=f"{name}#{self._count}",
                    agreement=self.agreement,
                    sha256=hashlib.sha256(data).hexdigest() if problem is None else None,
                    size=len(data),
                    archive_key=stored.key if stored else None,
                    problem=problem,
                ),
            )
        return recorded.id

    def translate(
        self,
        orders: Sequence[TranslatedDocument],
        *,
        state: InterchangeState = InterchangeState.TRANSLATED,
        findings: Sequence[Finding] = (),
        format: str | None = "edifact",
        duplicate_of: int | None = None,
    ) -> list[int]:
        """The oldest waiting file gives these documents; their ids."""
        with transaction(self.engine) as connection:
            self.run = run = runs.start(connection, self.flow, trigger="arrival", external=self.run_name)
            claim = leases.claim_received(connection, self.flow, worker=WORKER, run=run)[0]
        with transaction(self.engine) as connection:
            documents.insert_translated(connection, claim, orders, run=run)
            translations.finish_translation(
                connection,
                claim,
                TranslationSummary(
                    state=state,
                    format=format,
                    message="ORDERS" if format == "edifact" else None,
                    release="D.96A" if format == "edifact" else None,
                    sender="4012345000009" if format == "edifact" else None,
                    receiver="4098765000010" if format == "edifact" else None,
                    control_reference=f"{self._count:06d}" if format == "edifact" else None,
                    messages=len(orders),
                    findings=findings,
                    finding_count=len(findings),
                    duplicate_of=duplicate_of,
                ),
                run=run,
            )
            made = connection.execute(
                text(
                    "SELECT id FROM ledger.document WHERE interchange_id = :id AND generation = :generation "
                    "ORDER BY ordinal"
                ),
                {"id": claim.id, "generation": claim.generation},
            )
            return list(made.scalars())

    def judge(self, good: Sequence[int], bad: dict[int, Sequence[Finding]] | None = None) -> None:
        """Validation accepts some documents and quarantines others."""
        with transaction(self.engine) as connection:
            documents.quarantine(connection, bad or {}, suite=SUITE, run=self.run)
            targets = [Target("warehouse"), Target("tryton")]
            documents.accept(connection, good, targets=targets, suite=SUITE, run=self.run)

    def load(self, *, reject: str = "") -> None:
        """Both targets take what is due; ``reject`` is a reason why the ERP does not."""
        for target in ("warehouse", "tryton"):
            with transaction(self.engine) as connection:
                works = outbox.lease(connection, self.flow, target, worker=WORKER)
            with transaction(self.engine) as connection:
                outcomes = []
                for work in works:
                    if target == "tryton" and reject:
                        outcomes.append(
                            Outcome(
                                key=work.key, state=OutcomeState.REJECTED, code="UNKNOWN_ITEM", reason=reject
                            )
                        )
                    else:
                        outcomes.append(
                            Outcome(
                                key=work.key,
                                state=OutcomeState.WRITTEN,
                                reference=f"PO{work.document_id:05d}" if target == "tryton" else work.number,
                                version=1 if target == "warehouse" else None,
                            )
                        )
                outbox.record_outcomes(connection, works, outcomes, run=self.run)

    def answer(self, interchange_id: int, outcome: AcknowledgementOutcome) -> None:
        """The technical answer is recorded."""
        with transaction(self.engine) as connection:
            acknowledgements.record(connection, interchange_id, outcome)


def translated(made: PurchaseOrder, ordinal: int = 1) -> TranslatedDocument:
    """A translated message."""
    return TranslatedDocument(
        ordinal=ordinal,
        document=made,
        type="purchase_order",
        number=made.number,
        mapping=MAPPING,
        message_reference=str(ordinal),
    )


def seed(engine: Engine, archive: Archive) -> Seeded:
    """One of everything an operator may meet."""
    seeded = Seeded()
    play = Seeder(engine, archive)

    good = [order(f"ACME-{10001 + index}") for index in range(6)]
    data = interchange([message(one, str(at)) for at, one in enumerate(good, 1)], "000001")
    seeded.files["good"] = play.receive("acme_orders_20261120.edi", data)
    ids = play.translate([translated(one, at) for at, one in enumerate(good, 1)])
    play.judge(ids)
    play.load()
    play.answer(seeded.files["good"], AcknowledgementOutcome.ACCEPTED)
    seeded.documents["loaded"] = ids[0]

    bad = order("ACME-10024", quantity="-5")
    data = interchange([message(bad, "1")], "000002")
    seeded.files["quarantined"] = play.receive("acme_orders_20261121.edi", data)
    ids = play.translate([translated(bad)])
    play.judge([], {ids[0]: [negative_quantity(data)]})
    play.answer(seeded.files["quarantined"], AcknowledgementOutcome.REJECTED)
    seeded.documents["quarantined"] = ids[0]

    again = order("ACME-10001", quantity="999")
    seeded.files["conflict"] = play.receive(
        "acme_orders_20261122.edi", interchange([message(again, "1")], "000003")
    )
    ids = play.translate([translated(again)])
    play.judge(ids)
    seeded.documents["conflict"] = ids[0]

    same = order("ACME-10002")
    seeded.files["duplicate"] = play.receive(
        "acme_orders_20261123.edi", interchange([message(same, "1")], "000004")
    )
    ids = play.translate([translated(same)])
    play.judge(ids)
    seeded.documents["duplicate"] = ids[0]

    refused = order("ACME-10031")
    seeded.files["rejected"] = play.receive(
        "acme_orders_20261124.edi", interchange([message(refused, "1")], "000005")
    )
    ids = play.translate([translated(refused)])
    play.judge(ids)
    play.load(reject="The ERP has no product with GTIN 4000001000029. Create it there, then retry.")
    seeded.documents["rejected"] = ids[0]

    waiting = order("ACME-10032")
    seeded.files["accepted"] = play.receive(
        "acme_orders_20261125.edi", interchange([message(waiting, "1")], "000006")
    )
    ids = play.translate([translated(waiting)])
    play.judge(ids)
    seeded.documents["accepted"] = ids[0]

    broken = b"UNB+UNOC:3+A+B+261120:1015+000007'UNH+1+ORDERS:D:96A:UN'BGM+220+X+9'UNT+9+1'UNZ+1+000007'"
    count = Finding(
        code="EDIFACT_UNT_COUNT",
        severity=Severity.ERROR,
        message="UNT says 9 segments, the message has 3. Have the sender correct the count.",
        place=Place(segment="UNT", segment_number=3, element=1, offset=broken.find(b"UNT")),
        value="9",
    )
    seeded.files["refused"] = play.receive("broken.edi", broken)
    play.translate([], state=InterchangeState.REFUSED, findings=[count])
    play.answer(seeded.files["refused"], AcknowledgementOutcome.REJECTED)

    seeded.files["empty"] = play.receive(
        "empty.edi", b"", problem="The file has no content. Ask for it again."
    )
    play.translate([], state=InterchangeState.REFUSED, format=None)

    seeded.files["binary"] = play.receive("scan.edi", bytes(range(256)) * 8)
    play.translate([], state=InterchangeState.REFUSED, format=None)

    shop = Seeder(engine, archive, flow="shop_orders", agreement="shop")
    rows = b"Order No,Line,GTIN,Qty,Unit\nS-77,1,4000001000012,10,PCE\nS-77,2,4000001000029,many,PCE\n"
    no_number = Finding(
        code="VALUE_NOT_A_NUMBER",
        severity=Severity.ERROR,
        message="'many' is not a number. Have the sender correct column Qty.",
        place=Place(line=3, column=rows.splitlines()[2].find(b"many") + 1, path="row 3, column Qty"),
        value="many",
    )
    seeded.files["csv"] = shop.receive("orders-2026-11-20.csv", rows)
    ids = shop.translate(
        [
            TranslatedDocument(
                ordinal=1, document=None, type="purchase_order", number="S-77", findings=[no_number]
            )
        ],
        state=InterchangeState.PARTIAL,
        format="csv",
    )
    seeded.documents["csv"] = ids[0]
    return seeded
