"""Reads a CSV order file as a stream of messages.

Nothing of a file goes on that could be incomplete: an unclosed quote, an overlong line or a key that comes back after
other rows refuse the file as a whole, because a message that was already handed on may lack rows. A row that is wrong
by itself spoils only the message it belongs to.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from orderhub.findings import MAX_FINDINGS, Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.csv.header import Header
from orderhub.formats.csv.layout import MESSAGE, CsvLayout
from orderhub.formats.csv.lines import Lines
from orderhub.formats.csv.rows import RowReader, Stop
from orderhub.formats.csv.tree import Row, RowGroup

#: Rows in one message; an order has some thousand lines at most.
MAX_ROWS = 100_000


class CsvReader:
    """Reads files of one layout."""

    format = "csv"

    def __init__(self, layout: CsvLayout) -> None:
        self.layout = layout

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> CsvSession:
        """Open a session; nothing is read before the iteration starts. A stream must be seekable."""
        return CsvSession(self.layout, source, name=name, findings=findings)


class CsvSession(RowReader):
    """One file. Iterate once, to the end; then ``summary`` is complete."""

    def __init__(
        self, layout: CsvLayout, source: Source, *, name: str, findings: Findings | None = None
    ) -> None:
        interchange = EnvelopeInfo(format="csv")
        summary = ReadSummary(
            format="csv",
            file=name,
            findings=findings if findings is not None else Findings(),
            message_types=[MESSAGE],
            interchanges=[interchange],
        )
        super().__init__(layout, name=name, summary=summary, interchange=interchange)
        self.layout: CsvLayout = layout
        self.source = source
        self._seen: dict[tuple[str, ...], int] = {}
        #: of the message being read
        self._findings: list[Finding] = []
        self._cut = 0

    def __iter__(self) -> Iterator[MessageTree]:
        # looked through once before anything is handed on, so that no message of a refused file is ever usable
        start = None if isinstance(self.source, (Path, bytes)) else self.source.tell()
        first = CsvSession(self.layout, self.source, name=self.name, findings=Findings(limit=1))
        for _ in first._open():
            pass
        self.interchange.refused = first.interchange.refused
        if start is not None and not isinstance(self.source, (Path, bytes)):
            self.source.seek(start)
        yield from self._open()

    def _open(self) -> Iterator[MessageTree]:
        if isinstance(self.source, Path):
            with self.source.open("rb") as stream:
                yield from self._messages(stream)
        elif isinstance(self.source, (bytes, bytearray, memoryview)):
            yield from self._messages(io.BytesIO(self.source))
        else:
            yield from self._messages(self.source)

    # --- reading

    def _messages(self, stream: BinaryIO) -> Iterator[MessageTree]:
        try:
            for group, findings in self._groups(stream):
                self.summary.messages += 1
                tree = MessageTree(
                    message_type=MESSAGE,
                    release=None,
                    reference=group.reference,
                    number=self.summary.messages,
                    root=group,
                    interchange=self.interchange,
                    findings=findings,
                    checked=True,
                )
                if any(finding.severity is Severity.ERROR for finding in findings):
                    self.summary.unusable += 1
                yield tree
        except Stop:
            return

    def _groups(self, stream: BinaryIO) -> Iterator[tuple[RowGroup, list[Finding]]]:
        lines = self.lines(stream)
        self.interchange.encoding = lines.encoding.name
        try:
            header, delimiter = self.header(lines)
            groups = self._by_key(lines, header, delimiter)
            yield from groups if self.layout.adjacent else self._gathered(groups)
        finally:
            lines.release()
        if self.count == 0 and not self.summary.refused:
            self.summary.findings.add(
                Finding(
                    code="CSV_NO_ROWS",
                    severity=Severity.WARNING,
                    message="The file has a header and no rows. Ask the sender if this is meant.",
                    place=Place(file=self.name, line=lines.line),
                )
            )

    def _by_key(
        self, lines: Lines, header: Header, delimiter: str
    ) -> Iterator[tuple[RowGroup, list[Finding]]]:
        key_at = [header.columns.index(name) for name in self.layout.key]
        single = key_at[0] if len(key_at) == 1 else None
        group: RowGroup | None = None
        for row in self.rows(lines, header, delimiter):
            key = (row[single],) if single is not None else tuple(row[at] for at in key_at)
            if group is None or key != group.key:
                if group is not None:
                    yield group, self._all_findings(group)
                self._findings = []
                group = self._new_group(header, key, row)
            row.group = group
            group.rows.append(row)
            if len(group.rows) > MAX_ROWS:
                raise self.refuse(
                    "CSV_TOO_MANY_ROWS",
                    f"More than {MAX_ROWS} rows have the key {group.reference}.",
                    "Check the mapping's key columns.",
                    group.place(row, None),
                )
            if self.pending:
                known = self._findings
                for finding in self.pending:
                    place = msgspec.structs.replace(finding.place, message=group.reference)
                    located = msgspec.structs.replace(finding, place=place)
                    if len(known) >= MAX_FINDINGS:
                        self._cut += 1
                    elif finding not in known[-1:] and located not in known[-1:]:
                        known.append(located)
                self.pending.clear()
        if group is not None:
            yield group, self._all_findings(group)
        elif self.pending:
            self.summary.findings.extend(self.pending)
            self.refused()

    def doubtful(self, finding: Finding) -> None:
        """The message that is being read may lack this row."""
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(finding)

    def _all_findings(self, group: RowGroup) -> list[Finding]:
        """Those of the message that ends, with a word about those that were not kept."""
        if self._cut:
            self._findings.append(
                Finding(
                    code="FINDINGS_CUT",
                    severity=Severity.INFO,
                    message=f"{self._cut} more findings in {group.reference} are not kept.",
                    place=group.place(group.rows[0], None),
                )
            )
            self._cut = 0
        return self._findings

    def _new_group(self, header: Header, key: tuple[str, ...], row: Row) -> RowGroup:
        group = RowGroup(
            file=self.name,
            columns=header.columns,
            declared=len(self.layout.all_columns),
            positions=header.positions,
            key=key,
        )
        row.group = group
        for name, value in zip(self.layout.key, key, strict=True):
            if not value:
                self._findings.append(
                    Finding(
                        code="CSV_KEY_MISSING",
                        severity=Severity.ERROR,
                        message=f"The key column {name} is empty, so it is not known to which message the row belongs. "
                        "Ask the sender to fill it.",
                        place=group.place(row, name),
                    )
                )
        if not self.layout.adjacent:
            return group
        before = self._seen.get(key)
        if before is not None and all(key):
            self.summary.findings.add(
                Finding(
                    code="CSV_KEY_RETURNS",
                    severity=Severity.ERROR,
                    message=f"The rows of {group.reference} do not stand together: they begin in line {before} and come "
                    "back here. Sort the file, or declare rows: any in the mapping's source.",
                    place=group.place(row, self.layout.key[0]),
                    value=group.reference,
                )
            )
            self.refused()
        self._seen.setdefault(key, row.line)
        return group

    def _gathered(
        self, groups: Iterator[tuple[RowGroup, list[Finding]]]
    ) -> Iterator[tuple[RowGroup, list[Finding]]]:
        """Rows of one key from anywhere in the file, in the order in which the keys first appear."""
        gathered: dict[tuple[str, ...], tuple[RowGroup, list[Finding]]] = {}
        for group, findings in groups:
            known = gathered.get(group.key)
            if known is None:
                gathered[group.key] = (group, list(findings))
                continue
            for row in group.rows:
                row.group = known[0]
            known[0].rows.extend(group.rows)
            known[1].extend(findings)
        yield from gathered.values()
