"""Rows of CSV (RFC 4180) for programs and for spreadsheets: quoting, numbers, and formulas made harmless.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula, with quotes around it or without, and a
formula can start a program or send the other cells away. What partners write must not: such a text gets an apostrophe
before it, as OWASP's page "CSV Injection" says. So does one where white space or invisible characters stand before the sign,
and the signs' full-width and small forms, which spreadsheets take for the same in some languages. A spreadsheet that takes
another separator than the file's would begin a cell in the middle of a text: there, too, the sign gets its apostrophe. A
number stays one, a negative one too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TypeAlias

#: What a cell is made of; ``None`` is an empty one.
Cell: TypeAlias = str | int | bool | Decimal | dt.date | dt.datetime | None

#: Begins a file whose reader would otherwise take it for the machine's own encoding: spreadsheets need it for Chinese.
BYTE_ORDER_MARK = "\ufeff"
#: Characters of a file that are handed on at a time.
PIECE = 64 * 1024

_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
#: White space, control characters and what is not seen, and quotes: what a spreadsheet may pass over.
_UNSEEN = (
    '\\s"\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff'
)
_SIGN = re.compile(f"[{_SIGNS}]")
_BEGINS = re.compile(f"[\t\r\n]|[{_UNSEEN}]*[{_SIGNS}]")
#: What begins a cell, or a row, where a program takes it for a separator.
_SEPARATORS = ",;\t\r\n"
_NUMBER = re.compile("-?[0-9]+(?:[.,][0-9]+)*")


class CsvRows:
    """Writes rows as lines that end with CR LF.

    :param delimiter: one character.
    :param decimal: the decimal mark of numbers.
    :param formulas_kept: leave texts as they are, for a program that reads the file and is no spreadsheet.
    """

    def __init__(
        self, *, delimiter: str = ",", quote: str = '"', decimal: str = ".", formulas_kept: bool = False
    ) -> None:
        self._delimiter = delimiter
        self._quote = quote
        self._decimal = decimal
        self._formulas_kept = formulas_kept
        apart = re.escape("".join({*_SEPARATORS, delimiter, quote, '"'}))
        # begins with a letter or digit, and nothing in it means anything: nearly all cells
        self._plain = re.compile(rf"\w[^{apart}]*(?<=\S)")
        self._quoted = re.compile(rf"[{apart}]|\A[\s']|\s\Z")
        others = _SEPARATORS.replace(delimiter, "")
        self._separates = re.compile(f"[{others}]").search
        # whole runs, so that a long one is gone through once
        self._runs = re.compile(f"[{_UNSEEN}{others}]+")

    def text(self, value: Cell) -> str:
        """A value as it stands in its cell, before quoting."""
        if isinstance(value, str):
            return value if self._formulas_kept else self.harmless(value)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Decimal):
            return format(value, "f").replace(".", self._decimal)
        return str(value) if isinstance(value, int) else value.isoformat()

    def harmless(self, text: str) -> str:
        """A text that no spreadsheet takes for a formula."""
        if self._plain.fullmatch(text) or _NUMBER.fullmatch(text):
            return text
        within = self._runs.sub(self._ended, text)
        return f"'{within}" if _BEGINS.match(text) else within

    def _ended(self, run: re.Match[str]) -> str:
        """A run of separators and what is not seen; with an apostrophe where a sign follows a separator."""
        begins = _SIGN.match(run.string, run.end()) is not None and self._separates(run[0]) is not None
        return f"{run[0]}'" if begins else run[0]

    def line(self, values: Iterable[Cell]) -> str:
        """A row, with its line end."""
        return self.joined(map(self.text, values))

    def joined(self, cells: Iterable[str]) -> str:
        """A row of texts that :meth:`text` made, with its line end."""
        return self._delimiter.join(map(self._in_quotes, cells)) + "\r\n"

    def _in_quotes(self, cell: str) -> str:
        if self._plain.fullmatch(cell) or self._quoted.search(cell) is None:
            return cell
        return self._quote + cell.replace(self._quote, self._quote * 2) + self._quote


def for_spreadsheets(header: Iterable[str], rows: Iterable[Iterable[Cell]]) -> Iterator[bytes]:
    """A table as a file in pieces: UTF-8 with a byte order mark, commas, formulas made harmless. Holds one piece at a time."""
    write = CsvRows().line
    lines = [BYTE_ORDER_MARK + write(header)]
    size = 0
    for row in rows:
        line = write(row)
        lines.append(line)
        size += len(line)
        if size >= PIECE:
            yield "".join(lines).encode("utf-8", "replace")
            lines.clear()
            size = 0
    yield "".join(lines).encode("utf-8", "replace")
