"""Bring the database to the current schema (schemas ``ledger`` and ``warehouse``, one history)."""

from __future__ import annotations

from sqlalchemy import URL


def upgrade(url: str | URL, revision: str = "head") -> None:
    """Upgrade; safe to call from several processes at once (an advisory lock lets one work and the others wait).
    Raises ``LedgerUnavailable`` when the database cannot be reached."""
    raise NotImplementedError


def current(url: str | URL) -> str | None:
    """The revision that the database has; None for an empty one."""
    raise NotImplementedError
