"""The nodes of a JSON message: a record, and the values within it that a mapping stops at."""

from __future__ import annotations

from typing import Any

from orderhub.findings import Place
from orderhub.formats.json.look import locate, locate_all
from orderhub.formats.json.paths import pointer

#: So many places are looked for one by one; who asks for more (a trace of all values) gets them all at one look.
FEW = 8


class Record:
    """One record and where it stands.

    ``raw`` are the bytes (UTF-8) of the value that was cut out of the file, ``inner`` the keys from there to the record
    itself; ``outer`` lead from the top of the file to ``raw``. ``offset`` is the byte of the file at which ``raw`` begins
    (``None`` when the file is in another encoding), ``line`` and ``column`` count from 1.
    """

    __slots__ = (
        "_all",
        "_asked",
        "column",
        "file",
        "inner",
        "line",
        "offset",
        "outer",
        "raw",
        "reference",
    )

    def __init__(
        self,
        *,
        file: str,
        raw: bytes,
        offset: int | None,
        line: int,
        column: int,
        outer: tuple[str | int, ...],
        inner: tuple[str | int, ...] = (),
        reference: str | None = None,
    ) -> None:
        self.file = file
        self.raw = raw
        self.offset = offset
        self.line = line
        self.column = column
        self.outer = outer
        self.inner = inner
        self.reference = reference
        self._asked = 0
        self._all: dict[tuple[str | int, ...], tuple[int, int]] | None = None

    def place(self, steps: tuple[str | int, ...]) -> Place:
        """The place of a value; where it is absent, of what should hold it."""
        wanted = self.inner + steps
        at, length, depth = self._locate(wanted)
        found = depth == len(wanted)
        return self.at(at, wanted, length if found else 0)

    def _locate(self, wanted: tuple[str | int, ...]) -> tuple[int, int, int]:
        self._asked += 1
        if self._asked <= FEW:
            return locate(self.raw, wanted)
        if self._all is None:
            self._all = locate_all(self.raw)
        for depth in range(len(wanted), -1, -1):
            found = self._all.get(wanted[:depth])
            if found is not None:
                return found[0], found[1] if depth == len(wanted) else 0, depth
        return 0, 0, 0

    def at(self, byte: int, wanted: tuple[str | int, ...], length: int = 0) -> Place:
        """The place of a byte of ``raw``; ``wanted`` are the steps from the top of ``raw``."""
        before = self.raw[:byte]
        breaks = before.count(b"\n")
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        excerpt = self.raw[byte : byte + min(length, 320)].decode("utf-8", "replace")[:80]
        return Place(
            file=self.file,
            message=self.reference,
            path=pointer(self.outer + wanted),
            offset=None if self.offset is None else self.offset + byte,
            line=self.line + breaks,
            column=column if breaks else self.column + column - 1,
            excerpt=excerpt or None,
            length=(length or None) if self.offset is not None else None,
        )


class Node:
    """A value within a record; ``steps`` lead to it."""

    __slots__ = ("record", "steps", "value")

    def __init__(self, value: Any, record: Record, steps: tuple[str | int, ...]) -> None:
        self.value = value
        self.record = record
        self.steps = steps

    def place(self) -> Place:
        return self.record.place(self.steps)
