"""Which files a command line means, and how it writes one."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def each_file(paths: Iterable[Path]) -> Iterator[Path]:
    """The paths themselves, and for a folder everything below it that is not hidden, in name order. A path that does
    not exist is passed on, so that the reader can say so."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                below
                for below in path.rglob("*")
                if not below.is_dir()
                and not any(part.startswith(".") for part in below.relative_to(path).parts)
            )
        else:
            yield path


def write_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file under a hidden name and rename it in, so that who watches the folder never sees a part of it; gives its
    size in bytes."""
    hidden = path.with_name(f".{path.name}.part")
    with hidden.open("wb") as stream:
        stream.writelines(pieces)
        size = stream.tell()
    hidden.replace(path)
    return size


def write_output(pieces: Iterable[bytes]) -> None:
    """Write bytes to standard output, behind what was printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(pieces)
    sys.stdout.buffer.flush()
