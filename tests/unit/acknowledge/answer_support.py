"""Answers without a ledger: a file is read, and every message counts as taken by a mapping unless a test says otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from orderhub.acknowledge.asked import asked
from orderhub.acknowledge.contrl import Contrl
from orderhub.acknowledge.functional import Functional
from orderhub.acknowledge.verdict import EnvelopeVerdict, judged
from orderhub.findings import Finding, Severity
from orderhub.formats.base import Reader
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.formats.x12.reader import X12Reader
from orderhub.ledger.states import DocumentState
from orderhub.partners.agreement import Agreement, Answering
from orderhub.stage import AcknowledgeStep, Flow, PullStep, TranslateStep, Trigger, ValidateStep

AT = dt.datetime(2026, 11, 23, 9, 40, tzinfo=dt.UTC)

__all__ = ["AT", "Contrl", "Functional", "contrl", "functional", "judge"]


def judge(
    data: bytes,
    *,
    kind: str | None = None,
    covers: str = "syntax",
    unmapped: Collection[int] = (),
    held: dict[int, list[Finding]] | None = None,
    severities: dict[str, Severity] | None = None,
) -> list[EnvelopeVerdict]:
    """The verdicts on a file. ``unmapped`` are messages that no mapping took, ``held`` those in quarantine."""
    reader: Reader = X12Reader() if data.lstrip(b"\xef\xbb\xbf")[:3] == b"ISA" else EdifactReader()
    technical = kind or ("997" if isinstance(reader, X12Reader) else "contrl")
    flow = Flow(
        name="f",
        owner="o",
        partner=None,
        trigger=Trigger(arrival=True),
        pull=PullStep(connector="folder"),
        translate=TranslateStep(),
        validate=ValidateStep(),
        load=(),
        acknowledge=AcknowledgeStep(technical=technical),
    )
    agreement = Agreement(
        name="acme",
        title="ACME",
        company="default",
        severities=severities or {},
        answering=Answering(covers=covers),  # type: ignore[arg-type]
    )
    states: dict[int, tuple[DocumentState, list[Finding]]] = {
        number: (DocumentState.ACCEPTED, []) for number in range(1, 1000) if number not in unmapped
    }
    for number, findings in (held or {}).items():
        states[number] = (DocumentState.QUARANTINED, findings)
    session = reader.read(data, name="file")
    return judged(session, lambda info: (agreement, asked(flow, agreement, info)), states)


def contrl(data: bytes, **more: object) -> list[str]:
    """The answers to a file, each without its envelope: the segments from UCI to the one before UNT, by line ends."""
    said = []
    for verdict in judge(data, **more):  # type: ignore[arg-type]
        text = Contrl(verdict).write(7, AT).decode("latin-1")
        said.append(text.split("UN'", 1)[1].rpartition("UNT+")[0].replace("'", "\n").strip())
    return said


def functional(data: bytes, **more: object) -> list[str]:
    """The same for X12, from AK1 to AK9."""
    said = []
    for verdict in judge(data, **more):  # type: ignore[arg-type]
        text = Functional(verdict).write(7, AT).decode()
        inner = text.split("~", 1)[1].rpartition("IEA*")[0]
        said.append(inner.replace("~", "\n").strip())
    return said
