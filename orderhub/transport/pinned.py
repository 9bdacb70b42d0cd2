"""An httpx transport whose connections go to addresses that the guard has checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

import httpcore
import httpx

from orderhub.transport.addresses import AddressGuard

#: Seconds that an idle connection is kept. A server that closes it meanwhile would make a write unclear for nothing.
_IDLE_SECONDS = 2.0


class _CheckedAddresses(httpcore.SyncBackend):
    """Opens connections to checked addresses, one after the other until one answers. TLS is started by httpcore, with the
    name of the URL."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._guard.addresses(host, port)
        for address in addresses[:-1]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return super().connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise httpcore.UnsupportedProtocol("no socket files")


class PinnedTransport(httpx.HTTPTransport):
    """As ``httpx.HTTPTransport``, without proxies and socket files, through a guard. Errors of the guard come out as they are.

    :param context: TLS settings.
    """

    def __init__(self, guard: AddressGuard, context: ssl.SSLContext, *, connections: int = 4) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool.close()
        # the transport has no parameter for it
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_CheckedAddresses(guard),
        )
