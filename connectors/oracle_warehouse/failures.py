"""What Oracle's errors mean for a load."""

from __future__ import annotations

from typing import Any

import oracledb
import sqlalchemy.exc

from orderhub.errors import ConnectorRefused, ConnectorUnavailable

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
#: User, password, rights, a missing table.
_REFUSED = (
    "ORA-00942",
    "ORA-01017",
    "ORA-01031",
    "ORA-01045",
    "ORA-28000",
    "ORA-28001",
    "ORA-12514",
    "DPY-6001",
)


class OracleFailures:
    """Reads the codes of server and driver (``ORA-00942``, ``DPY-6005``)."""

    errors: tuple[type[Exception], ...] = (oracledb.Error,)

    def again(self, error: BaseException) -> bool:
        return code(error) in _AGAIN

    def about_data(self, error: BaseException) -> bool:
        return code(error) in _DATA or isinstance(_origin(error), oracledb.DataError)

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
                f"The warehouse's database refused: {self.in_words(error)}.",
                todo="Check the service name, the user and its rights, and that the tables are there.",
            )
        return ConnectorUnavailable(
            f"The warehouse cannot be reached: {self.in_words(error)}.",
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
