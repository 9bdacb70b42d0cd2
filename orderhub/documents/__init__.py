"""Canonical documents: the one model that every source is translated into and every target is fed from."""

from orderhub.documents.demand import Demand
from orderhub.documents.item import Item
from orderhub.documents.order import Line, PurchaseOrder
from orderhub.documents.party import Address, Contact, Party
from orderhub.documents.receipt import Receipt, ReceiptLine
from orderhub.documents.registry import DOCUMENT_TYPES, MASTER_DATA, Document, document_type
from orderhub.documents.serialise import canonical_bytes, content_hash, from_canonical
from orderhub.documents.stock import StockLevel
from orderhub.documents.supplier import Supplier
from orderhub.documents.supplier_item import SupplierItem

__all__ = [
    "DOCUMENT_TYPES",
    "MASTER_DATA",
    "Address",
    "Contact",
    "Demand",
    "Document",
    "Item",
    "Line",
    "Party",
    "PurchaseOrder",
    "Receipt",
    "ReceiptLine",
    "StockLevel",
    "Supplier",
    "SupplierItem",
    "canonical_bytes",
    "content_hash",
    "document_type",
    "from_canonical",
]
