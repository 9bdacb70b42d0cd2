"""How the hub and a driver's process talk: frames of a kind, a length and bytes."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec

_HEAD = struct.Struct("!cQ")
#: A request or its plain answer; the schema, a batch and the end of a table; an error.
PLAIN, SCHEMA, BATCH, END, ERROR = b"P", b"S", b"B", b"Z", b"E"


class Failed(msgspec.Struct):
    """A driver's error: SQLSTATE and the server's own number, as far as the driver says them."""

    text: str
    state: str | None = None
    native: int | None = None


def send(to: BinaryIO, kind: bytes, content: Any) -> None:
    """Write a frame; what is no bytes goes as msgpack."""
    data = content if isinstance(content, bytes | memoryview) else msgspec.msgpack.encode(content)
    to.write(_HEAD.pack(kind, len(data)))
    to.write(data)
    if kind not in (SCHEMA, BATCH):
        to.flush()


def receive(of: BinaryIO) -> tuple[bytes, bytes]:
    """Read a frame.

    :raises EOFError: the other side ended.
    """
    kind, length = _HEAD.unpack(_exactly(of, _HEAD.size))
    return kind, _exactly(of, length)


def _exactly(of: BinaryIO, size: int) -> bytes:
    data = of.read(size)
    if len(data) < size:
        raise EOFError
    return data
