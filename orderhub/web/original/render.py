"""Chooses how an original is shown."""

from __future__ import annotations

from collections.abc import Sequence

from orderhub.formats.bundle import is_bundle
from orderhub.web.marks import Piece
from orderhub.web.original import members, segments, text
from orderhub.web.original.shown import Line, Original, Pointer

HEX_BYTES = 8 * 1024


def render(
    data: bytes,
    pointers: Sequence[Pointer],
    *,
    limit: int,
    message: int | None = None,
    size: int | None = None,
) -> Original:
    """The original for the page.

    :param limit: bytes shown at most; what is about one message is found wherever it stands.
    :param size: of the whole original, when ``data`` is only its beginning.
    :param message: show only this message of an EDIFACT or X12 file, counted from 1, with the envelope before it; of
        other text (and of a bundle's members) show only what the pointers are about, when there is more than the limit.
    """
    size = len(data) if size is None else size
    if not data:
        return Original("empty", 0)
    if segments.is_segmented(data):
        return segments.render(data, pointers, limit=limit, message=message, size=size)
    if is_bundle(data[:4]):
        members_shown = members.render(data, pointers, limit=limit, around=message is not None, size=size)
        if members_shown is not None:
            return members_shown
    if _is_binary(data[:4096]):
        return _hex(data, size)
    return text.render(data, pointers, limit=limit, around=message is not None, size=size)


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    if b"\0" in head:
        return True
    control = sum(1 for byte in head if byte < 0x20 and byte not in b"\t\n\r\x0c\x1c\x1d\x1e\x1f\x1a")
    return control * 20 > len(head)


def _hex(data: bytes, size: int) -> Original:
    original = Original("hex", size, truncated=size > HEX_BYTES)
    for start in range(0, min(len(data), HEX_BYTES), 16):
        row = data[start : start + 16]
        digits = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        plain = "".join(chr(byte) if 0x20 <= byte < 0x7F else "·" for byte in row)
        original.lines.append(Line(f"{start:08x}", [Piece(f"{digits}  {plain}")]))
    return original
