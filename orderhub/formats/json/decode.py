"""The value of one JSON text, as strictly as RFC 8259 has it, and numbers as they were written."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from orderhub.formats.json.look import Fault, fault_in

#: Exponents up to here are written out, so that 1.2E+3 is 1200 to everybody.
_MAX_EXPONENT = 30
_EXPONENT = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?[eE]([+-]?[0-9]{1,4})\Z")


def _number(text: str) -> str:
    match = _EXPONENT.match(text)
    if match is None or abs(int(match[1])) > _MAX_EXPONENT:
        return text
    return format(Decimal(text), "f")


_decode = msgspec.json.Decoder(float_hook=_number).decode


def decode(raw: bytes) -> Any:
    """Dict, list, text, ``int``, ``bool`` or ``None``; a number with a fraction or an exponent is text.

    :raises Fault: it is no JSON, or an object has a key twice.
    """
    try:
        value = _decode(raw)
    except (ValueError, RecursionError) as error:
        fault = fault_in(raw)
        if fault is None:
            fault = Fault("JSON_SYNTAX", f"It cannot be read: {error}.", "Report it with the file.", offset=0)
        raise fault from error
    # a key that stood twice is gone from the value, and a colon with it; only an escaped colon could hide that
    try:
        colons = -1 if b"\\u003" in raw else orjson.dumps(value).count(b":")
    except TypeError:
        colons = -1  # numbers or depths that it does not write
    if colons != raw.count(b":"):
        fault = fault_in(raw)
        if fault is not None:
            raise fault
    return value


def text_of(value: Any) -> str | None:
    """A scalar as text; ``None`` for what is absent (null, the empty text), for lists and for objects."""
    kind = type(value)
    if kind is str:
        return value or None
    if kind is bool:
        return "true" if value else "false"
    return str(value) if kind is int else None
