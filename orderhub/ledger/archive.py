"""The archive of originals: content-addressed, encrypted, on any fsspec folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import ClassVar

import msgspec

from orderhub.errors import ArchiveError
from orderhub.security.keys import KeyRing


class ArchiveFull(ArchiveError):
    code: ClassVar[str] = "ARCHIVE_FULL"
    retryable: ClassVar[bool] = True


class ArchiveMissing(ArchiveError):
    code: ClassVar[str] = "ARCHIVE_MISSING"


class ArchiveTampered(ArchiveError):
    code: ClassVar[str] = "ARCHIVE_TAMPERED"


class ArchiveUnavailable(ArchiveError):
    code: ClassVar[str] = "ARCHIVE_UNAVAILABLE"
    retryable: ClassVar[bool] = True


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` is what the ledger keeps; ``sha256`` and ``size`` are of the plain bytes; ``existed`` when they were there."""

    key: str
    sha256: str
    size: int
    existed: bool


class Archive:
    """``url`` is a folder path or fsspec URL. The constructor does no I/O."""

    def __init__(self, url: str, keys: KeyRing) -> None:
        raise NotImplementedError

    def store(self, data: bytes | Iterable[bytes]) -> Stored:
        """Write and sync; when this returns the bytes survive a crash. Raises ``ArchiveFull``, ``ArchiveUnavailable``."""
        raise NotImplementedError

    def read(self, key: str) -> bytes:
        """The plain bytes, verified. Raises ``ArchiveMissing``, ``ArchiveTampered``, ``ArchiveUnavailable``."""
        raise NotImplementedError

    def sweep(self, known: Iterable[str], *, older_than: dt.timedelta = dt.timedelta(hours=1)) -> list[str]:
        """Remove files and left-over temporary files that are older and not among the known keys; returns them."""
        raise NotImplementedError
