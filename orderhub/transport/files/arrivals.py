"""How a file of a server is named in the ledger, and which names are none."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Mapping
from typing import Any

from orderhub.connector import Interchange
from orderhub.transport.files.names import NAME_MAX, encoded, shown
from orderhub.transport.files.store import Entry, Kind

#: More than this of a name is not shown.
_SHOWN = 1100


def unusable_name(name: str) -> str | None:
    """Why a name that a server gave cannot be used as one step of a path; None when it can."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        return "is no name of a file in this folder; the server gave it, and nothing was done with it"
    if len(os.fsencode(name)) > NAME_MAX:
        return f"has a name of more than {NAME_MAX} bytes; nothing was done with it"
    return None


def interchange_of(
    entry: Entry,
    data: bytes | None,
    problem: str | None,
    markers: Mapping[str, list[str]],
    *,
    usable: bool,
) -> Interchange:
    """The arrival has the hash of the bytes: two files of one name, size and second would else be one.

    :param usable: whether the name can be used as a path; a file without a usable name is never touched.
    """
    sha256 = hashlib.sha256(data).hexdigest() if data is not None else ""
    label = shown(entry.name)
    label = label if len(label) <= _SHOWN else label[:_SHOWN] + "…"
    name = encoded(entry.name) if usable else hashlib.sha256(os.fsencode(entry.name)).hexdigest()
    modified = dt.datetime.fromtimestamp(entry.modified_ns // 10**9, dt.UTC)
    return Interchange(
        name=label,
        arrival=f"{name}|{entry.size}|{entry.modified_ns}|{entry.unique}|{sha256[:32]}",
        data=data,
        problem=f"{label} {problem}." if problem is not None else None,
        attributes={"size": str(entry.size), "modified_at": modified.isoformat()},
        handle={
            # no name, nothing to settle
            "name": name if usable else "",
            "kind": entry.kind.name,
            "size": entry.size,
            "modified_ns": entry.modified_ns,
            "unique": entry.unique,
            "sha256": sha256,
            "markers": {
                encoded(marker): [encoded(name) for name in others] for marker, others in markers.items()
            },
        },
    )


def entry_of(handle: Mapping[str, Any], name: str) -> Entry:
    """The look that a handle was made of."""
    return Entry(
        name=name,
        kind=Kind[handle["kind"]],
        size=handle["size"],
        modified_ns=handle["modified_ns"],
        unique=handle["unique"],
    )
