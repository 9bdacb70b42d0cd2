"""What pages show beyond the ledger's own records: facets, numbered findings, the five steps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from orderhub.findings import Finding, Place
from orderhub.ledger.records import AcknowledgementRow, DocumentPath, DocumentRow, Effect, InterchangeRow
from orderhub.mapping.trace import TracedField
from orderhub.source import DocumentTrace
from orderhub.web.answers import AnswerView
from orderhub.web.canonical import FieldLine
from orderhub.web.original import Original, Pointer
from orderhub.web.words import DOCUMENT_STATES

Row = TypeVar("Row", DocumentRow, InterchangeRow)

#: Documents in one of these states may be translated again or given up.
OPEN_FOR_PEOPLE = ("quarantined", "conflict", "rejected")
#: States that something else will soon change, so that a page looks again quickly.
MOVING = ("translated", "accepted", "loading", "retrying")


@dataclass(frozen=True, slots=True)
class Facet:
    """A value to filter by and how many rows would be left (``None`` when nobody counted)."""

    value: str
    count: int | None
    selected: bool


@dataclass(slots=True)
class Listing(Generic[Row]):
    """A page of a list. ``newer`` and ``older`` are cursors; ``total`` is exact unless ``more_than_total``."""

    rows: Sequence[Row]
    total: int
    more_than_total: bool = False
    newer: str = ""
    older: str = ""
    facets: dict[str, list[Facet]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NumberedFinding:
    """A finding on a page. ``number`` is its place in the list, from 1; the flags say where it can be shown."""

    number: int
    finding: Finding
    in_original: bool = False
    in_canonical: bool = False

    def pointer(self) -> Pointer:
        return _pointer(self.finding.place, self.number, self.finding.severity.value)


def _pointer(place: Place, number: int, severity: str, *, trace: bool = False) -> Pointer:
    return Pointer(
        number=number,
        severity=severity,
        offset=place.offset,
        line=place.line,
        column=place.column,
        segment=place.segment,
        segment_number=place.segment_number,
        element=place.element,
        component=place.component,
        length=place.length,
        trace=trace,
        file=place.file,
    )


@dataclass(frozen=True, slots=True)
class ValueTrace:
    """Where one canonical value came from. ``number`` is its number on the page, from 1; ``sources`` are path and text
    of the source values; ``origin`` is the mapping's word for it (``source``, ``constant``, ``agreement``, …)."""

    number: int
    field: str
    value: str
    origin: str
    expression: str
    line: int | None
    sources: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PathStep:
    """One of the five steps. ``state`` is done, active, failed, waiting, skipped or todo."""

    name: str
    state: str
    at: dt.datetime | None = None
    detail: str = ""


