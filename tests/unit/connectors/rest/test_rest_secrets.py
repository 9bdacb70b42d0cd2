"""What a server says of an error reaches people without the connection's secret."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from servers.rest import RestServer

from connectors.rest.connector import RestConnector
from orderhub.connector import OutcomeState
from orderhub.errors import ConnectorError
from orderhub.testing import load_item, sample_order

SECRET = "s3cr3t-of-the-api"
BODY = json.dumps({"error": {"message": f"{SECRET} may not do this"}})


def test_an_error_with_a_good_status_is_told_without_the_secret_that_it_repeats(
    server: RestServer, make: Callable[..., RestConnector]
) -> None:
    """Servers of JSON-RPC have the secret in the body of every request, and some give the request back."""
    connector = make(
        secret=SECRET,
        source={"path": "/records", "error": "error"},
        target={
            "path": "/orders",
            "mapping": "m",
            "error": "error",
            "idempotency_header": "K",
            "repeatable": True,
        },
    )
    server.fault("POST", "/orders", status=200, body=BODY)
    [outcome] = connector.load([load_item(sample_order("R-1"))])
    assert (outcome.state, outcome.reason) == (OutcomeState.REJECTED, "*** may not do this")
    server.fault("GET", "/records", status=200, body=BODY)
    with pytest.raises(ConnectorError) as caught:
        list(connector.pull("records", None))
    assert SECRET not in str(caught.value)
