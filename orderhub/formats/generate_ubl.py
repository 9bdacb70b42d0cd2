"""Generated orders as UBL 2.1: one order is the root of its file, several stand in an element around them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from orderhub.formats.generate import Order, OrderLine

_COMMON = "urn:oasis:names:specification:ubl:schema:xsd:Common"
_START = (
    '<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2" '
    f'xmlns:cac="{_COMMON}AggregateComponents-2" xmlns:cbc="{_COMMON}BasicComponents-2">'
)
_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def ubl(orders: Iterator[Order]) -> Iterator[bytes]:
    """One file, in pieces of about one order."""
    first = list(islice(orders, 2))
    if len(first) < 2:
        yield _HEAD + b"".join(_order(order) for order in first)
        return
    yield _HEAD + b"<Orders>\n"
    for order in chain(first, orders):
        yield _order(order)
    yield b"</Orders>\n"


def _order(order: Order) -> bytes:
    ship_to = order.ship_to
    parts = [
        _START,
        "\n<cbc:UBLVersionID>2.1</cbc:UBLVersionID>",
        f"\n<cbc:ID>{escape(order.number)}</cbc:ID>",
        f"\n<cbc:IssueDate>{order.date.isoformat()}</cbc:IssueDate>",
        f"\n<cbc:DocumentCurrencyCode>{order.currency}</cbc:DocumentCurrencyCode>",
        f"\n<cbc:LineCountNumeric>{len(order.lines)}</cbc:LineCountNumeric>",
        _party("BuyerCustomerParty", order.buyer),
        _party("SellerSupplierParty", order.supplier),
        "\n<cac:Delivery><cac:DeliveryLocation>",
        f'<cbc:ID schemeID="0088">{ship_to["gln"]}</cbc:ID><cbc:Name>{escape(ship_to["name"])}</cbc:Name>',
        "</cac:DeliveryLocation><cac:RequestedDeliveryPeriod>",
        f"<cbc:EndDate>{order.delivery.isoformat()}</cbc:EndDate>",
        "</cac:RequestedDeliveryPeriod></cac:Delivery>",
        *[_line(line, order.currency) for line in order.lines],
        "\n</Order>\n",
    ]
    return "".join(parts).encode("utf-8")


def _party(role: str, party: dict[str, str]) -> str:
    return (
        f"\n<cac:{role}><cac:Party>"
        f'<cbc:EndpointID schemeID="0088">{party["gln"]}</cbc:EndpointID>'
        f"<cac:PartyName><cbc:Name>{escape(party['name'])}</cbc:Name></cac:PartyName>"
        f"<cac:PostalAddress><cbc:StreetName>{escape(party['street'])}</cbc:StreetName>"
        f"<cbc:CityName>{escape(party['city'])}</cbc:CityName>"
        f"<cbc:PostalZone>{escape(party['postal_code'])}</cbc:PostalZone>"
        f"<cac:Country><cbc:IdentificationCode>{party['country']}</cbc:IdentificationCode></cac:Country>"
        f"</cac:PostalAddress></cac:Party></cac:{role}>"
    )


def _line(line: OrderLine, currency: str) -> str:
    return (
        f"\n<cac:OrderLine><cac:LineItem><cbc:ID>{line.number}</cbc:ID>"
        f'<cbc:Quantity unitCode="{line.unit}">{line.quantity}</cbc:Quantity>'
        f'<cac:Price><cbc:PriceAmount currencyID="{currency}">{line.price}</cbc:PriceAmount></cac:Price>'
        f"<cac:Item><cbc:Name>{escape(line.name)}</cbc:Name>"
        f"<cac:BuyersItemIdentification><cbc:ID>{escape(line.code)}</cbc:ID></cac:BuyersItemIdentification>"
        f"<cac:SellersItemIdentification><cbc:ID>{escape(line.supplier_code)}</cbc:ID></cac:SellersItemIdentification>"
        f'<cac:StandardItemIdentification><cbc:ID schemeID="0160">{line.gtin}</cbc:ID></cac:StandardItemIdentification>'
        "</cac:Item></cac:LineItem></cac:OrderLine>"
    )
