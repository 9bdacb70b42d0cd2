"""Load documents into the warehouse: versioned, idempotent by key, by the rules of :mod:`orderhub.star.merge`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orderhub.connector import LoadItem, Outcome
from orderhub.documents import Document, Item, PurchaseOrder, StockLevel, Supplier
from orderhub.errors import LedgerError
from orderhub.star.merge import as_found, merge
from orderhub.warehouse.store import PostgresStore, known


def load(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load any mix of document types; one outcome per item, in order. Commit is the caller's."""
    return merge(PostgresStore(connection), items)


def load_orders(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load purchase orders with their lines; one outcome per item, in order. Commit is the caller's."""
    return _load_only(connection, items, PurchaseOrder)


def load_suppliers(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load suppliers; as ``load_orders``."""
    return _load_only(connection, items, Supplier)


def load_items(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load items; as ``load_orders``."""
    return _load_only(connection, items, Item)


def load_stock_levels(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load stock levels; as ``load_orders``."""
    return _load_only(connection, items, StockLevel)


def _load_only(connection: Connection, items: Sequence[LoadItem], kind: type[Document]) -> list[Outcome]:
    for item in items:
        if type(item.document) is not kind:
            raise LedgerError(
                f"Key {item.key} is a {type(item.document).__name__}, not a {kind.__name__}.",
                todo="Use load() for a mix of documents.",
            )
    return load(connection, items)


def find(connection: Connection, keys: Sequence[str]) -> dict[str, Outcome]:
    """What the warehouse has under these idempotency keys (state unchanged); absent keys are absent."""
    return as_found(known(connection, keys))
