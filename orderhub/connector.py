"""The contract between the hub and a connector. A connector author imports this, ``orderhub.errors``,
``orderhub.documents`` and ``orderhub.testing``, and nothing else of the hub.

A connector is a folder ``connectors/<name>/`` with ``manifest.yaml`` (readable without importing a driver),
``connector.py`` and ``README.md``. Constructors do no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Flag, StrEnum, auto
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import msgspec
import pydantic

from orderhub.documents import Document

#: An opaque JSON value that only the connector understands; ``None`` means from the beginning.
Bookmark = dict[str, Any] | None


class Capability(Flag):
    """What a connector can do. The contract test asks only for what is declared."""

    PULL = auto()
    INCREMENTAL = auto()
    LOAD = auto()
    UPSERT = auto()
    FIND = auto()
    REPLY = auto()


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """A local folder in which something may arrive, for the intake, which wakes the flow then.

    ``path`` is absolute or relative to the data folder. Entries that fit ``ignore`` (names, shell patterns) are none of
    the flow's. ``empties`` says that what was pulled leaves the folder, so that what stays is still to be pulled.
    """

    path: str
    ignore: tuple[str, ...] = ()
    recursive: bool = False
    empties: bool = False


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A place that does not tell by itself that something arrived (a server's folder, a table, a queue). The intake asks
    ``Connector.waiting`` every ``seconds``, all such places from one process with few threads.

    ``host`` names what must not be asked by many at once (the server); a place that cannot be reached is asked less often.
    """

    seconds: float
    host: str = ""


class ConnectorSettings(pydantic.BaseModel):
    """Settings of one use of a connector, as a flow's YAML gives them. Unknown keys are refused; secrets are never
    here but behind the credentials port."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    def watch(self) -> Watch | None:
        """The folder whose changes mean that there may be something to pull; None where there is no such folder."""
        return None

    def poll(self) -> Poll | None:
        """How often the other side should be asked whether something waits; None where it cannot be asked cheaply."""
        return None


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection's name resolves to. ``repr`` never shows the secret."""

    url: str
    user: str | None = None
    secret: str | None = None
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, user={self.user!r}, secret={'***' if self.secret else None})"


@runtime_checkable
class Ports(Protocol):
    """What the hub hands to a connector, so that it needs neither Airflow nor the hub's settings."""

    def credentials(self, connection: str) -> Credentials:
        """Look up a connection; raises ``ConnectorRefused`` when there is none of that name."""

    def complete(self, data: bytes, *, name: str) -> bool:
        """Whether the bytes end as their format says they must (an EDI envelope that is closed, a root element)."""

    def resource(self, kind: str) -> Any:
        """A resource of the hub by kind, for built-in connectors: ``warehouse`` loads into the warehouse, ``bundle`` packs
        (name, bytes) of several files into one, the same bytes for the same files, ``data``
        its data folder, ``outbox`` the folder for what goes to partners, ``write`` makes payloads by a mapping that writes:
        a callable (mapping's name, document, values handed in beside it by name or None) giving an object with ``data``
        (bytes), ``tree`` (of JSON a dict, of XML the bytes), ``media_type``, ``mapping``, ``version`` and ``content_hash``;
        it raises :class:`orderhub.errors.PayloadRefused` with ``field`` and ``reason`` for a document that can never be
        written so (an outcome ``rejected``), and ``MappingError`` for a mapping that is missing or wrong. Raises
        ``ConnectorRefused`` for an unknown kind."""


class Interchange(msgspec.Struct, kw_only=True):
    """One thing pulled: a file, a message of a queue, a page of rows.

    ``name`` is the name as the other side gave it (for people; never used as a path by the hub). ``arrival`` tells this
    arrival from any other on the stream (path, size and change time of a file; offset of a queue), so that the same
    arrival seen again after a crash is known, while the same bytes sent twice are two arrivals. ``data`` is None when
    the thing cannot be used at all; then ``problem`` says why and the hub records a refused interchange. ``bookmark``
    is where a later pull goes on. ``handle`` is the connector's own, for ``settle``.
    """

    name: str
    arrival: str
    data: bytes | None
    bookmark: Bookmark = None
    media_type: str | None = None
    problem: str | None = None
    attributes: dict[str, str] = {}
    handle: dict[str, Any] = {}


