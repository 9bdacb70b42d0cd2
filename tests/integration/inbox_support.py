"""Short ways through the inbox for its tests."""

from __future__ import annotations

from typing import Any

from ledger_support import STAMP, arrive, lease, load, order, record, translate, validate
from sqlalchemy import Engine

from orderhub.connector import OutcomeState
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import inbox, leases, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import Case, CaseFilter, Seen
from orderhub.ledger.inbox_actions import Acted
from orderhub.ledger.records import Target, TranslatedDocument, TranslationSummary
from orderhub.ledger.states import InterchangeState

OWNERS = {"acme_orders": "procurement"}


def unknown_unit(unit: str, line: int = 0) -> Finding:
    return Finding(
        code="VALUE_LOOKUP",
        severity=Severity.ERROR,
        message=f"{unit!r} is not in the lookup table unit_of_measure. Add it to lookups/unit_of_measure.csv.",
        place=Place(segment="QTY", segment_number=9, offset=120),
        value=unit,
        field=f"lines[{line}].unit",
    )


def unusable(ordinal: int, number: str, *findings: Finding) -> TranslatedDocument:
    return TranslatedDocument(
        ordinal=ordinal, type="purchase_order", number=number, findings=findings, mapping=STAMP
    )


def open_cases(engine: Engine, **where: Any) -> list[Case]:
    with transaction(engine) as connection:
        return inbox.cases(connection, CaseFilter(**where), owners=OWNERS).cases


def groups(engine: Engine, **where: Any) -> dict[str, int]:
    with transaction(engine) as connection:
        return {str(one.reason): one.count for one in inbox.groups(connection, CaseFilter(**where))}


def act(engine: Engine, what: Any, *cases: Case, **more: Any) -> Acted:
    with transaction(engine) as connection:
        return what(connection, [Seen(case.id, case.version) for case in cases], **({"actor": "anna"} | more))  # type: ignore[no-any-return]


def file(engine: Engine, name: str, found: Any, **more: Any) -> int:
    with transaction(engine) as connection:
        arrive(connection, name)
    return translate(engine, found, **more)


def refuse(engine: Engine, name: str, findings: list[Finding], state: InterchangeState) -> int:
    with transaction(engine) as connection:
        arrive(connection, name)
        [claim] = leases.claim_received(connection, "acme_orders", worker="t")
    with transaction(engine) as connection:
        summary = TranslationSummary(
            state=state, format="edifact", findings=findings, finding_count=len(findings), sender="42"
        )
        translations.finish_translation(connection, claim, summary)
    return claim.id


def something_of_everything(engine: Engine) -> None:
    """Quarantined by mapping and by suite, a conflict, a rejected, a waiting, an effect in doubt, three kinds of files."""
    file(
        engine,
        "units.edi",
        [
            unusable(1, "U-1", unknown_unit("KTN")),
            unusable(2, "U-2", unknown_unit("KTN", 3)),
            unusable(3, "U-3", unknown_unit("CRT")),
        ],
        state=InterchangeState.REFUSED,
    )
    file(engine, "rules.edi", [order("R-1")])
    validate(engine, bad=lambda number: number == "R-1")
    file(engine, "first.edi", [order("C-1")])
    validate(engine)
    load(engine)
    file(engine, "second.edi", [order("C-1", quantity=9)])
    validate(engine)
    file(engine, "refused_by_target.edi", [order("T-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.REJECTED, code="STALE_REVISION", reason="too late")
    file(engine, "approval.edi", [order("W-1")])
    validate(engine, targets=(Target("warehouse", wait=True),))
    file(engine, "doubt.edi", [order("D-1")])
    validate(engine)
    record(engine, lease(engine), OutcomeState.UNCLEAR, reason="no answer in 30 s")
    refuse(
        engine,
        "stranger.edi",
        [
            Finding(
                code="UNKNOWN_SENDER",
                severity=Severity.ERROR,
                message="No agreement has the sender 4299999009999.",
                rule="identifiers/edifact/14",
                value="4299999009999",
            )
        ],
        InterchangeState.REFUSED,
    )
    refuse(
        engine,
        "broken.edi",
        [Finding(code="EDIFACT_UNT_COUNT", severity=Severity.ERROR, message="UNT says 9.")],
        InterchangeState.REFUSED,
    )
    refuse(
        engine,
        "invoice.edi",
        [Finding(code="NO_MAPPING", severity=Severity.WARNING, message="No mapping fits INVOIC.")],
        InterchangeState.READ,
    )
