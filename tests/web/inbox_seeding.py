"""An inbox with something of everything, made through the ledger's own functions."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Engine, text
from web_seeding import MAPPING, Seeder, interchange, message, order, translated

from orderhub.connector import Outcome, OutcomeState
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import documents, inbox_alerts, outbox
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import CaseState
from orderhub.ledger.records import Target, TranslatedDocument
from orderhub.ledger.states import InterchangeState

KTN = "quarantined~VALUE_LOOKUP~lines[].unit~KTN"


def unknown_unit(unit: str, line: int = 1) -> Finding:
    """What a mapping says about a unit that its lookup does not have."""
    return Finding(
        code="VALUE_LOOKUP",
        severity=Severity.ERROR,
        message=f"'{unit}' is not in the lookup table unit_of_measure. Add it to lookups/unit_of_measure.csv, or ask the "
        "sender for a known code.",
        place=Place(message="1", segment="QTY", segment_number=15, element=1, component=3, offset=512),
        value=unit,
        field=f"lines[{line}].unit",
    )


def stranger(sender: str, qualifier: str) -> Finding:
    return Finding(
        code="UNKNOWN_SENDER",
        severity=Severity.ERROR,
        message=f"No agreement has the sender {sender} (qualifier {qualifier}). Add the identifier to the partner's "
        "agreement and translate again.",
        rule=f"identifiers/edifact/{qualifier}",
        value=sender,
        place=Place(segment="UNB", element=2, offset=9),
    )


@dataclass
class SeededInbox:
    """Case ids by order number or file name."""

    cases: dict[str, int] = field(default_factory=dict)


def _unusable(number: str, ordinal: int, finding: Finding) -> TranslatedDocument:
    return TranslatedDocument(
        ordinal=ordinal,
        document=None,
        type="purchase_order",
        number=number,
        findings=[finding],
        mapping=MAPPING,
    )


def seed_inbox(engine: Engine, archive: Archive, *, many: int = 5) -> SeededInbox:
    """``many`` orders with the unit KTN, two with CRT, a conflict, one refused by the ERP, one that waits for an approval,
    one in doubt, files of two unknown senders, a broken file and one without a mapping."""
    acme = Seeder(engine, archive)
    shop = Seeder(engine, archive, flow="shop_orders", agreement="borealis")

    def file(play: Seeder, name: str, number: str) -> int:
        return play.receive(name, interchange([message(order(number), "1")], name[:6]))

    file(acme, "acme_orders_0712.edi", "U-1")
    acme.translate(
        [_unusable(f"ACME-2{at:04d}", at, unknown_unit("KTN", at % 3)) for at in range(1, many + 1)],
        state=InterchangeState.REFUSED,
    )
    file(shop, "borealis_0713.edi", "U-2")
    shop.translate(
        [_unusable(f"BOR-{at}", at, unknown_unit("CRT")) for at in (71, 72)], state=InterchangeState.REFUSED
    )
    file(acme, "first.edi", "ACME-10001")
    acme.judge(acme.translate([translated(order("ACME-10001"))]))
    acme.load()
    file(acme, "second.edi", "ACME-10001")
    acme.judge(acme.translate([translated(order("ACME-10001", quantity="999"))]))
    file(acme, "third.edi", "ACME-10031")
    acme.judge(acme.translate([translated(order("ACME-10031"))]))
    acme.load(reject="The ERP has no product with GTIN 4000001000029. Create it there, then retry.")
    file(acme, "fourth.edi", "ACME-10040")
    [waiting] = acme.translate([translated(order("ACME-10040"))])
    with transaction(engine) as connection:
        documents.accept(connection, [waiting], targets=[Target("tryton", wait=True)])
    file(acme, "fifth.edi", "ACME-10050")
    acme.judge(acme.translate([translated(order("ACME-10050"))]))
    with transaction(engine) as connection:
        works = outbox.lease(connection, acme.flow, "warehouse", worker="seed")
        there = [Outcome(key=work.key, state=OutcomeState.WRITTEN, reference=work.number) for work in works]
        outbox.record_outcomes(connection, works, there)
    with transaction(engine) as connection:
        works = outbox.lease(connection, acme.flow, "tryton", worker="seed")
        unclear = [
            Outcome(key=work.key, state=OutcomeState.UNCLEAR, reason="Tryton did not answer within 30 s.")
            for work in works
        ]
        outbox.record_outcomes(connection, works, unclear, look_up_after=600)
    for name, sender, qualifier in (
        ("unknown_a.edi", "4299999009999", "14"),
        ("unknown_b.edi", "4299999009999", "14"),
        ("unknown_c.edi", "NORDWIND-TEST", "ZZ"),
    ):
        file(shop, name, "X-1")
        shop.translate([], state=InterchangeState.REFUSED, findings=[stranger(sender, qualifier)])
    file(shop, "broken.edi", "X-2")
    count = Finding(
        code="EDIFACT_UNT_COUNT",
        severity=Severity.ERROR,
        message="UNT says 9 segments, the message has 3. Have the sender correct the count.",
        place=Place(segment="UNT", segment_number=3, element=1),
        value="9",
    )
    shop.translate([], state=InterchangeState.REFUSED, findings=[count])
    file(shop, "invoice.edi", "X-3")
    none = Finding(code="NO_MAPPING", severity=Severity.WARNING, message="No mapping fits INVOIC D.96A.")
    shop.translate([], state=InterchangeState.READ, findings=[none])
    with transaction(engine) as connection:
        # as if they had come over the last days
        connection.execute(
            text(
                "UPDATE ledger.inbox_case SET since = since - make_interval(hours => "
                "CASE WHEN value = 'KTN' THEN 53 WHEN state = 'conflict' THEN 29 ELSE 3 + id::integer END)"
            )
        )
        inbox_alerts.raise_due(connection, {CaseState.QUARANTINED: 24, CaseState.CONFLICT: 24})
        found = connection.execute(text("SELECT id, number FROM ledger.inbox_case"))
        return SeededInbox(cases={row.number: row.id for row in found})
