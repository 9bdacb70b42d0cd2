"""Reads a CSV order file as a stream of messages.

Nothing of a file goes on that could be incomplete: an unclosed quote, an overlong line or a key that comes back after
other rows refuse the file as a whole, because a message that was already handed on may lack rows. A row that is wrong
by itself spoils only the message it belongs to.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from orderhub.findings import MAX_FINDINGS, Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo, MessageTree, ReadSummary, Source
from orderhub.formats.csv.header import Header, find_delimiter, match_header
from orderhub.formats.csv.layout import MESSAGE, CsvLayout
from orderhub.formats.csv.lines import HEAD, LineError, Lines, encoding_of
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


class _Stop(Exception):
    """The rest of the file is not read; why stands in the findings."""


class CsvSession:
    """One file. Iterate once, to the end; then ``summary`` is complete."""

    def __init__(
        self, layout: CsvLayout, source: Source, *, name: str, findings: Findings | None = None
    ) -> None:
        self.layout = layout
        self.name = name
        self.source = source
        self.interchange = EnvelopeInfo(format="csv")
        self.summary = ReadSummary(
            format="csv",
            file=name,
            findings=findings if findings is not None else Findings(),
            message_types=[MESSAGE],
            interchanges=[self.interchange],
        )
        self._seen: dict[tuple[str, ...], int] = {}
        #: of the message being read
        self._findings: list[Finding] = []
        self._cut = 0
        #: of rows whose message is not known yet
        self._pending: list[Finding] = []
        self._rows = 0

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

    # --- findings

    def _refuse(self, code: str, what: str, todo: str, place: Place) -> _Stop:
        self.summary.findings.add(
            Finding(code=code, severity=Severity.ERROR, message=f"{what} {todo}", place=place)
        )
        self._refused()
        return _Stop()

    def _refused(self) -> None:
        self.interchange.refused = True
        self.summary.refused = True
        self.summary.well_formed = False

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
        except _Stop:
            return

    def _groups(self, stream: BinaryIO) -> Iterator[tuple[RowGroup, list[Finding]]]:
        head = _head(stream)
        encoding = encoding_of(head, self.layout.encoding)
        self.interchange.encoding = encoding.name
        stream.read(encoding.mark)
        lines = Lines(stream, encoding)
        try:
            header, delimiter = self._header(lines)
            groups = self._by_key(lines, header, delimiter)
            yield from groups if self.layout.adjacent else self._gathered(groups)
        finally:
            lines.release()
        if self._rows == 0 and not self.summary.refused:
            self.summary.findings.add(
                Finding(
                    code="CSV_NO_ROWS",
                    severity=Severity.WARNING,
                    message="The file has a header and no rows. Ask the sender if this is meant.",
                    place=Place(file=self.name, line=lines.line),
                )
            )

    def _header(self, lines: Lines) -> tuple[Header, str]:
        line, offset = lines.line, lines.offset
        try:
            text = next(lines, "")
            while text and not text.strip("\r\n \t"):
                line, offset = lines.line, lines.offset
                text = next(lines, "")
        except LineError as error:
            raise self._stopped(error) from None
        if not text:
            raise self._refuse(
                "CSV_EMPTY",
                "The file is empty.",
                "Ask the sender for it again.",
                Place(file=self.name, line=1, offset=0),
            )
        for bad in lines.bad:
            raise self._refuse(
                bad.code,
                bad.what,
                bad.todo,
                Place(file=self.name, line=bad.line, offset=bad.offset, path="header"),
            )
        delimiter = self.layout.delimiter or find_delimiter(text, self.layout.all_columns)
        place = Place(file=self.name, line=line, offset=offset, path="header")
        try:
            cells = next(csv.reader([text], delimiter=delimiter, quotechar=self.layout.quote, strict=True))
        except csv.Error as error:
            raise self._refuse(
                "CSV_QUOTE", f"The header cannot be read: {error}.", "Check its quotes.", place
            ) from None
        header, findings = match_header(cells, self.layout, place)
        self.summary.findings.extend(findings)
        if header is None:
            self._refused()
            raise _Stop
        return header, delimiter

    def _stopped(self, error: LineError) -> _Stop:
        return self._refuse(
            error.code, error.what, error.todo, Place(file=self.name, line=error.line, offset=error.offset)
        )

    def _by_key(
        self, lines: Lines, header: Header, delimiter: str
    ) -> Iterator[tuple[RowGroup, list[Finding]]]:
        key_at = [header.columns.index(name) for name in self.layout.key]
        single = key_at[0] if len(key_at) == 1 else None
        group: RowGroup | None = None
        for row in self._read_rows(lines, header, delimiter):
            key = (row[single],) if single is not None else tuple(row[at] for at in key_at)
            if group is None or key != group.key:
                if group is not None:
                    yield group, self._all_findings(group)
                self._findings = []
                group = self._new_group(header, key, row)
            row.group = group
            group.rows.append(row)
            if len(group.rows) > MAX_ROWS:
                raise self._refuse(
                    "CSV_TOO_MANY_ROWS",
                    f"More than {MAX_ROWS} rows have the key {group.reference}.",
                    "Check the mapping's key columns.",
                    group.place(row, None),
                )
            if self._pending:
                known = self._findings
                for finding in self._pending:
                    place = msgspec.structs.replace(finding.place, message=group.reference)
                    located = msgspec.structs.replace(finding, place=place)
                    if len(known) >= MAX_FINDINGS:
                        self._cut += 1
                    elif finding not in known[-1:] and located not in known[-1:]:
                        known.append(located)
                self._pending.clear()
        if group is not None:
            yield group, self._all_findings(group)
        elif self._pending:
            self.summary.findings.extend(self._pending)
            self._refused()

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
            self._refused()
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

    def _read_rows(self, lines: Lines, header: Header, delimiter: str) -> Iterator[Row]:
        """The rows; findings about them wait in ``_pending`` until it is known to which message they belong."""
        reader = csv.reader(lines, delimiter=delimiter, quotechar=self.layout.quote, strict=True)
        order, width = header.order, header.width
        straight = order == tuple(range(width))
        while True:
            line, offset = lines.line, lines.offset
            try:
                cells = next(reader)
            except StopIteration:
                return
            except LineError as error:
                raise self._stopped(error) from None
            except csv.Error as error:
                self._unreadable(error, lines, line, offset)
                continue
            if not cells or (len(cells) == 1 and not cells[0].strip()):
                continue
            self._rows += 1
            if len(cells) != width:
                self._ragged(cells, width, line, offset)
            row = Row(cells) if straight else Row([cells[at] if at >= 0 else "" for at in order])
            row.line, row.number, row.offset = line, self._rows, offset
            if lines.bad:
                self._bad_bytes(lines)
            yield row

    def _ragged(self, cells: list[str], width: int, line: int, offset: int | None) -> None:
        found = len(cells)
        if found > width and not any(cells[width:]):
            del cells[width:]  # delimiters at the end of the line say nothing
            return
        excess = cells[width][:80] if found > width else None
        hint = "A value with the delimiter in it needs quotes." if found > width else "Cells are missing."
        self._note(
            "CSV_ROW_LENGTH",
            f"The row has {found} cells and the header {width}. {hint} Ask the sender to correct it.",
            Place(file=self.name, path=f"row {self._rows}", line=line, offset=offset, excerpt=excess or None),
        )
        del cells[width:]
        cells.extend([""] * (width - len(cells)))

    def _bad_bytes(self, lines: Lines) -> None:
        for bad in lines.bad:
            self._note(
                bad.code,
                f"{bad.what} {bad.todo}",
                Place(file=self.name, path=f"row {self._rows}", line=bad.line, offset=bad.offset),
            )
        lines.bad.clear()

    def _note(self, code: str, message: str, place: Place) -> None:
        if len(self._pending) < MAX_FINDINGS:
            self._pending.append(Finding(code=code, severity=Severity.ERROR, message=message, place=place))

    def _unreadable(self, error: csv.Error, lines: Lines, line: int, offset: int | None) -> None:
        """A row that is no row. It may belong to the message before it or to the one after it: both are spoilt."""
        place = Place(file=self.name, path=f"row {self._rows + 1}", line=line, offset=offset)
        text = str(error)
        if "unexpected end of data" in text or "field larger" in text:
            raise self._refuse(
                "CSV_QUOTE" if "unexpected" in text else "CSV_FIELD_TOO_LONG",
                f"A quoted value that begins in this row does not end ({text})."
                if "unexpected" in text
                else f"A value in this row is too long ({text}).",
                "Everything after it is uncertain, so nothing of the file is used: ask the sender to correct it.",
                place,
            ) from None
        self._rows += 1
        lines.bad.clear()
        message = (
            f"The row cannot be read: {text}. It may belong to this message, so the message is not used. "
            "Ask the sender to correct the quotes."
        )
        self._note("CSV_QUOTE", message, place)
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(
                Finding(code="CSV_QUOTE", severity=Severity.ERROR, message=message, place=place)
            )


def _head(stream: BinaryIO) -> bytes:
    """The first bytes, without consuming them."""
    at = stream.tell()
    head = stream.read(HEAD)
    stream.seek(at)
    return head
