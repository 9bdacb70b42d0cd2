"""Tryton's JSON-RPC: a session, calls, and errors that say what is known about the effect.

POST ``{"id", "method", "params"}`` to ``/<database>/rpc/``. The last parameter of a model's method is the context.
Decimals, dates, times and lengths of time travel as objects with ``__class__`` (trytond/protocols/jsonrpc.py). A request
is one transaction: an answer with an error means that nothing of it was kept.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import itertools
import json
import urllib.parse
from decimal import Decimal
from typing import Any

import httpx

from orderhub.connector import Credentials
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
)

#: Never sent, or refused before it was executed.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_DATETIME = ("year", "month", "day", "hour", "minute", "second", "microsecond")


class TrytonRefusal(ConnectorRefused):
    """Tryton's own error about the content of a request (UserError, UserWarning, AccessError); nothing was kept."""

    code = "TRYTON_REFUSED"

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(
            f"Tryton refused: {message}", todo="Correct what it names in Tryton or in the order."
        )


class TrytonFault(ConnectorError):
    """Something failed inside the server; the transaction was rolled back."""

    code = "TRYTON_FAULT"

    def __init__(self, message: str) -> None:
        self.message = message
        super().__init__(f"The Tryton server failed: {message}.", todo="Read the log of the Tryton server.")


def _default(value: object) -> object:
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": format(value, "f")}
        case dt.datetime():
            return {"__class__": "datetime", **{part: getattr(value, part) for part in _DATETIME}}
        case dt.date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case _:
            raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")


def _object(value: dict[str, Any]) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": digits}:
            return Decimal(digits)
        case {"__class__": "date", "year": year, "month": month, "day": day}:
            return dt.date(year, month, day)
        case {"__class__": "datetime"}:
            return dt.datetime(*(value[part] for part in _DATETIME))
        case {"__class__": "timedelta", "seconds": seconds}:
            return dt.timedelta(seconds=seconds)
        case _:
            return value


def encode(value: object) -> bytes:
    """A value as Tryton's JSON."""
    return json.dumps(value, default=_default, separators=(",", ":")).encode()


def decode(text: bytes) -> Any:
    """A value from Tryton's JSON; ``ValueError`` when it is none."""
    return json.loads(text, object_hook=_object)


