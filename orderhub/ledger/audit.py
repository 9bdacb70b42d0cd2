"""The audit log: append only, each row chained to the one before by hash."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from sqlalchemy import Connection


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    prev_hash: str
    hash: str


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """``broken_at`` is the first row whose hash or link is wrong, ``problem`` says what. ``head`` is the last hash; kept
    elsewhere it also proves that the end was not cut off."""

    ok: bool
    rows: int
    head: str
    broken_at: int | None = None
    problem: str | None = None


def append(
    connection: Connection, *, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None
) -> int:
    """Append a row in the caller's transaction; appenders wait for each other until commit, so do it last."""
    raise NotImplementedError


def verify(connection: Connection, *, expected_head: str | None = None) -> AuditCheck:
    """Walk the whole chain."""
    raise NotImplementedError


def rows(
    connection: Connection,
    *,
    subject: str | None = None,
    actor: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[AuditRow]:
    """Newest first."""
    raise NotImplementedError
