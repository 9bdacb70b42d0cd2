"""A bundle of several files: its members one below the other, each under its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from orderhub.formats.bundle import BundleProblem, open_bundle
from orderhub.web.marks import Piece, visible
from orderhub.web.original import text
from orderhub.web.original.shown import MAX_LINES, Line, Original, Pointer

#: Of a longer member only what the pointers are about is shown.
MEMBER_LIMIT = 64 * 1024
#: Bytes of a member that are looked through for what pointers are about.
_SCANNED = 32 * 1024 * 1024


def render(
    data: bytes, pointers: Sequence[Pointer], *, limit: int, around: bool, size: int
) -> Original | None:
    """The lines of the members; with ``around`` only members that pointers are about, where there are any. None when the
    archive cannot be opened, so that it is shown as what it is."""
    original = Original("lines", size)
    try:
        with open_bundle(data) as bundle:
            wanted = {
                member.name: [pointer for pointer in pointers if _about(pointer, member.name)]
                for member in bundle.members
            }
            some = around and any(wanted.values())
            for member in bundle.members:
                if some and not wanted[member.name]:
                    original.truncated = True
                    continue
                with bundle.open(member) as stream:
                    content = stream.read(min(member.size, _SCANNED))
                part = text.render(
                    content,
                    [dataclasses.replace(pointer, offset=None) for pointer in wanted[member.name]],
                    limit=min(limit, MEMBER_LIMIT),
                    around=around,
                    size=member.size,
                )
                if len(original.lines) + len(part.lines) + 1 > MAX_LINES:
                    part.lines = part.lines[: max(MAX_LINES - len(original.lines) - 1, 0)]
                    part.truncated = True
                original.lines.append(Line("", [Piece(visible(member.name))], "member"))
                original.lines += part.lines
                original.encoding = original.encoding or part.encoding
                original.truncated = original.truncated or part.truncated
                original.placed |= part.placed
                original.traced |= part.traced
    except BundleProblem:
        return None
    return original


def _about(pointer: Pointer, member: str) -> bool:
    return pointer.file is not None and pointer.file.endswith(f"/{member}")
