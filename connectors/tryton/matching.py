"""What names a party or an item in an order, best first, and a memory for what was found under it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from orderhub.documents import Line, Party

KEPT = 20_000
KEPT_SECONDS = 300.0
#: What to search for, the code, and of which supplier it is (None: of nobody in particular).
ItemKey = tuple[str, str, int | None]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A memory of what was found. ``fresh`` says what need not be asked for again; ``get`` gives it at any age, so that
    what was fresh when a batch was prepared is still there when the batch is made."""

    def __init__(self) -> None:
        self._entries: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def fresh(self, key: K) -> V | None:
        entry = self._entries.get(key)
        if entry is None or time.monotonic() - entry[0] > KEPT_SECONDS:
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def get(self, key: K) -> V | None:
        entry = self._entries.get(key)
        return entry[1] if entry is not None else None

    def put(self, key: K, value: V) -> None:
        self._entries[key] = (time.monotonic(), value)
        self._entries.move_to_end(key)

    def drop(self, key: K) -> None:
        self._entries.pop(key, None)

    def trim(self) -> None:
        """Forget the least recently used beyond ``KEPT``; to be called between batches."""
        while len(self._entries) > KEPT:
            self._entries.popitem(last=False)


def party_keys(party: Party) -> list[tuple[str, str, str]]:
    """How a party may be found, best first: what to search, the code, and the canonical field it stands in. A code that
    is not the party's code in Tryton may stand among its identifiers; a name counts only when nothing else is given."""
    keys: list[tuple[str, str, str]] = []
    if party.gln:
        keys.append(("identifier", party.gln, "gln"))
    if party.code:
        keys += [("code", party.code, "code"), ("identifier", party.code, "code")]
    if party.tax_number:
        keys.append(("identifier", party.tax_number, "tax_number"))
    if not keys and party.name:
        keys.append(("name", party.name, "name"))
    return keys


def item_keys(line: Line, party: int | None) -> list[ItemKey]:
    """How a product may be found, best first; the supplier's code counts only with that supplier."""
    item = line.item
    keys: list[ItemKey] = []
    if item.gtin:
        keys.append(("gtin", item.gtin, None))
    if item.buyer_code:
        keys.append(("buyer_code", item.buyer_code, None))
    if item.supplier_code:
        keys.append(("supplier_code", item.supplier_code, party))
    if item.manufacturer_code:
        keys.append(("manufacturer_code", item.manufacturer_code, None))
    return keys


def gtin_forms(gtin: str) -> list[str]:
    """The same number in the lengths that GS1 allows: it is filled with zeros on the left."""
    bare = gtin.lstrip("0")
    return [bare.zfill(length) for length in (8, 12, 13, 14) if len(bare) <= length]


def storable(code: str) -> bool:
    """Whether a database can have this code at all; one that it cannot is not asked for, for the question would fail."""
    try:
        return "\0" not in code and bool(code.encode())
    except UnicodeEncodeError:
        return False
