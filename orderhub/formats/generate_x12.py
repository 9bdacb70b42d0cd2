"""Generated orders as X12 850, with the same content as the other formats have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from orderhub.formats.x12.writer import ElementValue, Party, X12Writer

if TYPE_CHECKING:
    from orderhub.formats.generate import Order

RELEASES = ("004010", "005010")
#: Orders in a functional group.
GROUP = 500
_PREPARED = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)


def interchange(
    orders: Iterator[Order], number: int, release: str, data: dict[str, Any], sender: str
) -> Iterator[bytes]:
    """One interchange, its orders in groups of :data:`GROUP`; UTF-8, as some sample names need it.

    :param number: the interchange control number. :param sender: the buyer of the master data who sends it.
    """
    # sample names hold neither of these
    writer = X12Writer(release, component=">", encoding="utf-8", line_breaks=True)
    buyer = data["buyers"][sender]

    def groups() -> Iterator[bytes]:
        count = 0
        while batch := list(islice(orders, GROUP)):
            count += 1
            yield writer.group(
                "PO",
                (
                    writer.transaction("850", f"{at:04d}", _segments(order, data, sender))
                    for at, order in enumerate(batch, 1)
                ),
                sender=buyer["gln"],
                receiver=data["company"]["gln"],
                control_number=str(count),
                prepared_at=_PREPARED,
            )

    return writer.interchange(
        groups(),
        sender=Party(buyer["gln"], "14"),
        receiver=Party(data["company"]["gln"], "14"),
        control_number=number,
        prepared_at=_PREPARED,
    )


def _segments(
    order: Order, data: dict[str, Any], sender: str
) -> Iterator[tuple[str, *tuple[ElementValue, ...]]]:
    yield "BEG", "00", "SA", order.number, "", f"{order.date:%Y%m%d}"
    yield "CUR", "BY", order.currency
    yield "DTM", "002", f"{order.delivery:%Y%m%d}"
    yield from _party("BY", data["buyers"][sender])
    yield from _party("SU", order.supplier)
    yield "N1", "ST", order.ship_to["name"], "UL", order.ship_to["gln"]
    units = data["units"]
    for line in order.lines:
        yield (
            "PO1",
            str(line.number),
            line.quantity,
            units[line.unit]["x12"][0],
            line.price,
            "",
            "EN",
            line.gtin,
            "BP",
            line.code,
            "VP",
            line.supplier_code,
        )
        yield "PID", "F", "", "", "", line.name[:80]
    yield "CTT", str(len(order.lines))


def _party(role: str, party: dict[str, str]) -> Iterator[tuple[str, *tuple[ElementValue, ...]]]:
    yield "N1", role, party["name"], "UL", party["gln"]
    yield "N3", party["street"]
    yield "N4", party["city"], "", party["postal_code"], party["country"]
