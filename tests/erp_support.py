"""A way to Tryton past the connector, to ask what is really there, and a line to it that can be cut.

The fixtures are for who imports them.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from servers.line import Line

from orderhub.connector import Connector, Credentials
from orderhub.connector_registry import registry
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session
from orderhub.testing import PortsForTests

ORDERED = ["confirmed", "processing", "done"]
_numbers = itertools.count(1)


def ports_of(endpoints: Endpoints, url: str | None = None) -> PortsForTests:
    """Ports with the ERP as the connection ``erp``."""
    return PortsForTests(
        credentials={
            "erp": Credentials(
                url=url or endpoints.erp_url,
                user=endpoints.erp_user,
                secret=endpoints.erp_password,
                extra={"database": endpoints.erp_database},
            )
        }
    )


@contextmanager
def connectors(endpoints: Endpoints) -> Iterator[Callable[..., Connector[Any]]]:
    """Makes connectors to the ERP, with settings of the test's own and perhaps over a line (``url``); closes them."""
    made: list[Connector[Any]] = []

    def make(url: str | None = None, **settings: Any) -> Connector[Any]:
        ports = ports_of(endpoints, url)
        made.append(registry().create("tryton", {"connection": "erp", **settings}, ports))
        return made[-1]

    yield make
    for connector in made:
        connector.close()


def session(endpoints: Endpoints) -> Session:
    """A session of its own, for asking and for doing what people do."""
    return Session(endpoints.erp_url, endpoints.erp_database, endpoints.erp_user, endpoints.erp_password)


def purchases(erp: Session, number: str) -> list[dict[str, Any]]:
    """All purchases with this order number, oldest first."""
    fields = ["number", "state", "reference", "description", "comment", "party", "currency", "lines"]
    rows = erp.read("purchase.purchase", [["reference", "=", number]], fields)
    return sorted(rows, key=lambda row: row["id"])


def confirmed(erp: Session, keys: Sequence[str]) -> dict[str, int]:
    """How many confirmed purchases carry each key."""
    rows = erp.read("purchase.purchase", [["state", "in", ORDERED]], ["comment"])
    found = Counter((row["comment"] or "").rpartition("Orderhub key: ")[2] for row in rows)
    return {key: found[key] for key in keys if found[key]}


def line_to(endpoints: Endpoints) -> Line:
    """A line to the ERP that is cut at requests about purchases, or that create something."""
    return Line(
        endpoints.erp_url,
        lambda request: b'"model.purchase.purchase.' in request or b'.create"' in request,
    )


@pytest.fixture(scope="module")
def people(erp: Endpoints) -> Iterator[Session]:
    """What people do in Tryton, and how a test asks what is there."""
    with session(erp) as opened:
        yield opened


@pytest.fixture
def make(erp: Endpoints) -> Iterator[Callable[..., Connector[Any]]]:
    """``make(url, **settings)``: see ``connectors``."""
    with connectors(erp) as build:
        yield build


@pytest.fixture
def mark() -> str:
    """What tells this test's codes and records from all others'."""
    return f"{os.getpid()}x{next(_numbers)}"
