"""What MySQL's and MariaDB's errors mean for a load."""

from __future__ import annotations

import pymysql
import sqlalchemy.exc

from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import untrusted

#: Deadlock, time-out of a lock: the same again, at once.
_AGAIN = (1205, 1213)
#: Rights, a missing database or table, LOCAL that is switched off.
_REFUSED = (1044, 1045, 1049, 1142, 1143, 1146, 1148, 1227, 1698, 3948, 4166)
#: From here on numbers are the client's: connections that are lost.
_CLIENT = 2000
_UNKNOWN_COLUMN = 1054


class MariaDbFailures:
    """Reads the numbers of server and driver."""

    errors: tuple[type[Exception], ...] = (pymysql.err.Error,)

    def again(self, error: BaseException) -> bool:
        return _number(error) in _AGAIN

    def about_data(self, error: BaseException) -> bool:
        return isinstance(_origin(error), pymysql.err.DataError | pymysql.err.IntegrityError)

    def unknown_column(self, error: BaseException) -> bool:
        return _number(error) == _UNKNOWN_COLUMN

    def lost(self, error: BaseException) -> bool:
        if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
            return True
        return _number(error) >= _CLIENT or _number(error) in (1053, 1927) or isinstance(error, OSError)

    def in_words(self, error: BaseException) -> str:
        origin = _origin(error)
        said = str(origin.args[-1] if origin.args else "").strip().splitlines()
        return said[0].rstrip(".") if said and said[0] else type(origin).__name__

    def typed(self, error: BaseException) -> ConnectorRefused | ConnectorUnavailable:
        if (refusal := untrusted(_origin(error), "The warehouse's database")) is not None:
            return refusal
        if _number(error) in _REFUSED:
            return ConnectorRefused(
                f"The warehouse's database refused: {self.in_words(error)}.",
                todo="Check the database, the user's rights (CREATE, SELECT, INSERT, UPDATE) and local_infile.",
            )
        return ConnectorUnavailable(
            f"The warehouse cannot be reached: {self.in_words(error)}.",
            todo="Check the database; the hub tries again.",
        )


def _origin(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _number(error: BaseException) -> int:
    """The number of an error; 0 when it has none."""
    args = _origin(error).args
    return args[0] if args and isinstance(args[0], int) else 0
