"""Artifacts: mappings, lookups and suites as they were when first used."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import ClassVar

from sqlalchemy import Connection, text

from orderhub.errors import LedgerError


class ArtifactChanged(LedgerError):
    """The content of a used version was changed without raising its number."""

    code: ClassVar[str] = "LEDGER_ARTIFACT_CHANGED"


_INSERT = text(
    """
    INSERT INTO ledger.artifact (kind, name, version, content_hash, content)
    VALUES (:kind, :name, :version, :hash, :content) ON CONFLICT DO NOTHING
    """
)
_HASH = text(
    "SELECT content_hash FROM ledger.artifact WHERE kind = :kind AND name = :name AND version = :version"
)


def register(
    connection: Connection,
    *,
    kind: str,
    name: str,
    version: int | str | None,
    content: bytes,
    todo: str = "Raise its version number, or restore the content that was used.",
) -> str:
    """Keep a mapping (``mapping``), lookup table (``lookup``) or suite (``suite``) under its version and return its
    content hash (SHA-256, hex). Without a version the content hash is the version. Raises ``ArtifactChanged``, with
    ``todo`` as what to do about it."""
    digest = hashlib.sha256(content).hexdigest()
    key = {"kind": kind, "name": name, "version": digest if version is None else str(version)}
    # looked up first: registering on each use must not cost a write
    known = connection.execute(_HASH, key).scalar()
    if known is None:
        connection.execute(_INSERT, {**key, "hash": digest, "content": content})
        known = connection.execute(_HASH, key).scalar_one()
    if known != digest:
        raise ArtifactChanged(
            f"The {kind} {name} version {version} was used with other content before "
            f"(then {known[:12]}, now {digest[:12]}).",
            todo=todo,
        )
    return digest


def keep(connection: Connection, *, kind: str, name: str, version: str, content: bytes) -> None:
    """Keep something under a version that already says what it is; the first content stays."""
    digest = hashlib.sha256(content).hexdigest()
    key = {"kind": kind, "name": name, "version": version}
    connection.execute(_INSERT, {**key, "hash": digest, "content": content})


def of_version(connection: Connection, kind: str, name: str, version: str) -> bytes | None:
    """What is kept under this version."""
    query = text(
        "SELECT content FROM ledger.artifact WHERE kind = :kind AND name = :name AND version = :version"
    )
    found = connection.execute(query, {"kind": kind, "name": name, "version": version}).scalar()
    return None if found is None else bytes(found)


def content(connection: Connection, content_hash: str) -> bytes | None:
    """The content with this hash."""
    query = text("SELECT content FROM ledger.artifact WHERE content_hash = :hash LIMIT 1")
    found = connection.execute(query, {"hash": content_hash}).scalar()
    return None if found is None else bytes(found)


def listed(connection: Connection, kind: str, name: str) -> list[tuple[str, str, dt.datetime, bytes]]:
    """(version, content hash, first used, content) in the order of first use."""
    query = text(
        "SELECT version, content_hash, first_used_at, content FROM ledger.artifact "
        "WHERE kind = :kind AND name = :name ORDER BY id"
    )
    return [
        (row.version, row.content_hash, row.first_used_at, bytes(row.content))
        for row in connection.execute(query, {"kind": kind, "name": name})
    ]


def versions(connection: Connection, kind: str, name: str) -> list[tuple[str, str]]:
    """(version, content hash) in the order of first use."""
    query = text(
        "SELECT version, content_hash FROM ledger.artifact WHERE kind = :kind AND name = :name ORDER BY id"
    )
    return [
        (row.version, row.content_hash) for row in connection.execute(query, {"kind": kind, "name": name})
    ]
