"""The connection to Redis or Valkey, and what its errors mean."""

from __future__ import annotations

import contextlib
import ssl
import urllib.parse
from collections.abc import Iterator
from typing import Any

import redis
from redis import exceptions as driver
from redis.backoff import NoBackoff
from redis.retry import Retry

from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import tls_context, untrusted

_SECONDS_TO_CONNECT = 5.0
#: Answers that say "not now": loading its data, a replica after a failover, no memory, no disk for its log.
_NOT_NOW = (
    "LOADING",
    "READONLY",
    "OOM",
    "MISCONF",
    "MASTERDOWN",
    "TRYAGAIN",
    "BUSY",
    "NOREPLICAS",
    "CLUSTERDOWN",
)
_REFUSED = ("WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "NOGROUP", "BUSYGROUP")


def open_client(credentials: Credentials, timeout: float) -> redis.Redis:
    """A client that connects at its first command, and never tries a command again by itself.

    :raises ConnectorRefused: the address is none of Redis or would change how certificates are verified, or a TLS file cannot
        be used.
    """
    tls = _tls(credentials) if credentials.url.startswith("rediss://") else {}
    try:
        return redis.Redis.from_url(
            credentials.url,
            username=credentials.user or None,
            password=credentials.secret or None,
            socket_connect_timeout=_SECONDS_TO_CONNECT,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            **tls,
        )
    except ValueError as error:
        raise ConnectorRefused(
            "The connection's address is none of Redis.",
            todo="Write redis://host:port/0, or rediss:// for TLS.",
        ) from error


def _tls(credentials: Credentials) -> dict[str, Any]:
    """The driver's own names for what ``tls_context`` has looked at; the driver makes a context for each connection."""
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(credentials.url).query)
    if changed := sorted(name for name in asked if name.startswith("ssl")):
        raise ConnectorRefused(
            f"The connection's address sets {', '.join(changed)}.",
            todo="Certificates and names are always verified; put ca_file, client_certificate and client_key into its extra.",
        )
    tls_context(credentials)
    extra = credentials.extra
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": ssl.TLSVersion.TLSv1_2,
        "ssl_ca_certs": extra.get("ca_file"),
        "ssl_certfile": extra.get("client_certificate"),
        "ssl_keyfile": extra.get("client_key"),
        "ssl_password": extra.get("client_key_password"),
    }


@contextlib.contextmanager
def typed(place: str) -> Iterator[None]:
    """Errors of the driver as errors of the hub.

    :param place: what was asked, for people: the stream and the connection's name.
    """
    try:
        yield
    except driver.RedisError as error:
        raise as_hub_error(error, place) from error


def as_hub_error(error: driver.RedisError, place: str) -> ConnectorError:
    """``ConnectorUnavailable`` when it may pass, ``ConnectorRefused`` when somebody must change something."""
    if (refusal := untrusted(error, place)) is not None:
        return refusal
    said = str(error) or type(error).__name__
    if isinstance(error, (driver.AuthenticationError, driver.AuthorizationError, driver.NoPermissionError)):
        return ConnectorRefused(
            f"{place}: the server refuses this user: {said}.",
            todo="Check the connection's user, password and rights.",
        )
    if isinstance(error, (driver.ConnectionError, driver.TimeoutError)):
        return ConnectorUnavailable(
            f"{place}: the server does not answer: {said}.", todo="Check that it runs and can be reached."
        )
    word = said.split(" ", 1)[0].upper()
    if isinstance(error, (driver.ReadOnlyError, driver.OutOfMemoryError)) or word.startswith(_NOT_NOW):
        return ConnectorUnavailable(
            f"{place}: not now: {said}.", todo="Look at the server; it is tried again."
        )
    if word.startswith(_REFUSED):
        return ConnectorRefused(
            f"{place}: the server refuses: {said}.", todo="Check the stream and the user's rights."
        )
    return ConnectorProtocolError(
        f"{place}: an answer that was not expected: {said}.",
        todo="The hub needs Redis 7 or Valkey 7.2 and newer.",
    )
