"""Drivers behind one protocol: ``connect`` gives the session that a connection asks for.

Nothing is imported here, because a driver's process imports this package and needs little of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.sql.sessions.base import Session
    from orderhub.connector import Credentials


def connect(credentials: Credentials, connection: str, timeout: float) -> Session:
    """The session for a connection; its first use connects. Only the driver that is needed is imported.

    :raises ConnectorRefused: there is no driver for such an address.
    """
    from connectors.sql.sessions.address import address

    where = address(credentials, connection)
    if where.driver == "postgresql":
        from connectors.sql.sessions.postgres import PostgresSession

        return PostgresSession(where, credentials, timeout)
    if where.driver == "mysql":
        from connectors.sql.sessions.mysql import MySqlSession

        return MySqlSession(where, credentials, timeout)
    if where.driver == "oracle":
        from connectors.sql.sessions.oracle import OracleSession

        return OracleSession(where, credentials, timeout)
    from connectors.sql.sessions.odbc import OdbcSession

    return OdbcSession(where, credentials, timeout)
