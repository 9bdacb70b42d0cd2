"""The rows of one CSV file as its layout declares it: header, cells in declared order, and what is wrong with single rows.

What a row belongs to is not decided here: findings about rows wait in ``pending`` until somebody knows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

from orderhub.findings import MAX_FINDINGS, Finding, Place, Severity
from orderhub.formats.base import EnvelopeInfo, ReadSummary
from orderhub.formats.csv.header import Header, declared_header, find_delimiter, match_header
from orderhub.formats.csv.layout import FileLayout
from orderhub.formats.csv.lines import HEAD, LineError, Lines, encoding_of
from orderhub.formats.csv.records import PlainRecords
from orderhub.formats.csv.tree import Row


class Stop(Exception):
    """The rest of the file is not read; why stands in the findings."""


class RowReader:
    """Reads the rows of one file. ``count`` is how many there were; ``name`` stands in places."""

    def __init__(
        self, layout: FileLayout, *, name: str, summary: ReadSummary, interchange: EnvelopeInfo
    ) -> None:
        self.layout = layout
        self.name = name
        self.summary = summary
        self.interchange = interchange
        #: of rows whose message is not known yet
        self.pending: list[Finding] = []
        self.count = 0

    def refuse(self, code: str, what: str, todo: str, place: Place) -> Stop:
        self.summary.findings.add(
            Finding(code=code, severity=Severity.ERROR, message=f"{what} {todo}", place=place)
        )
        self.refused()
        return Stop()

    def refused(self) -> None:
        self.interchange.refused = True
        self.summary.refused = True
        self.summary.well_formed = False

    def doubtful(self, finding: Finding) -> None:
        """Told of an unreadable row, which may have belonged to what was read before it."""

    def lines(self, stream: BinaryIO) -> Lines:
        """The lines of a stream, which must be able to go back; release them in the end."""
        at = stream.tell()
        head = stream.read(HEAD)
        stream.seek(at)
        encoding = encoding_of(head, self.layout.encoding)
        stream.read(encoding.mark)
        return Lines(stream, encoding)

    def header(self, lines: Lines) -> tuple[Header, str]:
        """The header as it stands in the file, or as the layout declares it, and the delimiter.

        :raises Stop: there is none, or it does not agree with the layout.
        """
        if not self.layout.header:
            # without a header there is nothing to find a delimiter from
            return declared_header(self.layout), self.layout.delimiter or ","
        line, offset = lines.line, lines.offset
        try:
            text = next(lines, "")
            while text and not text.strip("\r\n \t"):
                line, offset = lines.line, lines.offset
                text = next(lines, "")
        except LineError as error:
            raise self._stopped(error) from None
        if not text:
            raise self.refuse(
                "CSV_EMPTY",
                "The file is empty.",
                "Ask the sender for it again.",
                Place(file=self.name, line=1, offset=0),
            )
        for bad in lines.bad:
            raise self.refuse(
                bad.code,
                bad.what,
                bad.todo,
                Place(file=self.name, line=bad.line, offset=bad.offset, path="header"),
            )
        delimiter = self.layout.delimiter or find_delimiter(text, self.layout.all_columns)
        place = Place(file=self.name, line=line, offset=offset, path="header")
        try:
            cells = self._split(text, delimiter)
        except csv.Error as error:
            raise self.refuse(
                "CSV_QUOTE", f"The header cannot be read: {error}.", "Check its quotes.", place
            ) from None
        header, findings = match_header(cells, self.layout, place)
        self.summary.findings.extend(findings)
        if header is None:
            self.refused()
            raise Stop
        return header, delimiter

    def _split(self, text: str, delimiter: str) -> list[str]:
        if self.layout.plain:
            return text.rstrip("\r\n").removesuffix(self.layout.line_end or "").split(delimiter)
        return next(csv.reader([text], delimiter=delimiter, quotechar=self.layout.quote, strict=True))

    def _stopped(self, error: LineError) -> Stop:
        return self.refuse(
            error.code, error.what, error.todo, Place(file=self.name, line=error.line, offset=error.offset)
        )

    def rows(self, lines: Lines, header: Header, delimiter: str) -> Iterator[Row]:
        """The rows; findings about them wait in ``pending`` until it is known to which message they belong."""
        plain = PlainRecords(lines, delimiter, self.layout.line_end) if self.layout.plain else None
        reader: Iterator[list[str]] = plain or csv.reader(
            lines, delimiter=delimiter, quotechar=self.layout.quote, strict=True
        )
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
            if plain is not None:
                line, offset = plain.line, plain.offset
            self.count += 1
            if len(cells) != width:
                self._ragged(cells, width, line, offset)
            row = Row(cells) if straight else Row([cells[at] if at >= 0 else "" for at in order])
            row.line, row.number, row.offset = line, self.count, offset
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
            Place(file=self.name, path=f"row {self.count}", line=line, offset=offset, excerpt=excess or None),
        )
        del cells[width:]
        cells.extend([""] * (width - len(cells)))

    def _bad_bytes(self, lines: Lines) -> None:
        for bad in lines.bad:
            self._note(
                bad.code,
                f"{bad.what} {bad.todo}",
                Place(file=self.name, path=f"row {self.count}", line=bad.line, offset=bad.offset),
            )
        lines.bad.clear()

    def _note(self, code: str, message: str, place: Place) -> None:
        if len(self.pending) < MAX_FINDINGS:
            self.pending.append(Finding(code=code, severity=Severity.ERROR, message=message, place=place))

    def _unreadable(self, error: csv.Error, lines: Lines, line: int, offset: int | None) -> None:
        """A row that is no row. It may belong to the message before it or to the one after it: both are spoilt."""
        place = Place(file=self.name, path=f"row {self.count + 1}", line=line, offset=offset)
        text = str(error)
        if "unexpected end of data" in text or "field larger" in text:
            raise self.refuse(
                "CSV_QUOTE" if "unexpected" in text else "CSV_FIELD_TOO_LONG",
                f"A quoted value that begins in this row does not end ({text})."
                if "unexpected" in text
                else f"A value in this row is too long ({text}).",
                "Everything after it is uncertain, so nothing of the file is used: ask the sender to correct it.",
                place,
            ) from None
        self.count += 1
        lines.bad.clear()
        message = (
            f"The row cannot be read: {text}. It may belong to this message, so the message is not used. "
            "Ask the sender to correct the quotes."
        )
        self._note("CSV_QUOTE", message, place)
        self.doubtful(Finding(code="CSV_QUOTE", severity=Severity.ERROR, message=message, place=place))
