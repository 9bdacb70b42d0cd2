"""What the hub hands to connectors: credentials, its own resources, and whether a file is complete."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused
from orderhub.formats.bundle import is_bundle, is_whole
from orderhub.formats.detect import HEAD, detect


class HubPorts:
    """Credentials and resources by name; a resource is built when first asked for.

    ``data`` is the folder that relative paths of connector settings start from (the inbox folder of the settings),
    ``outbox`` the one that relative paths of answers start from; ``warehouse`` is the warehouse's engine,
    ``valkey_url`` where Valkey is (empty: nowhere). ``connections`` is asked before ``credentials``; its None means
    unknown there.
    """

    def __init__(
        self,
        credentials: Mapping[str, Credentials],
        resources: Mapping[str, Callable[[], Any]],
        connections: Callable[[str], Credentials | None] | None = None,
    ) -> None:
        self._connections = connections
        self._credentials = dict(credentials)
        self._resources = dict(resources)

    def credentials(self, connection: str) -> Credentials:
        """:raises ConnectorRefused: when there is no connection of that name."""
        found = self._connections(connection) if self._connections is not None else None
        if found is not None:
            return found
        try:
            return self._credentials[connection]
        except KeyError:
            known = ", ".join(sorted(self._credentials)) or "none"
            raise ConnectorRefused(
                f"There is no connection {connection!r}.",
                todo=f"Make one in Airflow (Admin, Connections) or correct the name; the hub's settings have: {known}.",
            ) from None

    def complete(self, data: bytes, *, name: str) -> bool:
        """Whether the bytes end as their format says they must."""
        return ends_complete(data, name)

    def resource(self, kind: str) -> Any:
        """:raises ConnectorRefused: for an unknown kind."""
        try:
            return self._resources[kind]()
        except KeyError:
            known = ", ".join(sorted(self._resources))
            raise ConnectorRefused(f"The hub has no resource {kind!r}.", todo=f"It has: {known}.") from None


def ends_complete(data: bytes, name: str = "") -> bool:
    """Whether a sender that is still writing can be ruled out as far as the bytes show it.

    A ZIP ends with the record that closes its directory, EDIFACT with the segment UNZ, X12 with IEA, XML with the end tag of
    its root. CSV, and what looks like no known format, ends with a line end; a file cut between two lines cannot be told from
    a whole one. JSON ends with a bracket, and as many were closed as opened. Other formats have no end that is checked.

    :param name: the file's name; its ending helps to know CSV.
    """
    if is_bundle(data[:4]):
        return is_whole(data)
    head = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:3] not in (b"UNA", b"UNB"):
        found = detect(data[:HEAD], name)
        if found is not None and found.format == "json":
            return _brackets_agree(data)
        if found is not None and found.format == "x12":
            return _last_segment(data, _x12_terminator(data)).startswith(b"IEA")
        if found is not None and found.format == "xml":
            return _root_is_closed(data, found.message)
        if found is not None and found.format != "csv":
            return True
        # UTF-16 has a zero byte on either side of the line end
        return data[-2:].strip(b"\0").endswith((b"\n", b"\r"))
    terminator = head[8:9] if head[:3] == b"UNA" else b"'"
    return _last_segment(data, terminator).startswith(b"UNZ")


def _last_segment(data: bytes, terminator: bytes) -> bytes:
    """The last segment of a file, nothing when it is not terminated."""
    tail = data[-512:].rstrip(b" \t\r\n".replace(terminator, b""))
    if not tail.endswith(terminator):
        return b""
    return tail.rstrip(b" \t\r\n").removesuffix(terminator).rpartition(terminator)[2].lstrip()


def _x12_terminator(data: bytes) -> bytes:
    from orderhub.formats.x12.header import MOST, read_header

    head = data[: MOST + 3].removeprefix(b"\xef\xbb\xbf").lstrip()
    return read_header(head).delimiters.terminator.encode("ascii")


def _root_is_closed(data: bytes, root: str | None) -> bool:
    """Behind the end tag only comments and instructions may stand. An element of the root's name within it can make this
    wrong; then the file is taken when it no longer grows."""
    # UTF-16 has a zero byte on either side
    tail = data[-2048:].replace(b"\0", b"").decode("latin-1")
    end = re.search(
        r"<(?:/(?:[^\s<>/:]+:)?([^\s<>/:]+)\s*|(?:[^\s<>/:]+:)?([^\s<>/:]+)(?:\s[^<>]*)?/)>"
        r"(?:\s|<!--[^<]*-->|<\?[^<]*\?>)*\Z",
        tail,
    )
    # the tail is read as Latin letters, which the root's name may not be in
    return end is not None and (root is None or not root.isascii() or root in (end[1], end[2]))


def _brackets_agree(data: bytes) -> bool:
    """A bracket within a text may make this wrong; then the file is taken when it no longer grows."""
    # UTF-16 has a zero byte on either side
    end = data[-64:].rstrip(b" \t\r\n\0")[-1:]
    pairs = ((b"{", b"}"), (b"[", b"]"))
    return end in (b"}", b"]") and all(data.count(left) == data.count(right) for left, right in pairs)
