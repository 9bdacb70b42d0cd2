"""What a connector's tests are made of: ports, a sample order, and a watch over input and output."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from orderhub.connector import Credentials, LoadItem
from orderhub.documents import Line, Party, PurchaseOrder
from orderhub.documents.order import LineItem
from orderhub.errors import ConnectorRefused


class PortsForTests:
    """Ports with what a test hands in; everything else is refused as the hub would."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, Credentials] | None = None,
        resources: Mapping[str, Any] | None = None,
        complete: Callable[[bytes], bool] = bool,
    ) -> None:
        self._credentials = dict(credentials or {})
        self._resources = dict(resources or {})
        self._complete = complete

    def credentials(self, connection: str) -> Credentials:
        try:
            return self._credentials[connection]
        except KeyError:
            raise ConnectorRefused(
                f"There is no connection {connection!r}.", todo="Hand it to PortsForTests."
            ) from None

    def complete(self, data: bytes, *, name: str) -> bool:
        return self._complete(data)

    def resource(self, kind: str) -> Any:
        try:
            return self._resources[kind]
        except KeyError:
            raise ConnectorRefused(
                f"There is no resource {kind!r}.", todo="Hand it to PortsForTests."
            ) from None


@dataclass
class Failure:
    """What a test's arranged failure came to."""

    happened: bool = False


class ClosedPorts:
    """Ports that nobody may use: a constructor that does is not a constructor without I/O."""

    def credentials(self, connection: str) -> NoReturn:
        raise AssertionError(f"the constructor asked for the connection {connection!r}")

    def complete(self, data: bytes, *, name: str) -> NoReturn:
        raise AssertionError("the constructor asked whether data is complete")

    def resource(self, kind: str) -> NoReturn:
        raise AssertionError(f"the constructor asked for the resource {kind!r}")


def sample_order(number: str, *, lines: int = 2, quantity: Decimal = Decimal(10)) -> PurchaseOrder:
    """An order for items of the sample master data (samples/master_data.yaml), at most four lines."""
    items = (
        ("4019999011016", "0.12"),
        ("4019999011023", "0.215"),
        ("4019999011030", "0.035"),
        ("4019999011047", "0.018"),
    )
    return PurchaseOrder(
        number=number,
        issued_on=dt.date(2026, 11, 2),
        currency="EUR",
        buyer=Party(gln="4299999001006", name="ACME Retail GmbH"),
        supplier=Party(gln="4019999010002", name="Nordwerk Schrauben GmbH"),
        requested_delivery_on=dt.date(2026, 12, 1),
        lines=[
            Line(
                number=index + 1,
                item=LineItem(gtin=gtin),
                quantity=quantity + index,
                unit="C62",
                price=Decimal(price),
            )
            for index, (gtin, price) in enumerate(items[:lines])
        ],
    )


def load_item(
    order: PurchaseOrder, *, key: str | None = None, source: int = 1, company: str = "sample"
) -> LoadItem:
    """An order as the hub would hand it to ``load``; the key names the order unless one is given."""
    return LoadItem(
        key=key or f"{company}/{order.number}/{order.revision}",
        identity=f"{company}/purchase_order/{order.number}",
        document=order,
        company=company,
        source=source,
        load=1,
    )


_watched = threading.local()
_IO_EVENTS = frozenset(
    (
        "open",
        "os.listdir",
        "os.scandir",
        "os.mkdir",
        "os.rename",
        "os.remove",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.bind",
        "sqlite3.connect",
        "subprocess.Popen",
    )
)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    seen = getattr(_watched, "seen", None)
    if seen is not None and event in _IO_EVENTS:
        seen.append(f"{event}{args[:1]!r}")


@contextlib.contextmanager
def watching_io() -> Iterator[list[str]]:
    """What this thread opens, connects or starts meanwhile (an audit hook cannot be removed, only told to rest)."""
    if not getattr(_watch, "installed", False):
        sys.addaudithook(_watch)
        _watch.installed = True  # type: ignore[attr-defined]  # a mark on the function, once per process
    _watched.seen = []
    try:
        yield _watched.seen
    finally:
        _watched.seen = None
