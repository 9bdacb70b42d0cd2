"""Which names count, and which marker releases which file."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of the shell patterns; upper and lower case differ."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def stands_for_a_file(name: str, patterns: Iterable[str]) -> bool:
    """Whether a folder of this name stands where a file is expected: any folder fits ``*``, so that only one that is named like
    the files does."""
    return fits(name, [pattern for pattern in patterns if pattern != "*"])


def marker_names(name: str, markers: Sequence[str]) -> list[str]:
    """The names that release a file: ``order.edi.done`` and ``order.done`` for ``order.edi``."""
    stem = name.rpartition(".")[0]
    return [base + marker for base in (name, stem) if base for marker in markers]
