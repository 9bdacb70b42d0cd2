"""Which document types there are, by their name in mappings, flows and the ledger."""

from __future__ import annotations

from typing import TypeAlias

from orderhub.documents.demand import Demand
from orderhub.documents.item import Item
from orderhub.documents.order import PurchaseOrder
from orderhub.documents.receipt import Receipt
from orderhub.documents.stock import StockLevel
from orderhub.documents.supplier import Supplier
from orderhub.documents.supplier_item import SupplierItem

Document: TypeAlias = PurchaseOrder | Supplier | SupplierItem | Item | Receipt | StockLevel | Demand
DocumentType: TypeAlias = (
    type[PurchaseOrder]
    | type[Supplier]
    | type[SupplierItem]
    | type[Item]
    | type[Receipt]
    | type[StockLevel]
    | type[Demand]
)

_TYPES: tuple[DocumentType, ...] = (PurchaseOrder, Supplier, SupplierItem, Item, Receipt, StockLevel, Demand)
DOCUMENT_TYPES: dict[str, DocumentType] = {cls.document_name: cls for cls in _TYPES}

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
