"""Oracle through oracledb in its thin mode: how to connect, and what errors of server and driver mean.

Written against the driver's documentation and its behaviour without a server: no Oracle server was ever asked.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import oracledb
import sqlalchemy.exc

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import tls_context

#: Deadlock, and a serialization failure: the same again, at once.
_AGAIN = ("ORA-00060", "ORA-08177")
#: A value that is too large, empty where it must not be, no number, cut, or there already.
_DATA = (
    "ORA-00001",
    "ORA-01400",
    "ORA-01401",
    "ORA-01438",
    "ORA-01722",
    "ORA-02290",
    "ORA-12899",
    "ORA-01461",
)
#: User, password, rights, a missing table or package (PLS-00201 comes as ORA-06550).
_REFUSED = (
    "ORA-00942",
    "ORA-01017",
    "ORA-01031",
    "ORA-01045",
    "ORA-06550",
    "ORA-28000",
    "ORA-28001",
    "ORA-12514",
    "DPY-6001",
)
_UNKNOWN_COLUMN = "ORA-00904"


def connect(credentials: Credentials, *, name: str, seconds: float) -> oracledb.Connection:
    """A new session. The service's name comes from ``extra`` (``service_name``, ``database``) or the address's path; TLS
    from the scheme ``oracles`` or its settings in ``extra``.

    :param name: of the connection, for errors.
    :param seconds: for the server's first answer.
    :raises ConnectorRefused: the connection names no Oracle service.
    :raises oracledb.Error: what the driver says.
    """
    url = urlsplit(credentials.url)
    service = credentials.extra.get("service_name") or credentials.extra.get("database") or url.path[1:]
    if url.scheme not in ("oracle", "oracles") or not url.hostname or not service:
        raise ConnectorRefused(
            f"The connection {name!r} does not name an Oracle service.",
            todo="Give it an address like oracle://host:1521 and the service's name as its schema.",
        )
    secured: dict[str, Any] = {}
    if url.scheme == "oracles" or {"ca_file", "client_certificate"} & set(credentials.extra):
        secured = {"protocol": "tcps", "ssl_context": tls_context(credentials)}
    return oracledb.connect(
        host=url.hostname,
        port=url.port or 1521,
        service_name=str(service),
        user=credentials.user,
        password=credentials.secret,
        tcp_connect_timeout=seconds,
        **secured,
    )


class OracleFailures:
    """Reads the codes of server and driver (``ORA-00942``, ``DPY-6005``).

    :param what: what the database is for the reader of an error (``The warehouse``).
    """

    errors: tuple[type[Exception], ...] = (oracledb.Error,)

    def __init__(self, what: str) -> None:
        self._what = what

    def again(self, error: BaseException) -> bool:
        return code(error) in _AGAIN

    def about_data(self, error: BaseException) -> bool:
        return code(error) in _DATA or isinstance(_origin(error), oracledb.DataError)

    def unknown_column(self, error: BaseException) -> bool:
        return code(error) == _UNKNOWN_COLUMN

    def lost(self, error: BaseException) -> bool:
        if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
            return True
        details = _details(error)
        return bool(details is not None and details.isrecoverable) or isinstance(error, OSError)

    def in_words(self, error: BaseException) -> str:
        lines = str(_origin(error)).strip().splitlines()
        return lines[0].rstrip(".") if lines else type(_origin(error)).__name__

    def typed(self, error: BaseException) -> ConnectorRefused | ConnectorUnavailable:
        if code(error) in _REFUSED:
            return ConnectorRefused(
                f"{self._what}'s database refused: {self.in_words(error)}.",
                todo="Check the service name, the user and its rights, and that the tables are there.",
            )
        return ConnectorUnavailable(
            f"{self._what} cannot be reached: {self.in_words(error)}.",
            todo="Check the database; the hub tries again.",
        )


def _origin(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _details(error: BaseException) -> Any:
    args = _origin(error).args
    return args[0] if args and hasattr(args[0], "full_code") else None


def code(error: BaseException) -> str:
    """The full code of an error; empty when it has none."""
    return str(getattr(_details(error), "full_code", ""))
