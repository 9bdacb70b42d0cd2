"""Rows of files that the csv module cannot split: delimiters of several characters, and records that end with a mark.

Exports of databases are written so (``+|`` between values, ``&|`` and a line end after a record), because quoting is then
not needed: within a value everything may stand but these two, line ends as well.
"""

from __future__ import annotations

from collections import deque

from orderhub.formats.csv.lines import MAX_LINE, LineError, Lines


class PlainRecords:
    """Iterates over the cells of records. ``line`` and ``offset`` are those at which the last one given begins."""

    def __init__(self, lines: Lines, delimiter: str, line_end: str | None) -> None:
        self._lines = lines
        self._delimiter = delimiter
        self._line_end = line_end
        self._waiting: deque[str] = deque()
        self.line = lines.line
        self.offset = lines.offset

    def __iter__(self) -> PlainRecords:
        return self

    def __next__(self) -> list[str]:
        if not self._waiting:
            self._more()
        return self._waiting.popleft().split(self._delimiter)

    def _more(self) -> None:
        """Read on until at least one record is whole; ``StopIteration`` at the end."""
        self.line, self.offset = self._lines.line, self._lines.offset
        text = next(self._lines)
        if self._line_end is None:
            self._waiting.append(text.rstrip("\r\n"))
            return
        while not text.rstrip("\r\n").endswith(self._line_end):
            following = next(self._lines, None)
            if following is None:
                if not text.strip():
                    raise StopIteration
                raise LineError(
                    "CSV_RECORD_END",
                    f"The last record does not end with {self._line_end!r}, so the file is cut off.",
                    "Ask the sender for it again.",
                    line=self.line,
                    offset=self.offset,
                )
            text = text + following if text.strip("\r\n") else following
            if len(text) > MAX_LINE:
                raise LineError(
                    "CSV_LINE_TOO_LONG",
                    f"A record is longer than {MAX_LINE} characters.",
                    "Check the mark that ends a record (line_end) in the mapping's source.",
                    line=self.line,
                    offset=self.offset,
                )
        records = text.rstrip("\r\n").split(self._line_end)[:-1]
        self._waiting.extend(record.lstrip("\r\n") for record in records)
