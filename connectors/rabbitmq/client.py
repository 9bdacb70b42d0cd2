"""The connection to RabbitMQ, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import socket
import urllib.parse
from collections.abc import Callable, Iterator

import pika
from pika import exceptions as driver
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException

from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.tls import tls_context, untrusted

# it logs a lost connection as half a dozen errors with their tracebacks; the hub says it once
logging.getLogger("pika").setLevel(logging.CRITICAL)

_PORTS = {"amqp": 5672, "amqps": 5671}
_REFUSED = (driver.ProbableAuthenticationError, driver.ProbableAccessDeniedError, driver.AuthenticationError)
#: Reply codes of AMQP 0-9-1: what somebody must change, and what passes (a broker that shuts down, a resource that is used up).
_REFUSED_CODES = frozenset({402, 403, 404, 405, 406, 530})
_PASSING_CODES = frozenset({311, 320, 506, 541})
#: Seconds without a sign of life before either side gives the connection up.
_HEARTBEAT = 60


def parameters(credentials: Credentials, timeout: float) -> pika.ConnectionParameters:
    """:raises ConnectorRefused: the connection's address is none of AMQP, or its TLS settings cannot be used."""
    try:
        parts = urllib.parse.urlsplit(credentials.url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urllib.parse.urlsplit(""), None, None
    if parts.scheme not in _PORTS or not host:
        raise ConnectorRefused(
            "The connection's address is none of RabbitMQ.",
            todo="Write amqp://host:port/vhost, or amqps:// for TLS.",
        )
    named = credentials.extra.get("virtual_host") or credentials.extra.get("database")
    path = urllib.parse.unquote(parts.path[1:])
    tls = pika.SSLOptions(tls_context(credentials), host) if parts.scheme == "amqps" else None
    return pika.ConnectionParameters(
        host=host,
        port=port or _PORTS[parts.scheme],
        virtual_host=str(named or path or "/"),
        credentials=pika.PlainCredentials(credentials.user or "guest", credentials.secret or "guest"),
        ssl_options=tls,
        connection_attempts=1,
        socket_timeout=timeout,
        stack_timeout=timeout,
        blocked_connection_timeout=timeout,
        heartbeat=_HEARTBEAT,
        client_properties={"connection_name": "orderhub"},
    )


@contextlib.contextmanager
def typed(place: str) -> Iterator[None]:
    """Errors of the driver as errors of the hub. ``place`` says what was asked, for people."""
    try:
        yield
    except (driver.AMQPError, driver.ChannelError, AMQPConnectorException, OSError) as error:
        raise as_hub_error(error, place) from error


def as_hub_error(error: Exception, place: str) -> ConnectorError:
    """``ConnectorUnavailable`` when it may pass, ``ConnectorRefused`` when somebody must change something."""
    if (refusal := untrusted(error, place)) is not None:
        return refusal
    said = str(error) or type(error).__name__
    code = getattr(error, "reply_code", None)
    # pika takes a connection that is lost while it is opened for a refusal; the broker itself says so when it refuses
    lost = "StreamLostError" in said
    if (isinstance(error, _REFUSED) and not lost) or code in _REFUSED_CODES:
        return ConnectorRefused(
            f"{place}: the broker refuses: {said}.",
            todo="Check user, password, virtual host and rights, and that queue or exchange exist as they are declared.",
        )
    if isinstance(error, (driver.ConnectionClosedByBroker, driver.ChannelClosedByBroker)) and (
        code not in _PASSING_CODES
    ):
        return ConnectorProtocolError(
            f"{place}: the broker broke off: {said}.", todo="Look at the broker's log."
        )
    if isinstance(
        error, (driver.AMQPConnectionError, driver.AMQPChannelError, AMQPConnectorException, OSError)
    ):
        return ConnectorUnavailable(
            f"{place}: the broker does not answer: {said}.", todo="Check that it runs and can be reached."
        )
    return ConnectorProtocolError(
        f"{place}: an answer that was not expected: {said}.", todo="Look at the broker's log."
    )


class _Connection(pika.BlockingConnection):  # type: ignore[misc]  # pika has no types
    """pika waits for an answer for as long as the broker shows signs of life; this one breaks off after so many seconds. A
    confirm may never come: a quorum queue whose leader is away keeps the message, and says nothing."""

    def __init__(self, parameters: pika.ConnectionParameters, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(parameters)

    def _flush_output(self, *waiters: Callable[[], bool]) -> None:
        # all waiting is done here, and pika has no parameter for it
        loop, connection = self._impl.ioloop, self._impl
        late = driver.AMQPConnectionError(f"no answer within {self._seconds:g} s")
        timer = loop.call_later(self._seconds, lambda: connection._terminate_stream(late))
        try:
            super()._flush_output(*waiters)
        finally:
            # of a connection that is closed, the loop is closed too
            if not self.is_closed:
                loop.remove_timeout(timer)


class Broker:
    """A connection that is opened at first use, and anew when it was lost."""

    def __init__(self, credentials: Credentials, timeout: float, *, idle: float = 0) -> None:
        """``timeout`` is for one answer; ``idle`` what a consumer waits on top of it for messages."""
        self._parameters = parameters(credentials, timeout)
        self._seconds = timeout + idle
        self._connection: _Connection | None = None

    def channel(self) -> BlockingChannel:
        """A channel of its own; a connection that the broker gave up meanwhile is opened again."""
        connection = self._connection
        if connection is not None and connection.is_open:
            try:
                return connection.channel()
            except driver.AMQPError:
                # it was lost while nobody looked
                self.close()
        # pika leaves the socket of a failed attempt to the garbage collector, so the way is tried without it first
        where = (self._parameters.host, self._parameters.port)
        socket.create_connection(where, timeout=self._parameters.socket_timeout).close()
        self._connection = _Connection(self._parameters, self._seconds)
        return self._connection.channel()

    def close(self) -> None:
        """Safe to call twice. What was not acknowledged goes back to its queue."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_open:
            with contextlib.suppress(driver.AMQPError, OSError):
                connection.close()


def give_back(channel: BlockingChannel) -> None:
    """Close a channel: what it did not acknowledge goes back to its place in the queue."""
    if channel.is_open:
        with contextlib.suppress(driver.AMQPError, OSError):
            channel.close()
