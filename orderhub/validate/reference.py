"""What rules compare documents with, beyond the documents themselves."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import sqlalchemy.exc

from orderhub.documents import Document, PurchaseOrder
from orderhub.errors import LedgerUnavailable
from orderhub.ledger.engine import transaction
from orderhub.stage import HubContext
from orderhub.warehouse.prices import ListPrice, list_prices

log = logging.getLogger(__name__)


class Reference(msgspec.Struct, frozen=True):
    """``today`` is the day of the validation (UTC); ``prices`` are list prices by item number and by GTIN. What is not
    known is not compared."""

    today: dt.date | None = None
    prices: Mapping[str, ListPrice] = {}


def reference(ctx: HubContext, company: str, documents: Iterable[Document]) -> Reference:
    """The reference for these documents of one company. A warehouse that is away takes the prices with it, not the
    validation: the rules about them are skipped, and the log says so."""
    orders = [document for document in documents if isinstance(document, PurchaseOrder)]
    codes, gtins = _named(orders)
    prices: dict[str, ListPrice] = {}
    try:
        with transaction(ctx.warehouse) as connection:
            prices = list_prices(connection, company, codes=codes, gtins=gtins)
    except (LedgerUnavailable, sqlalchemy.exc.SQLAlchemyError) as error:
        log.warning("prices are not compared with list prices, the warehouse is away: %s", error)
    return Reference(today=ctx.clock().date(), prices=prices)


def _named(orders: Sequence[PurchaseOrder]) -> tuple[set[str], set[str]]:
    codes: set[str] = set()
    gtins: set[str] = set()
    for order in orders:
        for line in order.lines:
            if line.price is None:
                continue
            if line.item.buyer_code:
                codes.add(line.item.buyer_code)
            if line.item.gtin:
                gtins.add(line.item.gtin)
    return codes, gtins
