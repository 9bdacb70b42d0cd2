"""Findings: what a reader, a mapping, a check or a suite has to say about a place in the source.

A finding never stops anything by itself; its severity does, at the stage that decides. The same structure goes
into the ledger, onto the pages and out of ``orderhub translate``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """How bad a finding is.

    ``error`` keeps the document (or the whole interchange, when the envelope is meant) from going on; ``warning``
    goes on and is shown; ``info`` is noted.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a source. Every part is optional; what a format does not have stays ``None``.

    ``segment`` is the tag; ``segment_number`` counts segments of the message from 1 (UNH or ST is 1); ``element`` and
    ``component`` count from 1; ``path`` is the place in the words of the format (``SG25[2]/LIN/C212/7140``,
    ``/Order/Line[2]/Price``, ``row 7, column Qty``); ``offset`` is the byte offset in the file, from 0; ``line`` and
    ``column`` count from 1 (columns in characters). ``length`` is that of the value in bytes, where the format tells it.
    """

    file: str | None = None
    interchange: str | None = None
    message: str | None = None
    segment: str | None = None
    segment_number: int | None = None
    element: int | None = None
    component: int | None = None
    path: str | None = None
    offset: int | None = None
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    length: int | None = None

    def __str__(self) -> str:
        parts: list[str] = []
        if self.file:
            parts.append(self.file)
        if self.line is not None:
            parts.append(f"line {self.line}" + (f", column {self.column}" if self.column is not None else ""))
        if self.message:
            parts.append(f"message {self.message}")
        if self.segment:
            number = f" (segment {self.segment_number})" if self.segment_number is not None else ""
            where = self.segment + number
            if self.element is not None:
                where += f", element {self.element}"
            if self.component is not None:
                where += f", component {self.component}"
            parts.append(where)
        elif self.path:
            parts.append(self.path)
        if self.offset is not None:
            parts.append(f"byte {self.offset}")
        return ", ".join(parts) or "unknown place"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing found at one place.

    ``code`` is stable and has an entry in docs/reference/errors.md (``EDIFACT_UNT_COUNT``); ``message`` says what is
    wrong, with the value, and what to do; ``rule`` names the expectation, check or grammar rule; ``value`` is the
    offending value as text; ``field`` is the path in the canonical document, where the finding is about one.
    """

    code: str
    severity: Severity
    message: str
    place: Place = Place()
    rule: str | None = None
    value: str | None = None
    field: str | None = None

    def as_row(self) -> dict[str, object]:
        """The flat form that ``orderhub translate`` and the API print; every key is always there."""
        place = self.place
        return {
            "code": self.code,
            "severity": self.severity.value,
            "message": self.message,
            "segment": place.segment,
            "segment_number": place.segment_number,
            "element": place.element,
            "component": place.component,
            "path": place.path,
            "offset": place.offset,
            "line": place.line,
            "column": place.column,
            "excerpt": place.excerpt,
            "field": self.field,
            "rule": self.rule,
            "value": self.value,
        }


#: A source with more findings than this keeps the first ones and a count of all (a file with ten thousand errors
#: must not fill the ledger).
MAX_FINDINGS = 200


def graded(findings: Sequence[Finding], severities: Mapping[str, Severity]) -> list[Finding]:
    """The findings, with the severity that is given for their codes."""
    if not severities:
        return list(findings)
    return [
        msgspec.structs.replace(finding, severity=severities.get(finding.code, finding.severity))
        for finding in findings
    ]


class Findings:
    """A bounded list of findings that counts what it no longer keeps."""

    __slots__ = ("count", "errors", "kept", "limit")

    def __init__(self, limit: int = MAX_FINDINGS) -> None:
        self.limit = limit
        self.kept: list[Finding] = []
        self.count = 0
        self.errors = 0

    def add(self, finding: Finding) -> None:
        """Count a finding and keep it while there is room; an error pushes out a kept non-error."""
        self.count += 1
        if finding.severity is Severity.ERROR:
            self.errors += 1
        if len(self.kept) < self.limit:
            self.kept.append(finding)
        elif finding.severity is Severity.ERROR:
            for index in range(len(self.kept) - 1, -1, -1):
                if self.kept[index].severity is not Severity.ERROR:
                    del self.kept[index]
                    self.kept.append(finding)
                    break

    def extend(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.add(finding)

    @property
    def ok(self) -> bool:
        """Whether no error was found."""
        return self.errors == 0
