"""Lines of a CSV file as text, with what is wrong with their bytes.

Files are read line by line, never whole. Where a line feed is one byte that means nothing else, lines are cut from the
bytes and decoded singly, so that the byte offset is known and a wrong byte spoils only its line; other encodings go
through a decoder of the whole stream.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

#: Bytes (or characters) in one line; a longer one is no order file.
MAX_LINE = 1 << 20
HEAD = 64 * 1024

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Encoding(msgspec.Struct, frozen=True):
    """What a file is written in: the codec, the length of its byte order mark, and its line ends."""

    name: str
    mark: int
    by_bytes: bool


class LineError(Exception):
    """The rest of the file cannot be read. ``code`` and the text make the finding; ``line`` counts from 1."""

    def __init__(self, code: str, what: str, todo: str, *, line: int, offset: int | None) -> None:
        self.code = code
        self.what = what
        self.todo = todo
        self.line = line
        self.offset = offset
        super().__init__(what)


class BadBytes(msgspec.Struct, frozen=True):
    """Bytes that the encoding does not have (or a NUL), in a line that is read all the same."""

    code: str
    what: str
    todo: str
    line: int
    offset: int | None


def encoding_of(head: bytes, declared: str | None) -> Encoding:
    """By the byte order mark, else as declared, else UTF-8."""
    name, mark = next(
        ((name, len(bom)) for bom, name in _BOMS if head.startswith(bom)), (declared or "utf-8", 0)
    )
    wide = name.startswith(("utf-16", "utf-32"))
    old_mac = not wide and b"\n" not in head and b"\r" in head
    return Encoding(name, mark, not wide and not old_mac)


class Lines:
    """Iterates over the text lines of a stream; ``offset`` and ``line`` are those of the next line to come."""

    def __init__(self, stream: BinaryIO, encoding: Encoding) -> None:
        self.encoding = encoding
        self.line = 1
        self.offset: int | None = encoding.mark if encoding.by_bytes else None
        self.bad: list[BadBytes] = []
        self._stream = stream
        self._text = (
            None
            if encoding.by_bytes
            else io.TextIOWrapper(stream, encoding=encoding.name, errors="strict", newline="")
        )

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = self._from_bytes() if self._text is None else self._from_text(self._text)
        if "\0" in text:
            self.bad.append(
                BadBytes(
                    "CSV_NUL",
                    "The line holds a NUL character.",
                    "The file is damaged or binary: ask for it again.",
                    self.line,
                    self.offset,
                )
            )
        self.line += 1
        return text

    def release(self) -> None:
        """Let go of the stream without closing it."""
        if self._text is not None:
            self._text.detach()
            self._text = None

    def _from_bytes(self) -> str:
        raw = self._stream.readline(MAX_LINE + 1)
        if not raw:
            raise StopIteration
        if len(raw) > MAX_LINE:
            raise self._too_long()
        start = self.offset or 0
        try:
            text = raw.decode(self.encoding.name)
        except UnicodeDecodeError as error:
            text = raw.decode(self.encoding.name, "replace")
            self.bad.append(
                BadBytes(
                    "CSV_ENCODING",
                    f"The byte {raw[error.start]:#04x} is not {self.encoding.name}.",
                    "Declare the file's encoding in the mapping's source (encoding: cp1252), or ask for UTF-8.",
                    self.line,
                    start + error.start,
                )
            )
        self.offset = start + len(raw)
        return text

    def _from_text(self, stream: io.TextIOWrapper) -> str:
        try:
            text = stream.readline(MAX_LINE + 1)
        except UnicodeError as error:
            raise LineError(
                "CSV_ENCODING",
                f"The file is not {self.encoding.name}: {error}.",
                "Declare the file's encoding in the mapping's source, or ask for UTF-8.",
                line=self.line,
                offset=None,
            ) from error
        if not text:
            raise StopIteration
        if len(text) > MAX_LINE:
            raise self._too_long()
        return text

    def _too_long(self) -> LineError:
        return LineError(
            "CSV_LINE_TOO_LONG",
            f"The line is longer than {MAX_LINE} characters.",
            "This is no CSV order file: ask for another.",
            line=self.line,
            offset=self.offset,
        )
