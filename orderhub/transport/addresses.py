"""Which addresses a connection may reach: never an internal one because a partner's document, redirect or name server says so.

A name is resolved once, every address is checked, and the connection goes to an address that was checked, so that a name
that resolves differently a moment later changes nothing. TLS still sees the name.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Sequence

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused, ConnectorUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: (host, port) -> addresses as texts. Raises ``OSError`` when the name is unknown.
Resolve = Callable[[str, int], Sequence[str]]
_PORTS = {"http": 80, "https": 443}


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name as the machine knows them, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Says whether a host may be reached, and at which addresses.

    :param hosts: the names that may be reached at any port: exact, or ``*.example.com`` for all below. A name that stands
        here is reached at public addresses only.
    :param private: names and addresses that may be reached and may be internal (private, loopback, link-local, reserved).
        An address written as such in ``hosts`` or ``origins``, and ``localhost``, are named already.
    :param origins: URLs whose host may be reached at their port alone; at another one may be another program.
    """

    def __init__(
        self,
        hosts: Iterable[str] = (),
        *,
        private: Iterable[str] = (),
        origins: Iterable[str] = (),
        resolve: Resolve = resolve,
    ) -> None:
        own = {_origin(url) for url in origins}
        self._hosts = frozenset([*map(_host, hosts), *(host for host, port in own if port is None)])
        self._origins = frozenset(own)
        addresses = self._hosts | {host for host, _ in own}
        named = {host for host in addresses if host == "localhost" or _address(host) is not None}
        self._named = frozenset(_host(host) for host in private)
        self._private = self._named | named
        self._resolve = resolve

    def check_url(self, url: str) -> tuple[str, int]:
        """Host and port of an http(s) URL that may be asked.

        :raises ConnectorRefused: another scheme, a user or password within the URL, a host that is not allowed, an internal
            address.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
            parts = urllib.parse.SplitResult("", "", "", "", "")
        if parts.scheme not in _PORTS or not host:
            raise _refused(f"{shown(url)!r} is no http or https address.")
        if parts.username is not None or parts.password is not None:
            raise _refused(f"The address of {host} has a user or a password in it.")
        port = port or _PORTS[parts.scheme]
        self.check_host(host, port)
        return host, port

    def check_host(self, host: str, port: int) -> None:
        """:raises ConnectorRefused: the name is not among those that may be reached, or is an internal address itself."""
        name = _host(host)
        known = _among(name, self._hosts) or _among(name, self._named) or (name, port) in self._origins
        if not known:
            raise _refused(f"{host!r} at port {port} is not among what this connection may reach.")
        address = _address(name)
        if address is not None and not self._may(name, address):
            raise _refused(f"{host} is an internal address.")

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses at which a host may be reached, each checked; never empty.

        :raises ConnectorRefused: the host is not allowed, or one of its addresses is internal (then none is used: such an
            answer of a name server is an error or an attack).
        :raises ConnectorUnavailable: the name cannot be resolved.
        """
        self.check_host(host, port)
        if _address(_host(host)) is not None:
            return [_host(host)]
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise ConnectorUnavailable(
                f"The name {host!r} cannot be resolved ({error}).",
                todo="Check the address and the name server.",
            ) from error
        if not found:
            raise ConnectorUnavailable(f"The name {host!r} has no address.", todo="Check the name server.")
        for text in found:
            address = _address(text)
            if address is None or not self._may(_host(host), address):
                raise _refused(f"The name {host!r} leads to the internal address {text}.")
        return found

    def _may(self, name: str, address: Address) -> bool:
        return _is_public(address) or _among(name, self._private)


def guard_of(credentials: Credentials, *urls: str, resolve: Resolve = resolve) -> AddressGuard:
    """The guard of a connection: its own address and those of further ``urls`` of the connection (a token endpoint), and what
    ``extra`` names in ``allowed_hosts`` and ``private_hosts`` (lists, or texts with commas)."""
    return AddressGuard(
        names(credentials, "allowed_hosts"),
        private=names(credentials, "private_hosts"),
        origins=(credentials.url, *urls),
        resolve=resolve,
    )


def names(credentials: Credentials, key: str) -> list[str]:
    """A list of names in ``extra``, as a list or a text with commas."""
    value = credentials.extra.get(key) or []
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
        raise ConnectorRefused(
            f"The connection's {key} is no list of names.", todo="Write names with commas between."
        )
    return [name.strip() for name in given if name.strip()]


def shown(url: str) -> str:
    """A URL fit for errors and logs: without user, query and fragment, where secrets may stand."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        place = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return "an address that cannot be read"
    return urllib.parse.urlunsplit((parts.scheme, place, parts.path, "", ""))[:300]


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        # an IPv4 address in the clothes of IPv6 is judged as what it is
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_unspecified or address.is_reserved)


def _among(name: str, allowed: frozenset[str]) -> bool:
    return name in allowed or any(
        pattern.startswith("*.") and name.endswith(pattern[1:]) for pattern in allowed
    )


def _origin(url: str) -> tuple[str, int | None]:
    """Host and port of a URL; no port where neither it nor its scheme says one."""
    try:
        parts = urllib.parse.urlsplit(url)
        return _host(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "", 0


def _host(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()


def _address(text: str) -> Address | None:
    """The address that a text stands for, also in the short and numeric forms that a resolver takes (``127.1``)."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        pass
    if not text or not all(character in "0123456789abcdefx." for character in text) or not text[0].isdigit():
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(text))
    except OSError:
        return None


def _refused(what: str) -> ConnectorRefused:
    return ConnectorRefused(
        what,
        todo="If this is meant, name the host in allowed_hosts of the connection's extra, an internal one in private_hosts.",
    )
