"""Schema tables: which elements a message can have, how often, with which attributes.

A table is ``schemas/<family>/<name>.json``, named ``<family>/<name>``::

    {"title": "UBL Order", "root": "Order",
     "prefixes": {"cbc": "urn:…", "cac": "urn:…"},
     "attributes": {"Amount": "currencyID! …", "": "languageID"},
     "numbers": "Amount Quantity …",
     "types": {"Order": "cbc:ID cbc:IssueDate cbc:Note* cac:BuyerCustomerParty=CustomerParty cac:OrderLine+ …"},
     "open": "Shipment …"}

A type lists its children in order: ``?`` none or one, ``*`` any number, ``+`` at least one, nothing: exactly one;
``=Type`` names the type where it is not the element's own local name. A child that is no type and not ``open`` is a
value; which attributes it has and whether it is numeric follows from the word its name ends with (``PriceAmount``), as the
naming rules of the standard have it. Below an ``open`` one everything is taken.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from orderhub.formats.xml.names import joined

SCHEMAS_FOLDER = Path(__file__).resolve().parents[3] / "schemas"

_NAME = re.compile(r"([a-z0-9_]+)/([a-z0-9_]+)\Z")
_CHILD = re.compile(r"(?:([A-Za-z0-9]+):)?([A-Za-z0-9_]+?)(?:=([A-Za-z0-9_]+))?([?*+]?)\Z")


class Child(msgspec.Struct, frozen=True):
    """An element at its place. ``type`` names its own children; ``None`` for a value. ``number``: numeric value."""

    tag: str
    name: str
    mandatory: bool
    repeats: bool
    type: str | None = None
    open: bool = False
    number: bool = False
    attributes: frozenset[str] = frozenset()


class SchemaTable:
    """See the module. ``prefixes`` go from prefix to namespace."""

    def __init__(self, name: str, data: dict[str, Any]) -> None:
        self.name = name
        self.title = str(data["title"])
        self.prefixes: dict[str, str] = dict(data.get("prefixes", {}))
        self.root = str(data["root"])
        self._open = frozenset(data.get("open", "").split())
        self._numbers = tuple(data.get("numbers", "").split())
        self._attributes: dict[str, frozenset[str]] = {
            term: frozenset(names.split()) for term, names in data.get("attributes", {}).items()
        }
        self._types: dict[str, str] = data["types"]
        self._children: dict[str, dict[str, Child]] = {}

    def children(self, type_name: str) -> dict[str, Child]:
        """The children of a type by their full names, in order."""
        known = self._children.get(type_name)
        if known is None:
            made = [self._child(text) for text in self._types[type_name].split()]
            known = self._children[type_name] = {child.tag: child for child in made}
        return known

    def _child(self, text: str) -> Child:
        match = _CHILD.match(text)
        if match is None:
            raise ValueError(f"schema table {self.name}: {text!r} is no child")
        prefix, local, type_name, often = match.groups()
        kind = type_name or local
        namespace = self.prefixes[prefix] if prefix else None
        composed = kind in self._types
        return Child(
            tag=joined(namespace, local),
            name=f"{prefix}:{local}" if prefix else local,
            mandatory=often in ("", "+"),
            repeats=often in ("*", "+"),
            type=kind if composed else None,
            open=not composed and kind in self._open,
            number=not composed and local.endswith(self._numbers),
            attributes=frozenset() if composed else self._attributes_of(local),
        )

    def _attributes_of(self, local: str) -> frozenset[str]:
        ends = [term for term in self._attributes if term and local.endswith(term)]
        return self._attributes.get(max(ends, key=len) if ends else "", frozenset())


def schema_names(folder: Path = SCHEMAS_FOLDER) -> list[str]:
    """The tables that there are."""
    found = []
    for path in sorted(folder.glob("*/*.json")):
        if path.parent.name == "ubl":
            found.append(f"{path.parent.name}/{path.stem}")
    return found


@lru_cache(maxsize=16)
def schema_table(name: str, folder: Path = SCHEMAS_FOLDER) -> SchemaTable | None:
    """The table of that name, ``None`` when there is none."""
    match = _NAME.match(name)
    if match is None or name not in schema_names(folder):
        return None
    data = msgspec.json.decode((folder / match[1] / f"{match[2]}.json").read_bytes())
    return SchemaTable(name, data)
