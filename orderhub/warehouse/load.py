"""Load documents into the warehouse: staged by COPY, merged once per batch, versioned, idempotent by key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orderhub.connector import LoadItem, Outcome


def load_orders(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """One outcome per item, in order; commit is the caller's."""
    raise NotImplementedError


def load_suppliers(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    raise NotImplementedError


def load_items(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    raise NotImplementedError


def load(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Any mix of document types."""
    raise NotImplementedError


def find(connection: Connection, keys: Sequence[str]) -> dict[str, Outcome]:
    """What the warehouse has under these idempotency keys; absent keys are absent."""
    raise NotImplementedError
