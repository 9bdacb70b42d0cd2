"""A second look: the exact bytes of a value, where the reader gave only its neighbourhood.

Readers that stream do not pay for columns and lengths of good files. Whoever asks for a value's bytes (trace, the pages)
has the whole original at hand and finds them here. Nothing is guessed: a place stays as it is unless the bytes found
there decode to the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import msgspec

from orderhub.findings import Place

#: How far behind a place its value is looked for (bytes): the rest of an element, not the rest of the file.
NEAR = 4_096

_BOMS = (b"\xef\xbb\xbf",)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>|<!--.*?-->", re.DOTALL)
_DELIMITERS = b";,\t|"


def sharpener(
    data: bytes,
    *,
    delimiter: str | None = None,
    quote: str = '"',
    encoding: str | None = None,
    line_end: str | None = None,
) -> Callable[[Place, str], Place]:
    """A function that makes places in this original exact.

    :param delimiter: of a CSV file; found out from its first line when absent.
    :param line_end: the mark that ends its records, where that is none of the usual ones; then nothing is quoted.
    :param encoding: of the text; UTF-8, or where that fails Windows-1252, when absent.
    """
    if data.startswith(_UTF16):
        return _Utf16(data, delimiter=delimiter, quote=quote, line_end=line_end)
    return _Sharpener(data, delimiter=delimiter, quote=quote, encoding=encoding, line_end=line_end)


class _Sharpener:
    """For text in which a line feed is one byte that means nothing else."""

    def __init__(
        self, data: bytes, *, delimiter: str | None, quote: str, encoding: str | None, line_end: str | None
    ) -> None:
        self.data = data
        self.codec = encoding or _codec(data)
        self.separator = (delimiter or "").encode("ascii", "ignore") or _delimiter(data)
        self.quote = quote
        self.line_end = line_end
        self._starts: list[int] = []

    def __call__(self, place: Place, text: str) -> Place:
        if place.length is not None or not text:
            return place
        start = self._start(place)
        if start is None or start >= len(self.data):
            return place
        span = self._span(place, start, text)
        if span is None:
            return place
        line, column = place.line, place.column
        if line is None:
            line = self.data.count(b"\n", 0, span[0]) + 1
        if self.data.count(b"\n", start, span[0]) == 0:
            column = _column(self.data, span[0], self.codec)
        else:
            line, column = (
                line + self.data.count(b"\n", start, span[0]),
                _column(self.data, span[0], self.codec),
            )
        return msgspec.structs.replace(
            place, offset=span[0], length=span[1] - span[0], line=line, column=column
        )

    def _start(self, place: Place) -> int | None:
        if place.offset is not None:
            return place.offset
        if not self._starts:
            self._starts.append(0)
            at = self.data.find(b"\n")
            while at >= 0:
                self._starts.append(at + 1)
                at = self.data.find(b"\n", at + 1)
        if place.line is None or not 0 < place.line <= len(self._starts):
            return None
        start = self._starts[place.line - 1]
        if place.column is None:
            return start
        end = self._starts[place.line] if place.line < len(self._starts) else len(self.data)
        before = self.data[start:end].decode(self.codec, "replace")[: place.column - 1]
        return start + len(before.encode(self.codec, "replace"))

    def _span(self, place: Place, start: int, text: str) -> tuple[int, int] | None:
        data, path = self.data, place.path or ""
        if place.element is not None and path.startswith("row "):
            span = self._cell_at(start, place.element)
            fits = span is not None and _cell_text(data[span[0] : span[1]], self.codec, self.quote) == text
            return span if fits else None
        if "/@" in path:
            return _attribute(data, start, path.rpartition("/@")[2], text, self.codec)
        return _near(data, start, text, self.codec)

    def _cell_at(self, start: int, number: int) -> tuple[int, int] | None:
        if self.line_end is not None or len(self.separator) > 1:
            end = self.line_end.encode(self.codec, "ignore") if self.line_end else b"\n"
            return _plain_cell(self.data, start, number, self.separator, end)
        quote = self.quote.encode("ascii", "ignore") or b'"'
        return _cell(self.data, start, number, self.separator, quote)


class _Utf16:
    """The same for UTF-16: looked up in the same text as UTF-8, and counted back."""

    def __init__(self, data: bytes, *, delimiter: str | None, quote: str, line_end: str | None) -> None:
        self.text = data.decode("utf-16", "replace")
        self.plain = self.text.encode("utf-8", "replace")
        self.inner = _Sharpener(
            self.plain, delimiter=delimiter, quote=quote, encoding="utf-8", line_end=line_end
        )

    def __call__(self, place: Place, text: str) -> Place:
        if place.length is not None or place.offset is not None:
            return place
        found = self.inner(place, text)
        if found.offset is None or found.length is None:
            return place
        begin, end = (self._wide(at) for at in (found.offset, found.offset + found.length))
        return msgspec.structs.replace(found, offset=begin + 2, length=end - begin)

    def _wide(self, at: int) -> int:
        return len(self.plain[:at].decode("utf-8", "replace").encode("utf-16-le", "replace"))


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


def _plain_cell(
    data: bytes, start: int, number: int, separator: bytes, line_end: bytes
) -> tuple[int, int] | None:
    """The same where marks alone divide rows and cells."""
    end = data.find(line_end, start)
    end = len(data) if end < 0 else end
    if line_end == b"\n" and data[end - 1 : end] == b"\r":
        end -= 1
    at = start
    for _ in range(number - 1):
        found = data.find(separator, at, end)
        if found < 0:
            return None
        at = found + len(separator)
    stop = data.find(separator, at, end)
    return at, end if stop < 0 else stop


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
    if window[:1] != b"<":
        return None
    end = window.find(b">")
    close = window.find(b"</", end)
    if not 0 <= end < close:
        return None
    content = window[end + 1 : close]
    stripped = content.strip()
    if text not in (_content(stripped, codec), _content(content, codec)):
        return None
    begin = start + end + 1 + content.find(stripped)
    return begin, begin + len(stripped)


def _content(raw: bytes, codec: str) -> str:
    """What the content of an element says, without comments and CDATA marks (XML 1.0, 2.5 and 2.7)."""
    text = raw.decode(codec, "replace")
    pieces: list[str] = []
    at = 0
    for found in _CDATA.finditer(text):
        pieces += [unescape(text[at : found.start()]), found[1] or ""]
        at = found.end()
    return "".join([*pieces, unescape(text[at:])])


def _attribute(data: bytes, start: int, name: str, text: str, codec: str) -> tuple[int, int] | None:
    """The value of an attribute of the element whose tag begins there."""
    tag = re.compile(
        rb"""<[^\s>]+(?:\s+[^\s=>]+\s*=\s*(?:"[^"]*"|'[^']*'))*""",
    ).match(data, start, start + NEAR)
    if tag is None:
        return None
    local = re.escape(name.rpartition(":")[2].encode(codec, "ignore"))
    pattern = re.compile(rb"\s(?:[^\s=:]+:)?" + local + rb"\s*=\s*(\"[^\"]*\"|'[^']*')")
    for found in pattern.finditer(data, tag.start(), tag.end()):
        begin, end = found.start(1) + 1, found.end(1) - 1
        if unescape(data[begin:end].decode(codec, "replace")) == text:
            return begin, end
    return None


def _spellings(text: str, codec: str) -> list[bytes]:
    try:
        plain = text.encode(codec)
    except UnicodeEncodeError:
        return []
    quoted = msgspec.json.encode(text)
    return list(dict.fromkeys((plain, quoted)))
