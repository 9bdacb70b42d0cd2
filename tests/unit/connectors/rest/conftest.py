"""The REST connector on a server of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from servers.rest import RestServer, rest_server

from connectors.rest.connector import RestConnector
from connectors.rest.settings import RestSettings
from orderhub.connector import Credentials
from orderhub.testing import PortsForTests


@pytest.fixture(scope="session")
def rest_process() -> Iterator[RestServer]:
    with rest_server() as server:
        yield server


@pytest.fixture
def server(rest_process: RestServer) -> RestServer:
    rest_process.reset()
    return rest_process


Make = Callable[..., RestConnector]


@pytest.fixture
def make(server: RestServer) -> Iterator[Make]:
    """``make(source={…}, target={…}, extra={…})``: quick to give up, with a mapping that writes the number and the supplier."""
    made: list[RestConnector] = []

    def write(mapping: str, document: Any, given: Any = None) -> Any:
        tree = {"number": document.number, "supplier": document.supplier.name}
        return SimpleNamespace(tree=tree, data=b"{}", media_type="application/json")

    def build(
        *,
        user: str | None = None,
        secret: str | None = None,
        extra: Any = None,
        url: str | None = None,
        **settings: Any,
    ) -> RestConnector:
        http = {
            "retry": {"attempts": 3, "first_seconds": 0, "most_seconds": 3},
            "breaker": {"failures": 1000},
            "timeout_seconds": 30,
            **settings.pop("http", {}),
        }
        credentials = Credentials(url=url or server.url, user=user, secret=secret, extra=extra or {})
        ports = PortsForTests(
            credentials={"api": credentials}, resources={"write": write, **settings.pop("resources", {})}
        )
        made.append(RestConnector(RestSettings(connection="api", http=http, **settings), ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()
