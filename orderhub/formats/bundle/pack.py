"""Members to one ZIP, byte for byte the same for the same members."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from orderhub.errors import SourceError
from orderhub.findings import Place

#: The first moment that a ZIP can hold: the members' own times would make two equal bundles differ.
_MOMENT = (1980, 1, 1, 0, 0, 0)


def pack(members: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP of (name, content), sorted by name. Not compressed: what a library's deflate makes differs between its
    versions, and the archive is no place for that.

    :raises ValueError: a name comes twice, is empty or has a slash.
    """
    sorted_members = sorted(members)
    names = [name for name, _ in sorted_members]
    if len(set(names)) < len(names) or any(not name or "/" in name or "\\" in name for name in names):
        raise ValueError(f"names of members must be plain and different: {names}")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted_members:
            info = zipfile.ZipInfo(name, _MOMENT)
            info.create_system = 3  # the same on every system
            info.external_attr = 0o100640 << 16
            archive.writestr(info, content)
    return out.getvalue()


def pack_folder(folder: Path) -> bytes:
    """The files right in a folder as one bundle: what the command line does with a folder that stands for a source.
    Hidden files and those that a name marks as JSON expectations are not taken.

    :raises SourceError: there is no file in it.
    """
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".")
    ]
    if not files:
        raise SourceError(
            "The folder has no file that could be a member.",
            todo="Put the files of one bundle into it.",
            place=Place(file=folder.name),
        )
    return pack((path.name, path.read_bytes()) for path in files)