class Settlement(StrEnum):
    """What became of an interchange, as told to ``settle``. ``refused`` means that nothing in it could be used; it is
    kept in the archive in either case."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class OutcomeState(StrEnum):
    """``written``: the effect is there now by this call. ``unchanged``: it was there before. ``rejected``: the target
    will never take it, ``reason`` says why. ``unclear``: it may or may not be there; ``find`` must be asked."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    UNCLEAR = "unclear"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a target did with one document.

    ``reference`` is the target's own name for it, for people (``PO-00017``); ``version`` the version it got where the
    target counts them; ``code`` and ``reason`` say why it was rejected; ``field`` is the canonical path of the value
    that the target refused (``lines[2].item.gtin``).
    """

    key: str
    state: OutcomeState
    reference: str | None = None
    version: int | None = None
    code: str | None = None
    reason: str | None = None
    field: str | None = None


class LoadItem(msgspec.Struct, frozen=True, kw_only=True):
    """One document to load.

    ``key`` is the idempotency key, the same on every attempt. ``identity`` is the same for all revisions and versions of
    one business document. ``source`` is the ledger id of the document; ``load`` the id of the load attempt; ``company``
    whose it is.

    ``creates`` are the kinds of master data (``supplier``, ``item``) that the target may create from what the document
    says, where it does not know them; a target that cannot leaves it. ``updates`` are those that it may change when a
    document of them says something else than the target has. ``content_hash`` is that of the canonical bytes where it
    is known already (``orderhub.documents.content_hash``).
    """

    key: str
    identity: str
    document: Document
    company: str
    source: int
    load: int
    test: bool = False
    content_hash: str | None = None
    creates: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``check``: one sentence that says what is wrong, or what was reached."""

    ok: bool
    sentence: str


SettingsT = TypeVar("SettingsT", bound=ConnectorSettings)


class Connector(Generic[SettingsT]):
    """Base of all connectors. Override what ``capabilities`` declares.

    ``load`` returns one outcome per key, in the order given. It raises ``ConnectorUnavailable`` only when nothing of
    the call had an effect; when some of it may have had one, the keys concerned are ``unclear``.
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capability]
    settings_type: ClassVar[type[ConnectorSettings]]

    def __init__(self, settings: SettingsT, ports: Ports) -> None:
        self.settings = settings
        self.ports = ports

    def check(self) -> Health:
        """Cheap and read-only: can it be reached, may we do what the settings ask for?"""
        raise NotImplementedError

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """Yield what arrived after ``since``, oldest first, one at a time, never all in memory."""
        raise NotImplementedError

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Whether ``pull(stream, since)`` would give something now. Cheap and read-only; called only where the settings'
        ``poll`` says how often. When in doubt True: a pull that finds nothing costs a run and nothing else.

        :raises ConnectorUnavailable: the other side cannot be reached.
        """
        raise NotImplementedError

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Called after the ledger committed. Must be repeatable: a crash in between means a second call."""
        raise NotImplementedError

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Bring every item into the target once in effect."""
        raise NotImplementedError

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Bring an answer to the partner's side, whole or not at all.

        ``name`` is the hub's own name for it (letters, digits, ``_``, ``-`` and one ending), never a partner's text;
        ``key`` is the idempotency key, the same on every attempt, and no two keys have one name. The same key again is
        the same answer (``unchanged``), not a second one, as far as the other side can still tell: an answer that the
        partner has taken away is not asked for again, because the hub remembers what it sent. ``rejected`` says that the
        other side refused it; raises ``ConnectorUnavailable`` when it could not be reached.
        """
        raise NotImplementedError

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the target has under these idempotency keys (state ``unchanged``); keys it does not have are absent.

        ``unclear`` is what it has and has not decided on yet, which is not sent again but asked for again; ``rejected``
        what it took and then refused.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give back connections. Safe to call twice."""


ConnectorFactory = Callable[[Mapping[str, Any], Ports], Connector[Any]]
