"""A small client for Tryton's JSON-RPC: a session, calls on models and wizards, typed errors.

The protocol: POST ``{"id", "method", "params"}`` to ``/<database>/rpc/``; the last parameter of a model's method is
the context; Decimals and dates are objects with ``__class__`` (trytond/protocols/jsonrpc.py).
"""

from __future__ import annotations

import base64
import datetime
import itertools
from decimal import Decimal
from types import TracebackType
from typing import Any

import httpx

from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable


class ErpRefusal(ConnectorRefused):
    """Tryton answered with an error of its own: ``kind`` is UserError, UserWarning, AccessError …"""

    code = "ERP_REFUSED"

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(
            f"The ERP refused: {message} ({kind}).", todo="Correct what it names, then try again."
        )


def _encode(value: Any) -> Any:
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case datetime.date() if not isinstance(value, datetime.datetime):
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case dict():
            return {key: _encode(item) for key, item in value.items()}
        case list() | tuple():
            return [_encode(item) for item in value]
        case _:
            return value


def _decode(value: Any) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": digits}:
            return Decimal(digits)
        case {"__class__": "date", "year": year, "month": month, "day": day}:
            return datetime.date(year, month, day)
        case dict():
            return {key: _decode(item) for key, item in value.items()}
        case list():
            return [_decode(item) for item in value]
        case _:
            return value


class Session:
    """A signed-in session with one database. Use as a context manager, which signs out at the end."""

    def __init__(
        self, url: str, database: str, user: str, password: str, *, timeout_seconds: float = 120
    ) -> None:
        self._path = f"/{database}/rpc/"
        self._http = httpx.Client(base_url=url, timeout=timeout_seconds, trust_env=False)
        self._numbers = itertools.count(1)
        self.context: dict[str, Any] = {}
        user_id, token, *_ = self._request(
            "common.db.login", [user, {"password": password}, "en"], refused=f"the sign-in of {user}"
        )
        text = f"{user}:{user_id}:{token}".encode()
        self._http.headers["Authorization"] = f"Session {base64.b64encode(text).decode()}"
        self.user_id: int = user_id
        self.reload_context()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._request("common.db.logout", [], refused="the sign-out")
        except ConnectorError:
            # the session times out by itself; an error of the work itself must not be covered by this one
            if error is None:
                raise
        finally:
            self._http.close()

    def reload_context(self) -> None:
        """Take the user's preferences (company, language …) as the context of all further calls."""
        self.context = {}
        self.context = self.call("model.res.user.get_preferences", True)

    def _request(self, method: str, params: list[Any], *, refused: str) -> Any:
        body = {"id": next(self._numbers), "method": method, "params": _encode(params)}
        try:
            answer = self._http.post(self._path, json=body)
        except httpx.TransportError as error:
            raise ConnectorUnavailable(
                f"The ERP at {self._http.base_url} does not answer ({type(error).__name__}).",
                todo="Check that it runs; the hub tries again.",
            ) from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise ConnectorRefused(f"The ERP refused {refused}.", todo="Check user and password.")
        if answer.status_code >= 500 or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise ConnectorUnavailable(
                f"The ERP answered {answer.status_code} to {method}.",
                todo="Read its log; the hub tries again.",
            )
        try:
            result = answer.json()
        except ValueError as error:
            raise ConnectorProtocolError(
                f"The ERP answered {answer.status_code} without JSON to {method}.",
                todo="Check the ERP's address.",
            ) from error
        if isinstance(result, dict) and "error" in result:
            kind, message, *_ = result["error"]
            raise ErpRefusal(str(kind), _text(message))
        if answer.status_code != httpx.codes.OK or not isinstance(result, dict) or "result" not in result:
            raise ConnectorProtocolError(
                f"The ERP's answer {answer.status_code} to {method} is none of its protocol.",
                todo="Check that the address is a Tryton 8.2 server's.",
            )
        return _decode(result["result"])

    def call(self, method: str, *params: Any) -> Any:
        """Call ``model.<name>.<method>`` or ``wizard.<name>.<method>``; the context is added.

        :raises ErpRefusal: the ERP's own error. :raises ConnectorUnavailable: it cannot be reached.
        """
        return self._request(method, [*params, self.context], refused=method)

    def find(self, model: str, domain: list[Any], *, limit: int | None = None) -> list[int]:
        """The ids that match a domain."""
        return list(self.call(f"model.{model}.search", domain, 0, limit, None))

    def read(self, model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
        """Search and read in one call."""
        return list(self.call(f"model.{model}.search_read", domain, 0, None, None, fields))

    def create(self, model: str, values: list[dict[str, Any]]) -> list[int]:
        """Create records; ids in the order of ``values``."""
        return list(self.call(f"model.{model}.create", values)) if values else []

    def write(self, model: str, ids: list[int], values: dict[str, Any]) -> None:
        """Write the same values to records."""
        self.call(f"model.{model}.write", ids, values)


def _text(message: Any) -> str:
    while isinstance(message, list | tuple) and message:
        message = message[0]
    return str(message)
