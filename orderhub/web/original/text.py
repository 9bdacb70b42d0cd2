"""Other text by lines: CSV, XML, JSON and whatever else can be read. Long lines are folded where their format has a seam."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orderhub.web.marks import Mark, cut, visible
from orderhub.web.original.shown import MAX_LINES, Line, Original, Pointer, worst

#: Lines shown around what pointers are about, in a file that is too big to be shown whole.
AROUND = 30
#: A longer line is folded: a whole document may stand in one.
LONG = 1000
_FOLD = 400
_SEAM = re.compile(r">(?=<)|[,{\[](?=[\"{\[])")
_BREAK = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, or a piece of a folded one. ``byte`` is where the line starts in the file, ``column`` the character of the
    line that the piece starts at, both from 0."""

    number: int
    byte: int
    column: int
    text: str
    first: bool


def decode(data: bytes, *, cut_short: bool = False) -> tuple[str, str]:
    """Text and the name of its encoding: by byte order mark, else UTF-8, else Windows-1252 with what it lacks.

    :param cut_short: the data may end within a character.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace"), "utf-16"
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:].decode("utf-8", "replace"), "utf-8"
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as problem:
        if cut_short and problem.start > len(data) - 4:
            return data[: problem.start].decode("utf-8", "replace"), "utf-8"
        return data.decode("cp1252", "replace"), "windows-1252"


def render(data: bytes, pointers: Sequence[Pointer], *, limit: int, around: bool, size: int) -> Original:
    """The lines of a file; with ``around`` only those near what the pointers are about, when there are too many."""
    first, last, number = (0, len(data), 1)
    if around and len(data) > limit:
        first, last, number = _window(data, pointers)
    chunk = data[first : min(last, first + limit)]
    text, encoding = decode(chunk, cut_short=first + len(chunk) < size)
    if first and encoding == "windows-1252":
        # one odd line elsewhere does not make this one's encoding another
        _, encoding = decode(data[:limit], cut_short=True)
        text = chunk.decode("cp1252" if encoding == "windows-1252" else encoding, "replace")
    rows = list(_rows(text, encoding, number, first + (3 if chunk.startswith(b"\xef\xbb\xbf") else 0)))
    shown = rows[:MAX_LINES]
    original = Original("lines", size, encoding, truncated=size > len(chunk) or len(rows) > len(shown))
    if not shown:
        return original
    separator = _field_separator(rows[0].text)
    marks: dict[int, list[Mark]] = {}
    for pointer in pointers:
        for index, start, end in _located(pointer, shown, encoding, separator):
            marks.setdefault(index, []).append(pointer.mark(start, end))
            original.note(pointer)
    for index, row in enumerate(shown):
        here = marks.get(index, [])
        label = str(row.number) if row.first else ""
        original.lines.append(Line(label, cut(visible(row.text), here), "", worst(here)))
    return original


def _window(data: bytes, pointers: Sequence[Pointer]) -> tuple[int, int, int]:
    """The bytes to show, and the number of the line that they start with."""
    starts = [pointer.offset for pointer in pointers if pointer.offset is not None]
    lines = [pointer.line for pointer in pointers if pointer.line is not None]
    if lines:
        # by lines, which every reader of rows gives
        first, last = max(min(lines) - AROUND, 1), max(lines) + AROUND
        begin, end, number = 0, len(data), 1
        for found in _BREAK.finditer(data):
            number += 1
            if number == first:
                begin = found.end()
            if number > last:
                end = found.start()
                break
        return begin, end, first
    if not starts:
        return 0, len(data), 1
    begin = _back(data, min(starts))
    end = _forth(data, max(starts))
    number = len(_BREAK.findall(data, 0, begin)) + 1
    return begin, end, number


def _back(data: bytes, position: int) -> int:
    """The start of a line some lines before; somewhere in it when the line is endless."""
    least = max(position - AROUND * LONG, 0)
    for _ in range(AROUND):
        found = data.rfind(b"\n", least, position)
        if found < 0:
            return least
        position = found
    return position + 1


def _forth(data: bytes, position: int) -> int:
    most = min(position + AROUND * LONG, len(data))
    for _ in range(AROUND):
        found = data.find(b"\n", position, most)
        if found < 0:
            return most
        position = found + 1
    return position


def _rows(text: str, encoding: str, number: int, byte: int) -> Iterator[_Row]:
    lines = re.split(r"(\r\n|\n|\r)", text)
    if lines and not lines[-1]:
        lines.pop()
    codec = "cp1252" if encoding == "windows-1252" else encoding
    for index in range(0, len(lines), 2):
        line = lines[index]
        start = 0
        for piece in _folded(line):
            yield _Row(number, byte, start, piece, start == 0)
            start += len(piece)
        number += 1
        ending = lines[index + 1] if index + 1 < len(lines) else ""
        byte += len((line + ending).encode(codec, "replace"))


def _folded(line: str) -> Iterator[str]:
    if len(line) <= LONG:
        yield line
        return
    start = 0
    while len(line) - start > _FOLD:
        seam = None
        for seam in _SEAM.finditer(line, start + 60, start + _FOLD):
            if seam.end() > start + 60:
                break
        end = seam.end() if seam is not None else start + _FOLD
        yield line[start:end]
        start = end
    yield line[start:]


def _located(
    pointer: Pointer, rows: Sequence[_Row], encoding: str, separator: str
) -> Iterator[tuple[int, int, int]]:
    """Index of the row, and the characters in it that a pointer means; a folded line may have several."""
    if pointer.offset is not None and pointer.length is not None and encoding != "utf-16":
        index = bisect.bisect_right(rows, pointer.offset, key=lambda row: row.byte) - 1
        if index < 0:
            return
        codec = "cp1252" if encoding == "windows-1252" else encoding
        number = rows[index].number
        line = "".join(row.text for row in rows if row.number == number)
        raw = line.encode(codec, "replace")
        begin = pointer.offset - rows[index].byte
        start = len(raw[:begin].decode(codec, "replace"))
        end = start + max(len(raw[begin : begin + pointer.length].decode(codec, "replace")), 1)
    elif pointer.line is not None:
        number = pointer.line
        line = "".join(row.text for row in rows if row.number == number)
        start, end = 0, len(line)
        if pointer.column is not None:
            start = min(max(pointer.column - 1, 0), len(line))
            end = _field_end(line, start, separator)
    else:
        return
    for index, row in enumerate(rows):
        if row.number != number:
            continue
        left, right = max(start - row.column, 0), min(end - row.column, len(row.text))
        if left < right or (start == end and 0 <= start - row.column <= len(row.text)):
            yield index, left, max(left, right)


def _field_separator(header: str) -> str:
    return max(",;\t|", key=header.count)


def _field_end(row: str, start: int, separator: str) -> int:
    if row[start : start + 1] == '"':
        closing = re.compile(r'"(?:[^"]|"")*"?').match(row, start)
        return closing.end() if closing else len(row)
    end = row.find(separator, start)
    return len(row) if end < 0 else max(end, start)
