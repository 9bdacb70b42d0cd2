"""Orders to try and to measure with: made of the sample suppliers and items, the same bytes for the same seed.

The EDIFACT form is one interchange of ORDERS messages: D.96A in UNOC:3, D.01B in UNOY:4. The X12 form is one interchange of
850s in UTF-8. The UBL form is one Order, or several within an element ``Orders``. The JSON form is an object with the list
``orders``, one order on each line, as the mapping ``json_orders__purchase_order`` reads it. The CSV form is one file with a
header row and a row for each line, UTF-8, comma, the columns of :data:`CSV_COLUMNS`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from orderhub.errors import ConfigError
from orderhub.formats import generate_ubl, generate_x12
from orderhub.formats.edifact.writer import EdifactWriter, ElementValue
from orderhub.project import project_folder

CSV_COLUMNS = (
    "order_no",
    "order_date",
    "currency",
    "buyer_gln",
    "buyer_name",
    "supplier_gln",
    "supplier_name",
    "ship_to_gln",
    "delivery_date",
    "line_no",
    "gtin",
    "item_code",
    "supplier_item_code",
    "description",
    "quantity",
    "unit",
    "price",
)

_FIRST_DAY = dt.date(2026, 1, 5)
#: The sample buyer who sends them all, and the sample place it wants everything delivered to.
_BUYER = "acme_retail"
_SHIP_TO = "central_warehouse"
#: Who sends those in X12.
_X12_BUYER = "delta_stores"


class OrderLine(msgspec.Struct, frozen=True):
    number: int
    gtin: str
    code: str
    supplier_code: str
    name: str
    quantity: str
    unit: str
    edifact_unit: str
    price: str


class Order(msgspec.Struct, frozen=True):
    number: str
    date: dt.date
    delivery: dt.date
    currency: str
    buyer: dict[str, str]
    supplier: dict[str, str]
    ship_to: dict[str, str]
    lines: list[OrderLine]


#: Format to file suffix.
FORMATS = {"edifact": "edi", "x12": "edi", "csv": "csv", "json": "json", "ubl": "xml"}
#: Directories of EDIFACT, and what UNB and the messages say about themselves in them.
RELEASES = {
    "D.96A": ("UNOC:3", ("ORDERS", "D", "96A", "UN")),
    "D.01B": ("UNOY:4", ("ORDERS", "D", "01B", "UN")),
}


def generate(
    format: str, *, orders: int, lines: int, seed: int, release: str | None = None
) -> Iterator[bytes]:
    """One file with all orders, in pieces of about one order.

    :param release: for EDIFACT one of :data:`RELEASES`, ``D.96A`` when absent; for X12 ``004010`` (else) or ``005010``.
    :raises ConfigError: a format that is not in :data:`FORMATS`, a release that is not known.
    """
    _known(format, release)
    made = make_orders(orders, lines, seed)
    return _file(format, release, made, f"G{seed % 10**6:06d}{orders % 10**6:06d}")


def generate_files(
    format: str, *, orders: int, lines: int, seed: int, release: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """A file for each order: its name and its bytes."""
    _known(format, release)
    for number, order in enumerate(make_orders(orders, lines, seed), 1):
        pieces = _file(format, release, iter([order]), f"G{seed % 10**6:06d}{number % 10**7:07d}")
        yield f"{order.number}.{FORMATS[format]}", b"".join(pieces)


def _known(format: str, release: str | None) -> None:
    if format not in FORMATS:
        raise ConfigError(f"There is no generator for {format!r}.", todo=f"Use one of {', '.join(FORMATS)}.")
    known = {"edifact": tuple(RELEASES), "x12": generate_x12.RELEASES}
    if release is not None and release not in known.get(format, ()):
        raise ConfigError(
            f"There is no release {release!r} of {format}.",
            todo="; ".join(f"{name.upper()} has {', '.join(has)}" for name, has in known.items())
            + "; other formats have none.",
        )


def _file(format: str, release: str | None, orders: Iterator[Order], reference: str) -> Iterator[bytes]:
    if format == "edifact":
        return _interchange(orders, reference, release or "D.96A")
    if format == "x12":
        number = int(reference.removeprefix("G")) % 10**9
        return generate_x12.interchange(orders, number, release or "004010", _master_data(), _X12_BUYER)
    if format == "ubl":
        return generate_ubl.ubl(orders)
    return _json(orders) if format == "json" else _csv(orders)


def make_orders(orders: int, lines: int, seed: int) -> Iterator[Order]:
    """Orders with well-formed values. Numbers are unique for each seed; an order has items of one supplier."""
    data = _master_data()
    rng = random.Random(seed)  # noqa: S311  # reproducible samples, nothing secret
    buyer = data["buyers"][_BUYER]
    ship_to = data["locations"][_SHIP_TO]
    # ISO 8859-1, which most partners use, does not have every sample name
    suppliers = [key for key, value in data["suppliers"].items() if _latin1(value["name"])]
    for number in range(1, orders + 1):
        key = rng.choice(suppliers)
        supplier = data["suppliers"][key]
        items = [item for item in data["items"].values() if item["supplier"] == key]
        date = _FIRST_DAY + dt.timedelta(days=rng.randrange(300))
        yield Order(
            number=f"PO{seed:05d}{number:07d}",
            date=date,
            delivery=date + dt.timedelta(days=rng.randrange(5, 60)),
            currency=supplier["currency"],
            buyer=buyer,
            supplier=supplier,
            ship_to=ship_to,
            lines=[
                _line(at, items[(at + number) % len(items)], data["units"], rng) for at in range(1, lines + 1)
            ],
        )


def _line(number: int, item: dict[str, str], units: dict[str, Any], rng: random.Random) -> OrderLine:
    whole = item["unit"] in ("C62", "PR")
    quantity = str(rng.randrange(1, 500)) if whole else f"{rng.randrange(5, 5000) / 10:.1f}"
    return OrderLine(
        number=number,
        gtin=item["gtin"],
        code=item["code"],
        supplier_code=item["supplier_code"],
        name=item["name"],
        quantity=quantity,
        unit=item["unit"],
        edifact_unit=units[item["unit"]]["edifact"][0],
        price=item["price"],
    )


def _interchange(orders: Iterator[Order], reference: str, release: str) -> Iterator[bytes]:
    syntax, kind = RELEASES[release]
    writer = EdifactWriter(syntax, line_breaks=True)
    data = _master_data()
    messages = (writer.message(str(number), kind, _segments(order)) for number, order in enumerate(orders, 1))
    return writer.interchange(
        messages,
        sender=(data["buyers"][_BUYER]["gln"], "14"),
        receiver=(data["company"]["gln"], "14"),
        reference=reference,
        prepared_at=dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC),
        application_reference="ORDERS",
    )


def _segments(order: Order) -> Iterator[tuple[str, *tuple[ElementValue, ...]]]:
    yield "BGM", "220", order.number, "9"
    yield "DTM", ("137", f"{order.date:%Y%m%d}", "102")
    yield "DTM", ("2", f"{order.delivery:%Y%m%d}", "102")
    yield _party("BY", order.buyer)
    yield _party("SU", order.supplier)
    yield "NAD", "DP", (order.ship_to["gln"], "", "9"), "", order.ship_to["name"]
    yield "CUX", ("2", order.currency, "9")
    for line in order.lines:
        yield "LIN", str(line.number), "", (line.gtin, "EN")
        yield "PIA", "1", (line.code, "IN"), (line.supplier_code, "SA")
        yield "IMD", "F", "", ("", "", "", line.name[:35], line.name[35:70])
        yield "QTY", ("21", line.quantity, line.edifact_unit)
        yield "PRI", ("AAA", line.price)
    yield "UNS", "S"
    yield "CNT", ("2", str(len(order.lines)))


def _party(role: str, party: dict[str, str]) -> tuple[str, *tuple[ElementValue, ...]]:
    return (
        "NAD",
        role,
        (party["gln"], "", "9"),
        "",
        party["name"],
        party["street"],
        party["city"],
        "",
        party["postal_code"],
        party["country"],
    )


def _json(orders: Iterator[Order]) -> Iterator[bytes]:
    before = b'{"orders": [\n'
    for order in orders:
        yield before + msgspec.json.encode(_record(order))
        before = b",\n"
    yield b"\n]}\n"


def _raw(number: str | Decimal) -> msgspec.Raw:
    """The digits as they are, not as a binary fraction has them."""
    return msgspec.Raw(str(number).encode("ascii"))


def _record(order: Order) -> dict[str, Any]:
    nets = [Decimal(line.quantity) * Decimal(line.price) for line in order.lines]
    return {
        "orderNo": order.number,
        "orderedAt": f"{order.date}T09:30:00+01:00",
        "currency": order.currency,
        "customer": {"gln": order.buyer["gln"], "id": order.buyer["code"], "name": order.buyer["name"]},
        "vendor": {
            "gln": order.supplier["gln"],
            "id": order.supplier["code"],
            "name": order.supplier["name"],
        },
        "delivery": {
            "requestedOn": order.delivery.isoformat(),
            "to": {"gln": order.ship_to["gln"], "name": order.ship_to["name"]},
        },
        "items": [
            {
                "line": line.number,
                "sku": line.code,
                "vendorSku": line.supplier_code,
                "gtin": line.gtin,
                "title": line.name,
                "qty": _raw(line.quantity),
                "unit": line.edifact_unit,
                "price": {"net": _raw(line.price)},
                "net": _raw(net),
            }
            for line, net in zip(order.lines, nets, strict=True)
        ],
        "totals": {"net": _raw(sum(nets, Decimal()))},
    }


def _csv(orders: Iterator[Order]) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for order in orders:
        for line in order.lines:
            writer.writerow(
                (
                    order.number,
                    order.date.isoformat(),
                    order.currency,
                    order.buyer["gln"],
                    order.buyer["name"],
                    order.supplier["gln"],
                    order.supplier["name"],
                    order.ship_to["gln"],
                    order.delivery.isoformat(),
                    line.number,
                    line.gtin,
                    line.code,
                    line.supplier_code,
                    line.name,
                    line.quantity,
                    line.unit,
                    line.price,
                )
            )
        yield text.getvalue().encode("utf-8")
        text.seek(0)
        text.truncate()


def _latin1(text: str) -> bool:
    try:
        text.encode("iso8859-1")
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=4)
def _load(path: Path) -> dict[str, Any]:
    from ruamel.yaml import YAML

    data: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return data


def _master_data() -> dict[str, Any]:
    path = project_folder() / "samples" / "master_data.yaml"
    if not path.is_file():
        raise ConfigError(
            f"The sample master data {path} is missing.", todo="Run the command in the project's folder."
        )
    return _load(path)
