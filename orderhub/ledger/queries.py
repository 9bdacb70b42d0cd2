"""Questions that pages and commands ask."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from orderhub.ledger.records import DocumentPath, FlowStatus, InterchangeRow, Page

#: Totals beyond this are not counted any further.
COUNT_LIMIT = 10_000


class DocumentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold. ``text`` looks for words (or beginnings of words) in number, buyer, supplier, partner and
    file name; ``states``, ``flows`` any of."""

    text: str = ""
    states: Sequence[str] = ()
    flows: Sequence[str] = ()
    company: str | None = None
    environment: str | None = None
    agreement: str | None = None
    type: str | None = None
    number: str | None = None
    interchange_id: int | None = None
    received_from: dt.datetime | None = None
    received_before: dt.datetime | None = None
    superseded: bool = False


def find_documents(
    connection: Connection, where: DocumentFilter | None = None, *, limit: int = 50, offset: int = 0
) -> Page:
    """Documents, newest first. Superseded ones only when asked for."""
    raise NotImplementedError


def document_path(connection: Connection, document_id: int) -> DocumentPath | None:
    """One document's whole path; None when there is no such document."""
    raise NotImplementedError


def find_interchanges(
    connection: Connection,
    *,
    flow: str | None = None,
    states: Sequence[str] = (),
    text: str = "",
    limit: int = 50,
    offset: int = 0,
) -> list[InterchangeRow]:
    """Interchanges, newest first; ``text`` is part of the file name."""
    raise NotImplementedError


def interchange(connection: Connection, interchange_id: int) -> InterchangeRow | None:
    raise NotImplementedError


def counts_by_state(connection: Connection, *, flow: str | None = None) -> dict[str, int]:
    """Documents by state."""
    raise NotImplementedError


def status(connection: Connection) -> list[FlowStatus]:
    """Every flow that the ledger has seen, by name."""
    raise NotImplementedError
