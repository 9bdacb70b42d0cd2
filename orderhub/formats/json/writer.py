"""JSON as a payload (RFC 8259): UTF-8, no white space, keys in the order of the tree, numbers digit by digit.

Numbers go into the bytes as their digits stand, without exponent and never as a binary fraction.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.formats.declaration import only_entries
from orderhub.formats.target import KeyProblem, Unwritable, Wire

#: The name under which an item of a list has its own value: ``{each: …, "#value": path}`` gives a list of values.
OWN = "#value"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class JsonTarget:
    """See :class:`orderhub.formats.target.TargetFormat`."""

    format = "json"
    media_type = "application/json"
    own = OWN

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> JsonTarget:
        """:raises DeclarationError: JSON has no entries of its own."""
        only_entries(options, (), "a JSON target", also=("format",))
        return cls()

    def names(self, keys: Mapping[str, bool]) -> None:
        if OWN in keys and len(keys) > 1:
            raise KeyProblem(
                OWN, f"{OWN} is the whole item, and here are other names.", "Keep one of the two."
            )
        if keys.get(OWN):
            raise KeyProblem(OWN, f"{OWN} is one value.", "Write an expression.")

    def wire(self, key: str, kind: str) -> Wire | None:
        return _WIRES.get(kind)

    def null(self, key: str) -> Any:
        return None

    def encode(self, tree: dict[str, Any]) -> bytes:
        """:raises Unwritable: half a surrogate pair in a text, which UTF-8 cannot hold."""
        try:
            return _encode(tree)
        except UnicodeEncodeError as error:
            raise Unwritable(
                f"A text holds half a surrogate pair ({error.object[error.start : error.end]!r}).",
                "Correct the document.",
            ) from None

    def tree(self, data: bytes) -> Any:
        return _decode(data)


def _decimal(value: Any) -> msgspec.Raw:
    # a whole number that stands for an absent decimal stays whole
    return msgspec.Raw((format(value, "f") if isinstance(value, Decimal) else str(value)).encode())


def _number(value: str) -> msgspec.Raw:
    return msgspec.Raw(value.encode())


def _date(value: Any) -> str:
    return str(value.isoformat())


_WIRES: dict[str, Wire] = {
    "decimal": _decimal,
    "number": _number,
    "date": _date,
    "datetime": _date,
}
