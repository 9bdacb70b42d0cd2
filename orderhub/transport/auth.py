"""How a connection signs in over HTTP: ``extra.auth`` names the way, the secret is the credentials' own.

========== =====================================================================================================
``none``     nothing (also with a client certificate, see ``tls``)
``basic``    user and secret; the default where both are there
``bearer``   the secret as a bearer token; the default where only a secret is there
``api_key``  the secret in the header ``api_key_header`` (default ``X-API-Key``), or in the query as ``api_key_query``;
             ``api_key_prefix`` stands before it in a header (``token <key>:<secret>`` of some ERPs: prefix ``token``, and
             ``api_key_user: true`` for user and secret with a colon)
``oauth2``   client credentials: user and secret at ``token_url``; ``scope``, ``audience``, ``client_auth`` (``basic``, the default,
             or ``post``); ``token_leeway`` seconds before its end a token counts as ended (default 30)
========== =====================================================================================================
"""

from __future__ import annotations

import base64
import threading
import time
import urllib.parse
from collections.abc import Callable, Generator, Mapping
from typing import Any

import httpx

from orderhub.connector import Credentials
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.transport.addresses import shown
from orderhub.transport.retry import Overloaded


def auth_of(credentials: Credentials, *, clock: Callable[[], float] = time.monotonic) -> httpx.Auth | None:
    """The way a connection signs in, for an ``httpx`` client.

    :raises ConnectorRefused: the connection lacks what its way of signing in needs.
    """
    extra = credentials.extra
    way = str(extra.get("auth") or _usual(credentials))
    match way:
        case "none":
            return None
        case "basic":
            return httpx.BasicAuth(_need(credentials, "user"), _need(credentials, "secret"))
        case "bearer":
            return HeaderAuth("Authorization", f"Bearer {_need(credentials, 'secret')}")
        case "api_key":
            return _api_key(credentials)
        case "oauth2":
            return ClientCredentials(credentials, clock=clock)
        case _:
            raise ConnectorRefused(
                f"The connection's way of signing in {way!r} is unknown.",
                todo="Write auth: none, basic, bearer, api_key or oauth2.",
            )


def token_url(credentials: Credentials) -> str | None:
    """The address of the token endpoint, where there is one; a path alone is one of the connection's own host."""
    url = credentials.extra.get("token_url")
    return urllib.parse.urljoin(credentials.url, str(url)) if url else None


class HeaderAuth(httpx.Auth):
    """A header with a secret.

    :raises ConnectorRefused: no header can hold the value.
    """

    def __init__(self, header: str, value: str) -> None:
        # found out by the driver it would be told with the secret itself
        if value != value.strip() or any(ord(character) < 32 for character in value):
            raise ConnectorRefused(
                f"The secret of the connection cannot stand in the header {header}: it has a line end, a blank at its end "
                "or another character that cannot be seen.",
                todo="Write it into the connection again, without what was copied along.",
            )
        self._header = header
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._value
        yield request


class QueryAuth(httpx.Auth):
    """A parameter of the query with a secret."""

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.url = request.url.copy_set_param(self._name, self._value)
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2 client credentials (RFC 6749 section 4.4). A token is fetched when there is none or it is about to end, and once
    more when the server answers 401 to one that should be good; then the request is sent once more, which is safe: 401 says
    that it was not executed."""

    def __init__(self, credentials: Credentials, *, clock: Callable[[], float] = time.monotonic) -> None:
        url = token_url(credentials)
        if url is None:
            raise ConnectorRefused(
                "The connection has no token_url.", todo="Add the address of the token endpoint."
            )
        self._url = url
        self._user = _need(credentials, "user")
        self._secret = _need(credentials, "secret")
        self._extra = credentials.extra
        self._leeway = float(credentials.extra.get("token_leeway") or 30)
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._ends = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._good()
        if token is None:
            token = self._take((yield self._ask()))
        request.headers["Authorization"] = f"Bearer {token}"
        answer = yield request
        if answer.status_code == 401:
            newer = self._good()
            if newer is None or newer == token:
                newer = self._take((yield self._ask()))
            request.headers["Authorization"] = f"Bearer {newer}"
            yield request

    def _good(self) -> str | None:
        with self._lock:
            return self._token if self._clock() < self._ends else None

    def _ask(self) -> httpx.Request:
        form = {"grant_type": "client_credentials"}
        form |= {name: str(self._extra[name]) for name in ("scope", "audience") if self._extra.get(name)}
        headers = {"Accept": "application/json"}
        if self._extra.get("client_auth") == "post":
            form |= {"client_id": self._user, "client_secret": self._secret}
        else:
            # RFC 6749 section 2.3.1: both are form-encoded first
            pair = ":".join(urllib.parse.quote_plus(text) for text in (self._user, self._secret))
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return httpx.Request("POST", self._url, data=form, headers=headers, extensions={"sign_in": True})

    def _take(self, answer: httpx.Response) -> str:
        place = shown(self._url)
        answer.read()
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Overloaded(
                f"The token endpoint {place} answered {answer.status_code}.", todo="The hub tries again."
            )
        content: Any
        try:
            content = answer.json()
        except ValueError:
            content = None
        if answer.status_code >= 400:
            said = content.get("error") if isinstance(content, Mapping) else None
            raise ConnectorRefused(
                f"The token endpoint {place} refused the client with {answer.status_code}{f' ({said})' if said else ''}.",
                todo="Check client id, secret and scope of the connection.",
            )
        if not isinstance(content, Mapping) or not isinstance(content.get("access_token"), str):
            raise ConnectorProtocolError(
                f"The token endpoint {place} answered {answer.status_code} without an access token.",
                todo="Check token_url of the connection.",
            )
        if str(content.get("token_type", "bearer")).lower() != "bearer":
            raise ConnectorProtocolError(
                f"The token endpoint {place} gives tokens of the type {content['token_type']!r}.",
                todo="Only bearer tokens are supported.",
            )
        with self._lock:
            self._token = str(content["access_token"])
            self._ends = self._clock() + max(_seconds(content.get("expires_in")) - self._leeway, 0.0)
        return self._token


def _seconds(value: object) -> float:
    """A token's life; where the endpoint does not say (it should), until the server refuses it."""
    try:
        return float(str(value)) if value is not None else 86400.0
    except ValueError:
        return 0.0


def _api_key(credentials: Credentials) -> httpx.Auth:
    extra = credentials.extra
    secret = _need(credentials, "secret")
    if extra.get("api_key_query"):
        return QueryAuth(str(extra["api_key_query"]), secret)
    if str(extra.get("api_key_user") or "").lower() in ("true", "1", "yes", "on"):
        secret = f"{_need(credentials, 'user')}:{secret}"
    prefix = f"{extra['api_key_prefix']} " if extra.get("api_key_prefix") else ""
    return HeaderAuth(str(extra.get("api_key_header") or "X-API-Key"), prefix + secret)


def _usual(credentials: Credentials) -> str:
    if credentials.extra.get("token_url"):
        return "oauth2"
    if credentials.user and credentials.secret is not None:
        return "basic"
    return "bearer" if credentials.secret else "none"


def _need(credentials: Credentials, name: str) -> str:
    value = getattr(credentials, name)
    if not value:
        raise ConnectorRefused(f"The connection has no {name}.", todo=f"Add the {name} to the connection.")
    return str(value)
