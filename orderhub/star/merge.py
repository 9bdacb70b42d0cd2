"""What becomes of a batch: versions and identity, decided once for all warehouses.

- A key that was taken in before is ``unchanged``, with the answer it had.
- The content that the open version has is ``unchanged``, under the new key too.
- Other content is the next version: the one before ends at the moment at which the new one begins.
- An older revision than the open version's is rejected (``STALE_REVISION``).

An identity counts within its company and its environment (``production`` or ``test``). Two documents of one identity in one
batch are merged one after the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import Document, canonical_bytes, content_hash
from orderhub.errors import ConnectorRefused
from orderhub.star.halving import Refused
from orderhub.star.tables import TABLES, Table

_MICROSECOND = dt.timedelta(microseconds=1)


class Name(NamedTuple):
    """What a version history hangs on."""

    company: str
    environment: str
    identity: str


class Known(NamedTuple):
    """What a key was answered before."""

    reference: str
    version: int


class Current(NamedTuple):
    """The open version of an identity; ``valid_from`` knows its time zone."""

    id: int
    version: int
    revision: int
    content_hash: str
    valid_from: dt.datetime


class Version(msgspec.Struct, frozen=True, gc=False):
    """A version to add. Not for the garbage collector, nor are loads: thousands of them live in a batch, in no cycle."""

    item: LoadItem
    id: int
    name: Name
    number: int
    valid_from: dt.datetime
    content_hash: str
    load_id: int


class Load(msgspec.Struct, frozen=True, gc=False):
    """A key to note."""

    id: int
    item: LoadItem
    name: Name
    outcome: Outcome
    version_id: int


class Closing(NamedTuple):
    """A version that ends."""

    id: int
    valid_to: dt.datetime


class Store(Protocol):
    """What a merge needs of a warehouse, all in one transaction that the caller commits."""

    def hold(self, table: Table) -> dt.datetime:
        """Keep other merges of this table out until the transaction ends; gives the moment at which versions begin."""

    def known(self, table: Table, keys: Sequence[str]) -> Mapping[str, Known]:
        """Answers by key, for the keys that were taken in before."""

    def current(self, table: Table, names: Sequence[Name]) -> Mapping[Name, Current]:
        """The open versions by name, for the identities that have one."""

    def reserve(self, table: Table, versions: int, loads: int) -> tuple[Sequence[int], Sequence[int]]:
        """Fresh ids of versions and of loads."""

    def write(
        self,
        table: Table,
        loads: Sequence[Load],
        closing: Sequence[Closing],
        versions: Sequence[Version],
    ) -> None:
        """Note the loads, end the versions that end, add the new ones with their lines."""


def name_of(item: LoadItem) -> Name:
    """The name of an item's identity."""
    return Name(item.company, "test" if item.test else "production", item.identity)


def hash_of(item: LoadItem) -> str:
    """The hash of an item's content."""
    return item.content_hash or content_hash(canonical_bytes(item.document))


def merge(store: Store, items: Sequence[LoadItem]) -> list[Outcome]:
    """Merge any mix of document types; one outcome per item, in order. Commit is the caller's.

    :raises ConnectorRefused: for a document type that the star schema does not have.
    :raises Refused: a key or an identity that no database keeps.
    """
    for item in items:
        if not all(map(storable, (item.key, item.company, item.identity))):
            raise Refused(f"its key or identity is no text that a database keeps: {item.key!r}")
    outcomes: dict[int, Outcome] = {}
    by_type: dict[type[Document], list[int]] = {}
    for index, item in enumerate(items):
        by_type.setdefault(type(item.document), []).append(index)
    for kind, indexes in by_type.items():
        if kind not in TABLES:
            raise ConnectorRefused(
                f"The warehouse has no table for {kind.__name__}.",
                todo=f"Load one of: {', '.join(table.name for table in TABLES.values())}.",
            )
        moment = store.hold(TABLES[kind])
        for turn in turns(items, indexes):
            merged = _merge(store, TABLES[kind], [items[index] for index in turn], moment)
            outcomes.update(zip(turn, merged, strict=True))
    return [outcomes[index] for index in range(len(items))]