@dataclass(slots=True)
class DocumentView:
    """Everything the page of one document shows."""

    path: DocumentPath
    findings: list[NumberedFinding]
    steps: list[PathStep]
    fields: list[FieldLine]
    original: Original | None = None
    original_problem: str = ""
    traces: tuple[ValueTrace, ...] = ()
    #: why it is not known where the values came from; empty when it is, or when nobody asked
    trace_problem: str = ""
    #: the version of the mapping is not kept any more: the traces are those of today's
    trace_of_today: bool = False
    #: the original is big: where the values came from is asked for when the page is there
    trace_later: bool = False
    #: the ledger's runs by the scheduler's names for them
    runs: dict[int, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return self.path.row.state.value

    @property
    def open_for_people(self) -> bool:
        return self.state in OPEN_FOR_PEOPLE

    @property
    def moving(self) -> bool:
        return self.state in MOVING or any(
            effect.state.value in ("pending", "leased", "in_doubt") for effect in self.path.effects
        )

    @property
    def successor(self) -> DocumentRow | None:
        """The later generation of the same message, which took this one's place after a retry."""
        row = self.path.row
        later = [
            other
            for other in self.path.versions
            if other.interchange_id == row.interchange_id
            and other.ordinal == row.ordinal
            and other.generation > row.generation
        ]
        return max(later, key=lambda other: other.generation, default=None)


@dataclass(slots=True)
class FileView:
    """Everything the page of one file shows."""

    row: InterchangeRow
    findings: list[NumberedFinding]
    documents: Listing[DocumentRow]
    acknowledgements: Sequence[AcknowledgementRow]
    answers: Sequence[AnswerView] = ()
    original: Original | None = None
    original_problem: str = ""


def traced(trace: DocumentTrace) -> tuple[tuple[ValueTrace, ...], list[Pointer]]:
    """The values of a document with their origin, and where on the page of the original each of them points."""
    values: list[ValueTrace] = []
    pointers: list[Pointer] = []
    for one in trace.fields:
        if one.origin in ("part", "absent") or one.value is None:
            continue
        number = len(values) + 1
        for source in one.sources:
            pointers.append(_pointer(source.place, number, "", trace=True))
        values.append(
            ValueTrace(
                number,
                one.field,
                one.value,
                one.origin,
                _steps(one),
                one.line,
                tuple((source.path, source.text or "") for source in one.sources),
            )
        )
    return tuple(values), pointers


def _steps(field: TracedField) -> str:
    """What the mapping does with the source value; its path is shown beside the value already."""
    for source in field.sources:
        rest = field.expression.removeprefix(source.path)
        if rest != field.expression and (not rest or rest.startswith(" ")):
            return rest.strip().removeprefix("|").strip()
    return field.expression


def numbered(findings: Iterable[Finding]) -> list[NumberedFinding]:
    """Errors first, else in the order in which they were found."""
    rank = {"error": 0, "warning": 1, "info": 2}
    ordered = sorted(findings, key=lambda finding: rank[finding.severity.value])
    return [NumberedFinding(number, finding) for number, finding in enumerate(ordered, start=1)]


def placed(
    findings: Sequence[NumberedFinding], original: set[int], canonical: set[int]
) -> list[NumberedFinding]:
    """The same findings, with what is known about where they can be shown."""
    return [
        replace(item, in_original=item.number in original, in_canonical=item.number in canonical)
        for item in findings
    ]


def steps(path: DocumentPath) -> list[PathStep]:
    """The way of a document as five steps with a state and, where it is known, the time each ended."""
    row, file = path.row, path.interchange
    state = row.state.value
    reached: dict[str, dt.datetime] = {}
    for event in path.timeline:
        if event.to_state in DOCUMENT_STATES:
            reached.setdefault(event.to_state, event.at)
    translated = path.canonical is not None
    judged = state not in ("translated", "retrying", "superseded") or "accepted" in reached
    result = [PathStep("pull", "done", file.received_at, f"{file.connector} · {file.stream}")]

    mapping = f"{path.mapping.name} v{path.mapping.version}" if path.mapping else ""
    if translated:
        result.append(PathStep("translate", "done", reached.get("translated", row.received_at), mapping))
    elif state == "retrying":
        result.append(PathStep("translate", "active", None, mapping))
    else:
        result.append(PathStep("translate", "failed", reached.get("quarantined"), mapping))

    suite = path.suite.name if path.suite else ""
    if not translated:
        result.append(PathStep("validate", "todo"))
    elif state in ("quarantined", "conflict") or (state == "discarded" and "accepted" not in reached):
        when = reached.get("quarantined") or reached.get("conflict")
        result.append(PathStep("validate", "failed", when, suite))
    elif judged and state not in ("superseded",):
        when = reached.get("accepted") or reached.get("duplicate")
        result.append(PathStep("validate", "done", when, suite))
    else:
        result.append(PathStep("validate", "active" if state in MOVING else "skipped", None, suite))

    result.append(_load_step(state, path.effects, reached))

    answers = path.acknowledgements
    if answers:
        kinds = ", ".join(sorted({answer.kind for answer in answers}))
        result.append(PathStep("acknowledge", "done", max(answer.recorded_at for answer in answers), kinds))
    else:
        result.append(PathStep("acknowledge", "todo"))
    return result


def _load_step(state: str, effects: Sequence[Effect], reached: dict[str, dt.datetime]) -> PathStep:
    detail = ", ".join(effect.target for effect in effects)
    when = max((effect.updated_at for effect in effects), default=None)
    if state == "loaded":
        return PathStep("load", "done", reached.get("loaded", when), detail)
    if state == "rejected":
        return PathStep("load", "failed", reached.get("rejected", when), detail)
    if state == "waiting":
        return PathStep("load", "waiting", reached.get("waiting"), detail)
    if state in ("accepted", "loading"):
        return PathStep("load", "active", None, detail)
    if state in ("duplicate", "discarded", "superseded"):
        return PathStep("load", "skipped")
    return PathStep("load", "todo")
