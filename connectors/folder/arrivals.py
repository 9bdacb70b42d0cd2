"""How a file of a folder is named in the ledger, and which things are no files."""

from __future__ import annotations

import datetime as dt
import stat

from connectors.folder.tree import Seen
from orderhub.connector import Interchange
from orderhub.transport.files.names import encoded, shown

_KINDS = (
    (stat.S_ISLNK, "a symbolic link, which is never followed"),
    (stat.S_ISDIR, "a folder where a file is expected"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


def no_file(entry: Seen) -> str | None:
    """What stands there instead of a regular file; None when it is one."""
    return next((kind for belongs, kind in _KINDS if belongs(entry.mode)), None)


def refused(entry: Seen, problem: str) -> Interchange:
    """An interchange that says why the file cannot be used."""
    return interchange_of(entry, None, f"{shown(entry.name)} {problem}.")


def interchange_of(entry: Seen, data: bytes | None, problem: str | None) -> Interchange:
    """The arrival tells files of one name apart by size, time and inode."""
    path = "/".join(encoded(part) for part in (*entry.folders, entry.name))
    modified = dt.datetime.fromtimestamp(entry.modified_ns // 10**9, dt.UTC)
    return Interchange(
        name="/".join(shown(part) for part in (*entry.folders, entry.name)),
        arrival=f"{path}|{entry.size}|{entry.modified_ns}|{entry.inode}",
        data=data,
        problem=problem,
        attributes={"size": str(entry.size), "modified_at": modified.isoformat()},
        handle={
            "folders": [encoded(part) for part in entry.folders],
            "name": encoded(entry.name),
            "mode": entry.mode,
            "size": entry.size,
            "modified_ns": entry.modified_ns,
            "inode": entry.inode,
        },
    )
