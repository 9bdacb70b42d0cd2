"""Which document types there are, by their name in mappings, flows and the ledger."""

from __future__ import annotations

from typing import TypeAlias

from orderhub.documents.item import Item
from orderhub.documents.order import PurchaseOrder
from orderhub.documents.supplier import Supplier

Document: TypeAlias = PurchaseOrder | Supplier | Item

DOCUMENT_TYPES: dict[str, type[PurchaseOrder] | type[Supplier] | type[Item]] = {
    cls.document_name: cls for cls in (PurchaseOrder, Supplier, Item)
}


def document_type(name: str) -> type[PurchaseOrder] | type[Supplier] | type[Item]:
    """The class of a document name; ``KeyError`` with the known names when there is none."""
    try:
        return DOCUMENT_TYPES[name]
    except KeyError:
        known = ", ".join(sorted(DOCUMENT_TYPES))
        raise KeyError(f"no document type {name!r}; there are: {known}") from None