class TrytonClient:
    """One session with one database, signed in at the first call and again when the session has run out."""

    def __init__(self, credentials: Credentials, *, connect_seconds: float, timeout_seconds: float) -> None:
        address = urllib.parse.urlsplit(credentials.url)
        database = credentials.extra.get("database") or address.path.strip("/")
        if not database or address.scheme not in ("http", "https") or not address.netloc:
            raise ConnectorRefused(
                f"The Tryton connection's address {credentials.url!r} is incomplete.",
                todo="Write http(s)://host:port, and the database as its path or as `database`.",
            )
        if not credentials.user or credentials.secret is None:
            raise ConnectorRefused(
                "The Tryton connection has no user or no password.", todo="Add both to the connection."
            )
        self.address = f"{address.scheme}://{address.netloc}/{urllib.parse.quote(database, safe='')}/rpc/"
        self.user = credentials.user
        self._secret = credentials.secret
        self._numbers = itertools.count(1)
        self._session: str | None = None
        # a kept connection that the server may have closed meanwhile would make a request unclear for nothing
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_seconds, connect=connect_seconds),
            limits=httpx.Limits(max_connections=2, keepalive_expiry=2),
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        """Sign out and close the connections; the session would end by itself, so a failure there is none."""
        if self._session is not None:
            # the session runs out by itself when this does not reach the server
            with contextlib.suppress(ConnectorError, _SessionEnded):
                self._request("common.db.logout", [], effect=False)
            self._session = None
        self._http.close()

    def call(self, method: str, *params: Any, effect: bool) -> Any:
        """Call ``model.<name>.<method>`` with its parameters, the context last.

        :param effect: whether the method writes; then a lost answer is ``OutcomeUnclear``, else unavailable.
        :raises ConnectorUnavailable: not executed. :raises OutcomeUnclear: perhaps executed.
        :raises TrytonRefusal: refused by Tryton, nothing kept. :raises TrytonFault: failed inside, nothing kept.
        :raises ConnectorRefused: sign-in or rights. :raises ConnectorProtocolError: this is no Tryton.
        """
        if self._session is None:
            self._sign_in()
        try:
            return self._request(method, list(params), effect=effect)
        except _SessionEnded:
            self._sign_in()
        try:
            return self._request(method, list(params), effect=effect)
        except _SessionEnded as error:
            raise ConnectorRefused(
                f"Tryton does not accept the session of {self.user!r}.", todo="Check the user's rights."
            ) from error

    def _sign_in(self) -> None:
        self._session = None
        try:
            answer = self._request(
                "common.db.login", [self.user, {"password": self._secret}, "en"], effect=False
            )
        except _SessionEnded as error:
            raise ConnectorRefused(
                f"Tryton refused the sign-in of {self.user!r}.",
                todo="Check user and password of the connection.",
            ) from error
        if not isinstance(answer, list) or len(answer) < 2:
            raise ConnectorProtocolError(
                "Tryton's answer to the sign-in is none of its protocol.",
                todo="Check the server's version (8.2).",
            )
        token = f"{self.user}:{answer[0]}:{answer[1]}".encode()
        self._session = f"Session {base64.b64encode(token).decode()}"

    def _request(self, method: str, params: list[Any], *, effect: bool) -> Any:
        body = encode({"id": next(self._numbers), "method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        if self._session is not None:
            headers["Authorization"] = self._session
        try:
            answer = self._http.post(self.address, content=body, headers=headers)
        except _NOT_SENT as error:
            raise self._unavailable(f"cannot be reached ({type(error).__name__})") from error
        except httpx.HTTPError as error:
            raise self._lost(method, type(error).__name__, effect=effect) from error
        return self._result(method, answer, effect=effect)

    def _result(self, method: str, answer: httpx.Response, *, effect: bool) -> Any:
        status = answer.status_code
        if status == 401:
            raise _SessionEnded
        if status == 403:
            raise ConnectorRefused(
                f"Tryton does not allow {self.user!r} to call {method}.", todo="Check the user's rights."
            )
        if status == 404:
            raise ConnectorRefused(
                f"There is no Tryton database at {self.address}.", todo="Check address and database."
            )
        if status == 413:
            raise ConnectorRefused(
                f"Tryton takes no request of this size for {method}.", todo="Lower `batch_size`."
            )
        if status == 429:
            raise self._unavailable("has had too many sign-ins")
        if status >= 500:
            # a proxy's answer as well, which does not know what the server behind it did
            raise self._lost(method, f"status {status}", effect=effect)
        try:
            content = decode(answer.content)
        except ValueError as error:
            raise ConnectorProtocolError(
                f"{self.address} answered {method} with status {status} and no JSON.",
                todo="Check the address.",
            ) from error
        if not isinstance(content, dict) or not ("result" in content or "error" in content):
            raise ConnectorProtocolError(
                f"{self.address} answered {method} with status {status} and something that is none of Tryton's protocol.",
                todo="Check the address and the server's version (8.2).",
            )
        if content.get("error") is not None:
            raise _error_of(content["error"])
        return content.get("result")

    def _unavailable(self, why: str) -> ConnectorUnavailable:
        return ConnectorUnavailable(
            f"Tryton at {self.address} {why}.", todo="Check that it runs; the hub tries again."
        )

    def _lost(self, method: str, why: str, *, effect: bool) -> ConnectorError:
        if not effect:
            return self._unavailable(f"did not answer {method} ({why})")
        return OutcomeUnclear(
            f"{method} was sent to {self.address} and no answer came ({why}).",
            todo="The hub looks up what Tryton has before it goes on.",
        )


class _SessionEnded(Exception):
    """The server refused the session before it looked at the request."""


def _error_of(error: object) -> ConnectorError:
    """The typed form of what stands under ``error``: a kind and its arguments, or a text and a traceback."""
    if not isinstance(error, list) or not error:
        return TrytonFault(str(error)[:200])
    kind, *rest = error
    arguments = rest[0] if rest else None
    texts = [str(text) for text in arguments if text] if isinstance(arguments, list) else [str(arguments)]
    if kind == "UserError":
        return TrytonRefusal(" ".join(texts[:2]))
    if kind == "UserWarning":
        return TrytonRefusal(" ".join(texts[1:3]) + " (a warning that nobody can answer here)")
    if kind == "ConcurrencyException":
        return TrytonFault("somebody else changed the record at the same time")
    if kind == "LoginException":
        return ConnectorRefused(
            "Tryton asks for another way of signing in.", todo="Give the hub a user with a password."
        )
    return TrytonFault(str(kind).strip().splitlines()[0][:200] if str(kind).strip() else "no reason given")
