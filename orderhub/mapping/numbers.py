"""Numbers as sources write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping.kinds import Refusal, shown

#: Digits in all, before and after the mark. Far above any amount, far below what slows a database down.
MAX_DIGITS = 30

#: What nearly all numbers look like; long ones are looked at more closely.
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,12})?\Z").match
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}\Z").match


def decimal_reader(numbers: NumberFormat) -> Callable[[str], Decimal]:
    """A function from text to ``Decimal`` for one way to write numbers.

    Accepted: an optional sign, digits, at most one decimal mark with digits after it, digit groups of three where the
    format declares them. Refused: everything else, so NaN, Infinity, exponents and numbers of more than 30 digits.
    """
    mark = "".join(re.escape(char) for char in numbers.marks)
    grouping = "".join(re.escape(char) for char in numbers.grouping)
    whole = "[0-9]+" if not grouping else f"(?:[0-9]{{1,3}}(?:[{grouping}][0-9]{{3}})+|[0-9]+)"
    # ISO 9735 10.1 lets the digits before the mark be missing, never those after it
    pattern = re.compile(rf"([+-]?)({whole})?(?:[{mark}]([0-9]+))?\Z")

    simple = _PLAIN if "." in numbers.marks else _WHOLE

    def read(text: str) -> Decimal:
        if simple(text):
            return Decimal(text)
        match = pattern.match(text)
        if match is None or (match[2] is None and match[3] is None):
            raise _refuse(text, numbers)
        digits = match[2] or "0"
        for char in numbers.grouping:
            digits = digits.replace(char, "")
        if len(digits) + len(match[3] or "") > MAX_DIGITS:
            raise Refusal(
                "VALUE_NUMBER",
                f"{shown(text)} has more than {MAX_DIGITS} digits.",
                "Ask the sender for the right number.",
                text,
            )
        return Decimal(f"{match[1]}{digits}.{match[3]}" if match[3] else f"{match[1]}{digits}")

    return read


def integer_reader(numbers: NumberFormat) -> Callable[[str], int]:
    """A function from text to ``int``; ``10.0`` is 10, ``10.5`` is refused."""
    decimal = decimal_reader(numbers)

    def read(text: str) -> int:
        value = decimal(text)
        whole = int(value)
        if whole != value:
            raise Refusal(
                "VALUE_NUMBER",
                f"{shown(text)} is no whole number.",
                "Ask the sender for a whole number.",
                text,
            )
        return whole

    return read


def _refuse(text: str, numbers: NumberFormat) -> Refusal:
    todo = "Ask the sender for the right number."
    allowed = set("+-0123456789") | set(numbers.marks) | set(numbers.grouping)
    if "," in text and "," not in allowed:
        todo = "If this source writes a comma as decimal mark, declare it in the mapping's source (decimal: ',')."
    elif any(char in text for char in ".,' \u00a0\u202f") and set(text) <= allowed | set(".,' \u00a0\u202f"):
        todo = "If this source groups digits, declare it in the mapping's source (grouping)."
    return Refusal("VALUE_NUMBER", f"{shown(text)} is no number.", todo, text)