def storable(text: str) -> bool:
    """Whether every database keeps a text as it is: without NUL, without half a surrogate pair."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))


def turns(items: Sequence[LoadItem], indexes: Iterable[int]) -> list[list[int]]:
    """Split so that no identity and no key occurs twice in a turn; the order within an identity stays."""
    indexes = list(indexes)
    identities = {(items[index].company, items[index].test, items[index].identity) for index in indexes}
    if len(identities) == len(indexes) == len({items[index].key for index in indexes}):
        return [indexes] if indexes else []
    found: list[list[int]] = []
    next_turn: dict[object, int] = {}
    for index in indexes:
        item = items[index]
        names = (("identity", item.company, item.test, item.identity), ("key", item.key))
        turn = max(next_turn.get(name, 0) for name in names)
        for name in names:
            next_turn[name] = turn + 1
        if turn == len(found):
            found.append([])
        found[turn].append(index)
    return found


def _merge(store: Store, table: Table, items: list[LoadItem], moment: dt.datetime) -> list[Outcome]:
    names = [name_of(item) for item in items]
    hashes = [hash_of(item) for item in items]
    known = store.known(table, [item.key for item in items])
    current = store.current(table, names)
    outcomes = [
        judge(table, item, hash_, known.get(item.key), current.get(name))
        for item, name, hash_ in zip(items, names, hashes, strict=True)
    ]
    fresh = [
        place
        for place, (item, outcome) in enumerate(zip(items, outcomes, strict=True))
        if item.key not in known and outcome.state is not OutcomeState.REJECTED
    ]
    if not fresh:
        return outcomes
    written = sum(outcomes[place].state is OutcomeState.WRITTEN for place in fresh)
    version_ids, load_ids = (iter(ids) for ids in store.reserve(table, written, len(fresh)))
    loads: list[Load] = []
    closing: list[Closing] = []
    versions: list[Version] = []
    for place in fresh:
        item, name, outcome, before = items[place], names[place], outcomes[place], current.get(names[place])
        load_id = next(load_ids)
        if outcome.state is OutcomeState.UNCHANGED and before is not None:
            loads.append(Load(load_id, item, name, outcome, before.id))
            continue
        # a version begins with the transaction that loads it, and in any case after the one before
        begins = moment if before is None else max(moment, before.valid_from + _MICROSECOND)
        version_id = next(version_ids)
        if before is not None:
            closing.append(Closing(before.id, begins))
        versions.append(Version(item, version_id, name, outcome.version or 1, begins, hashes[place], load_id))
        loads.append(Load(load_id, item, name, outcome, version_id))
    store.write(table, loads, closing, versions)
    return outcomes


def judge(table: Table, item: LoadItem, hash_: str, known: Known | None, current: Current | None) -> Outcome:
    """What becomes of one document, given what the warehouse has under its key and its identity."""
    if known is not None:
        return Outcome(
            key=item.key, state=OutcomeState.UNCHANGED, reference=known.reference, version=known.version
        )
    if current is not None and current.revision > item.document.revision:
        return Outcome(
            key=item.key,
            state=OutcomeState.REJECTED,
            code="STALE_REVISION",
            field="revision",
            reason=f"{table.name} {item.document.number} has revision {current.revision} already; revision "
            f"{item.document.revision} is older.",
        )
    same = current is not None and current.content_hash == hash_
    version = (0 if current is None else current.version) + (0 if same else 1)
    return Outcome(
        key=item.key,
        state=OutcomeState.UNCHANGED if same else OutcomeState.WRITTEN,
        reference=f"{item.document.number} v{version}",
        version=version,
    )


def as_found(known: Mapping[str, Known]) -> dict[str, Outcome]:
    """What is known of keys, as ``Connector.find`` gives it."""
    return {
        key: Outcome(
            key=key, state=OutcomeState.UNCHANGED, reference=answer.reference, version=answer.version
        )
        for key, answer in known.items()
    }
