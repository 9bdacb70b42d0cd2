"""Artifacts: mappings, lookups and suites as they were when first used."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Connection

from orderhub.errors import LedgerError


class ArtifactChanged(LedgerError):
    """The content of a used version was changed without raising its number."""

    code: ClassVar[str] = "LEDGER_ARTIFACT_CHANGED"


def register(
    connection: Connection, *, kind: str, name: str, version: int | str | None, content: bytes
) -> str:
    """Keep a mapping (``mapping``), lookup table (``lookup``) or suite (``suite``) under its version and return its
    content hash. Without a version the content hash is the version. Raises ``ArtifactChanged``."""
    raise NotImplementedError


def content(connection: Connection, content_hash: str) -> bytes | None:
    """The content with this hash."""
    raise NotImplementedError


def versions(connection: Connection, kind: str, name: str) -> list[tuple[str, str]]:
    """(version, content hash) in the order of first use."""
    raise NotImplementedError
