"""Values of Tryton as records have them."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from connectors.tryton.found import Row


def nested(row: Row | None, path: str) -> Any:
    """What stands under a dotted path of a row that was read with it; None where a link on the way is empty."""
    *links, last = path.split(".")
    for link in links:
        row = row.get(f"{link}.") if row else None
    return row.get(last) if row else None


def exact(quantity: float | None) -> Decimal | None:
    """Tryton's binary number as the decimal that people see."""
    if quantity is None:
        return None
    return Decimal(int(quantity)) if float(quantity).is_integer() else Decimal(repr(quantity))


def days(length: dt.timedelta | None) -> int | None:
    """A length of time in whole days, rounded up."""
    return None if length is None else math.ceil(length / dt.timedelta(days=1))


def gln_of(identifiers: Sequence[Row]) -> str | None:
    """The GLN among a party's identifiers: Tryton has no type for it, so it is the first one without a type that has 13
    digits and the right check digit (GS1 General Specifications 7.9)."""
    codes = (row["code"] for row in identifiers if not row["type"])
    return next((code for code in codes if len(code) == 13 and _checks(code)), None)


def gtin_of(identifiers: Sequence[Row]) -> str | None:
    """The GTIN among a product's identifiers: the first EAN in a length that GS1 has, with the right check digit."""
    codes = (row["code"] for row in identifiers if row["type"] == "ean")
    return next((code for code in codes if len(code) in (8, 12, 13, 14) and _checks(code)), None)


def _checks(code: str) -> bool:
    if not (code.isascii() and code.isdigit()):
        return False
    digits = [int(digit) for digit in reversed(code)]
    return (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0
