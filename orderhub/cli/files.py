"""Which files a command line means."""

from __future__ import annotations

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
