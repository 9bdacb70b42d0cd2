"""A second look: the exact bytes of a value, where the reader gave only its neighbourhood.

Readers that stream do not pay for columns and lengths of good files. Whoever asks for a value's bytes (trace, the pages)
has the whole original at hand and finds them here. Nothing is guessed: a place stays as it is unless the bytes found
there decode to the value.
"""

from __future__ import annotations

from collections.abc import Callable
from html import unescape

import msgspec

from orderhub.findings import Place

#: How far behind a place its value is looked for (bytes): the rest of an element, not the rest of the file.
NEAR = 4_096

_BOMS = (b"\xef\xbb\xbf",)
_DELIMITERS = b";,\t|"


def sharpener(
    data: bytes, *, delimiter: str | None = None, quote: str = '"', encoding: str | None = None
) -> Callable[[Place, str], Place]:
    """A function that makes places in this original exact.

    :param delimiter: of a CSV file; found out from its first line when absent.
    :param encoding: of the text; UTF-8, or where that fails Windows-1252, when absent.
    """
    codec = encoding or _codec(data)
    starts: list[int] = []
    separator = (delimiter or "").encode("ascii", "ignore") or _delimiter(data)

    def line_start(line: int) -> int | None:
        if not starts:
            starts.append(0)
            at = data.find(b"\n")
            while at >= 0:
                starts.append(at + 1)
                at = data.find(b"\n", at + 1)
        return starts[line - 1] if 0 < line <= len(starts) else None

    def sharpen(place: Place, text: str) -> Place:
        if place.length is not None or not text:
            return place
        start = place.offset if place.offset is not None else line_start(place.line or 0)
        if start is None or start >= len(data):
            return place
        if place.element is not None and place.path is not None and place.path.startswith("row "):
            span = _cell(data, start, place.element, separator, quote.encode("ascii", "ignore") or b'"')
            if span is None or _cell_text(data[span[0] : span[1]], codec, quote) != text:
                return place
        else:
            span = _near(data, start, text, codec)
            if span is None:
                return place
        line, column = place.line, place.column
        if line is None:
            line = data.count(b"\n", 0, span[0]) + 1
        if column is None and data.count(b"\n", start, span[0]) == 0:
            column = _column(data, span[0], codec)
        return msgspec.structs.replace(
            place, offset=span[0], length=span[1] - span[0], line=line, column=column
        )

    return sharpen


def _codec(data: bytes) -> str:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(data: bytes) -> bytes:
    first = data.split(b"\n", 1)[0]
    best = max(_DELIMITERS, key=lambda byte: first.count(bytes([byte])))
    return bytes([best])


def _column(data: bytes, at: int, codec: str) -> int:
    start = data.rfind(b"\n", 0, at) + 1
    line = data[start:at]
    for mark in _BOMS:
        if start == 0:
            line = line.removeprefix(mark)
    return len(line.decode(codec, "replace")) + 1


def _cell(data: bytes, start: int, number: int, separator: bytes, quote: bytes) -> tuple[int, int] | None:
    """The bytes of a cell of the row that begins at ``start``, quotes included; RFC 4180."""
    at = start
    for column in range(1, number + 1):
        begin = at
        if data[at : at + 1] == quote:
            at += 1
            while True:
                closing = data.find(quote, at)
                if closing < 0:
                    return None
                if data[closing + 1 : closing + 2] != quote:
                    at = closing + 1
                    break
                at = closing + 2
        while at < len(data) and data[at : at + 1] not in (separator, b"\n", b"\r"):
            at += 1
        if column == number:
            return begin, at
        if data[at : at + 1] != separator:
            return None
        at += 1
    return None


def _cell_text(raw: bytes, codec: str, quote: str) -> str:
    text = raw.decode(codec, "replace")
    if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
        return text[1:-1].replace(quote * 2, quote)
    return text


def _near(data: bytes, start: int, text: str, codec: str) -> tuple[int, int] | None:
    """The value at the place itself, or as the content that follows the mark-up there."""
    for raw in _spellings(text, codec):
        if data.startswith(raw, start):
            return start, start + len(raw)
    window = data[start : start + NEAR]
    if window[:1] == b"<":
        end = window.find(b">")
        close = window.find(b"</", end)
        if 0 <= end < close:
            content = window[end + 1 : close]
            stripped = content.strip()
            if unescape(stripped.decode(codec, "replace")) == text:
                begin = start + end + 1 + content.find(stripped)
                return begin, begin + len(stripped)
    return None


def _spellings(text: str, codec: str) -> list[bytes]:
    try:
        plain = text.encode(codec)
    except UnicodeEncodeError:
        return []
    quoted = msgspec.json.encode(text)
    return list(dict.fromkeys((plain, quoted)))
