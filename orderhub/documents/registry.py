"""Which document types there are, by their name in mappings, flows and the ledger."""

from __future__ import annotations

from typing import TypeAlias

from orderhub.documents.item import Item
from orderhub.documents.order import PurchaseOrder
from orderhub.documents.stock import StockLevel
from orderhub.documents.supplier import Supplier

Document: TypeAlias = PurchaseOrder | Supplier | Item | StockLevel
DocumentType: TypeAlias = type[PurchaseOrder] | type[Supplier] | type[Item] | type[StockLevel]

DOCUMENT_TYPES: dict[str, DocumentType] = {
    cls.document_name: cls for cls in (PurchaseOrder, Supplier, Item, StockLevel)
}

#: Records of which the newest counts. Other content under the same number from a later interchange is no conflict but the
#: record's next version; an order is an agreement between two, which nobody changes by sending it again.
MASTER_DATA = frozenset(name for name, cls in DOCUMENT_TYPES.items() if cls.master_data)


def document_type(name: str) -> DocumentType:
    """The class of a document name; ``KeyError`` with the known names when there is none."""
    try:
        return DOCUMENT_TYPES[name]
    except KeyError:
        known = ", ".join(sorted(DOCUMENT_TYPES))
        raise KeyError(f"no document type {name!r}; there are: {known}") from None
