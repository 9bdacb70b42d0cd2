"""Rows as text with tabs between the values, as COPY (PostgreSQL) and LOAD DATA (MySQL, MariaDB) read it alike.

An empty value is ``\\N``; backslash, tab and line ends are escaped; booleans are 1 and 0. A piece of text may be several
rows. Columns are those of :mod:`orderhub.star.records`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orderhub.documents import PurchaseOrder
from orderhub.star import records
from orderhub.star.merge import Load, Version
from orderhub.star.records import Moment, Value

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": "\ufffd"})
_BOOLEANS = {True: "1", False: "0"}
NULL = "\\N"


def row(*values: Value) -> str:
    """One row with its end."""
    return (
        "\t".join(
            [
                NULL
                if value is None
                else value.translate(_ESCAPES)
                if isinstance(value, str)
                else _BOOLEANS[value]
                if isinstance(value, bool)
                else str(value)
                for value in values
            ]
        )
        + "\n"
    )


def loads(found: Sequence[Load], *, hashed: bool = False) -> Iterator[str]:
    """The loads. Written out like the lines of an order: there is one for each document."""
    escapes = _ESCAPES
    for load in found:
        item, name, outcome = load.item, load.name, load.outcome
        end = f"\t{records.key_hash(item.key)}\n" if hashed else "\n"
        yield (
            f"{load.id}\t{item.key.translate(escapes)}\t{type(item.document).document_name}\t"
            f"{name.identity.translate(escapes)}\t{name.company.translate(escapes)}\t{name.environment}\t{item.source}\t"
            f"{item.load}\t{outcome.state}\t{load.version_id}\t{outcome.version}\t"
            f"{(outcome.reference or '').translate(escapes)}{end}"
        )


def versions(found: Sequence[Version], moment: Moment, *, hashed: bool = False) -> Iterator[str]:
    """The versions."""
    return (row(*records.version_row(version, moment, hashed=hashed)) for version in found)


def lines(found: Sequence[Version], moment: Moment) -> Iterator[str]:
    """The versions' lines."""
    for version in found:
        document = version.item.document
        if isinstance(document, PurchaseOrder):
            yield _order_lines(version.id, document, row(*records.line_tail(version, moment)))
        else:
            yield "".join(row(*line) for line in records.line_rows(version, moment))


def _order_lines(order_id: int, order: PurchaseOrder, tail: str) -> str:
    """The lines of an order. Written out, because lines are nine tenths of what is loaded."""
    escapes, null = _ESCAPES, NULL
    pieces = []
    for position, line in enumerate(order.lines, 1):
        item, price, base, amount = line.item, line.price, line.price_base_quantity, line.amount
        due, note = line.requested_delivery_on, line.note
        gtin, buyer, supplier, maker, name = (
            null if value is None else value.translate(escapes)
            for value in (item.gtin, item.buyer_code, item.supplier_code, item.manufacturer_code, item.name)
        )
        pieces.append(
            f"{order_id}\t{position}\t{line.number}\t{gtin}\t{buyer}\t{supplier}\t{maker}\t{name}\t{line.quantity}\t"
            f"{line.unit.translate(escapes)}\t{null if price is None else price}\t{null if base is None else base}\t"
            f"{null if amount is None else amount}\t{null if due is None else due}\t"
            f"{null if note is None else note.translate(escapes)}\t{tail}"
        )
    return "".join(pieces)
