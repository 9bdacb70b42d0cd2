"""The bytes of a JSON file as UTF-8, and a buffer over them that knows line and column."""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO, Protocol

from orderhub.formats.json.look import Fault

#: So much is read at once.
CHUNK = 256 * 1024
#: Bytes of one value within an array, and of one line; a longer one is no order.
MAX_VALUE = 64 * 1024 * 1024

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SPACE = re.compile(rb"[ \t\n\r]*")


class Bytes(Protocol):
    def read(self, size: int, /) -> bytes: ...


def encoding_of(head: bytes, declared: str | None) -> tuple[str, int]:
    """The codec and the length of the byte order mark: by the mark, else as declared, else by the zero bytes that the
    first two characters have in UTF-16 and UTF-32 (RFC 4627 3), else UTF-8."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    if declared is not None:
        return declared, 0
    guessed = {
        "0001": "utf-32-be",
        "1000": "utf-32-le",
        "0101": "utf-16-be",
        "1010": "utf-16-le",
    }
    return guessed.get("".join("1" if byte else "0" for byte in head[:4]), "utf-8"), 0


class Transcoded:
    """A stream in another encoding, read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """:raises Fault: bytes that the encoding does not have."""
        while not self._ended:
            data = self._stream.read(size)
            self._ended = not data
            try:
                text = self._decoder.decode(data, final=not data)
                found = text.encode("utf-8")
            except UnicodeError as error:
                raise Fault(
                    "JSON_ENCODING",
                    f"The file is not {self._encoding}: {error}.",
                    "Declare the file's encoding in the mapping's source, or ask for UTF-8.",
                    offset=0,
                ) from error
            if found:
                return found
        return b""


class Buffer:
    """A window on a stream. ``data[at:]`` has not been taken yet; ``line`` and ``column`` are those of ``data[at]``."""

    def __init__(self, stream: Bytes, *, offset: int = 0) -> None:
        self._stream = stream
        self.data = b""
        self.at = 0
        self.offset = offset
        self.line = 1
        self.column = 1
        self.ended = False

    def more(self) -> bool:
        """Read on; False when the stream has ended. What was taken is dropped from ``data``."""
        if self.ended:
            return False
        rest = self.data[self.at :]
        found = self._stream.read(max(CHUNK, len(rest)))
        self.ended = not found
        self.data = rest + found
        self.at = 0
        return bool(found)

    def take(self, end: int) -> bytes:
        """The bytes up to a position of ``data``."""
        taken = self.data[self.at : end]
        self.at = end
        self.offset += len(taken)
        breaks = taken.count(b"\n")
        if breaks:
            self.line += breaks
            self.column = 1
            last = taken[taken.rfind(b"\n") + 1 :]
        else:
            last = taken
        self.column += len(last) if last.isascii() else len(last.decode("utf-8", "replace"))
        return taken

    def space(self) -> None:
        """Over white space."""
        while True:
            match = _SPACE.match(self.data, self.at)
            end = match.end() if match is not None else self.at
            if end > self.at:
                self.take(end)
            if self.at < len(self.data) or not self.more():
                return

    def peek(self) -> bytes:
        """The next byte that is no white space, or nothing at the end."""
        self.space()
        return self.data[self.at : self.at + 1]
