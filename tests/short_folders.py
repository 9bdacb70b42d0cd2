"""Temporary folders for servers. A module of its own: every folder of tests has a conftest, and only one of them can be
imported by that name."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def short_folder(name: str) -> Iterator[Path]:
    """A temporary folder with a short path that PostgreSQL's own user can pass through; removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix=f"oh-{name}-", dir="/tmp"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
