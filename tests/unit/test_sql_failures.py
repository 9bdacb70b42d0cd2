"""What drivers say of a session that ended is a failure that passes, whatever state they give with it."""

from __future__ import annotations

import pytest

from connectors.sql.sessions.base import Saying
from orderhub.connector import Credentials
from orderhub.errors import ConnectorProtocolError, ConnectorUnavailable


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("57P01", "FATAL: terminating connection due to administrator command"),
        ("08S01", "SQLExecute unable due to the connection lost (35) (SQLExecute)"),
        # psqlODBC gives these as HY000, which is anything
        ("HY000", "The connection has been lost (35) (SQLExecDirectW)"),
        ("HY000", "internal SAVEPOINT failed (8) (SQLExecDirectW)"),
        ("HY000", "ISOLATION change request to the server error (217) (SQLDriverConnect)"),
    ],
)
def test_a_session_that_ended_is_tried_again(state: str, text: str) -> None:
    saying = Saying("db", Credentials(url="odbc://db"))
    with pytest.raises(ConnectorUnavailable):
        saying.raise_typed(RuntimeError(state, f"[{state}] {text}"), state=state)


def test_another_failure_of_a_driver_is_not() -> None:
    saying = Saying("db", Credentials(url="odbc://db"))
    with pytest.raises(ConnectorProtocolError):
        saying.raise_typed(RuntimeError("HY000", "[HY000] something else"), state="HY000")
