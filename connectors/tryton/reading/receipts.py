"""Receipts: supplier shipments whose goods have come in, with their incoming moves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.tryton.found import Row
from connectors.tryton.reading.changes import Reader, Table
from connectors.tryton.reading.values import exact, gln_of, gtin_of, nested

_SHIPMENT = "stock.shipment.in"
#: From ``received`` on the incoming moves are done; ``done`` says that the goods were put away as well.
_CAME_IN = ["received", "done"]
_FIELDS = (
    *("number", "reference", "supplier.code", "supplier.name", "supplier.identifiers.type"),
    *("supplier.identifiers.code", "warehouse.code", "warehouse.name", "incoming_moves"),
)
_MOVE = (
    *("state", "quantity", "unit", "effective_date", "origin", "product.code", "product.name"),
    *("product.identifiers.type", "product.identifiers.code"),
)
_ORDERED = "purchase.line"
_LINE = ("sequence", "purchase.number", "purchase.reference", "product_supplier.code")


class Receipts:
    """Supplier shipments of the company (and of the warehouse of the settings) as records."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._own: list[Any] = [
            ["company", "=", reader.master.context()["company"]],
            ["state", "in", _CAME_IN],
        ]
        warehouse = reader.master.warehouse()
        if warehouse is not None:
            self._own.append(["warehouse", "=", warehouse])

    def changed(self, since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """Shipments that came in, with the moments of their changes."""
        return self._reader.things([Table(model=_SHIPMENT, domain=self._own)], since)

    def records(self, shipments: Mapping[int, str]) -> list[dict[str, Any]]:
        """A record for each of these, with a line for every incoming move that is done."""
        rows = self._reader.these(_SHIPMENT, shipments, _FIELDS)
        moves = self._reader.these(
            "stock.move", [move for row in rows.values() for move in row["incoming_moves"]], _MOVE
        )
        ordered = {_line_of(move) for move in moves.values()} - {None}
        lines = self._reader.these(_ORDERED, [line for line in ordered if line], _LINE) if ordered else {}
        found: list[dict[str, Any]] = []
        for number, moment in shipments.items():
            if number in rows:
                done = [moves[move] for move in sorted(rows[number]["incoming_moves"]) if move in moves]
                done = [move for move in done if move["state"] == "done" and move["quantity"] > 0]
                if done:
                    came = [
                        _move(line, move, self._reader.symbol(move["unit"]), lines)
                        for line, move in enumerate(done, 1)
                    ]
                    found.append(_record(rows[number], moment, done, came))
        return found


def _line_of(move: Row) -> int | None:
    """The purchase line that a move is for."""
    model, _, number = (move["origin"] or "").partition(",")
    return int(number) if model == _ORDERED and number.isdigit() else None


def _record(row: Row, moment: str, moves: Sequence[Row], lines: list[dict[str, Any]]) -> dict[str, Any]:
    supplier = row["supplier."]
    return {
        "id": row["id"],
        "changed_at": moment,
        "number": row["number"],
        "reference": row["reference"],
        # the shipment's own date stands only once the goods are put away
        "received_on": min(move["effective_date"] for move in moves),
        "supplier": {
            "code": supplier["code"],
            "name": supplier["name"],
            "gln": gln_of(supplier["identifiers."]),
        },
        "warehouse": {"code": nested(row, "warehouse.code"), "name": nested(row, "warehouse.name")},
        "moves": lines,
    }


def _move(number: int, move: Row, unit: str | None, lines: Mapping[int, Row]) -> dict[str, Any]:
    ordered = lines.get(_line_of(move) or 0)
    return {
        "line": number,
        "product": {
            "code": nested(move, "product.code"),
            "name": nested(move, "product.name"),
            "gtin": gtin_of(move["product."]["identifiers."]),
            "supplier_code": nested(ordered, "product_supplier.code"),
        },
        "quantity": exact(move["quantity"]),
        "unit": unit,
        "purchase": {
            "number": nested(ordered, "purchase.number"),
            "reference": nested(ordered, "purchase.reference"),
            "line": nested(ordered, "sequence"),
        },
    }
