"""How values are written, by kind (see ``grammar.Kind``): the pattern of a good one, and what is wrong with a bad one.

Both must say the same of every text: the fast way rests on the pattern, the reference on the judgement.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from orderhub.formats.edi.grammar import Element

#: An optional minus, digits, and at most one decimal mark that digits follow (ISO 9735 10.1; X12.6 numbers have a point).
#: Neither sign nor mark counts for the length.
_NUMBERS = {
    "n": r"-?(?:[0-9]+|[0-9]*[.,][0-9]+)",
    "r": r"-?(?:[0-9]+|[0-9]*\.[0-9]+)",
    "i": r"-?[0-9]+",
}
#: After a repeat: what it took is not given back. A separator follows every value, so giving back never helps, and not
#: having to remember halves the time. Before Python 3.11.5 such repeats had faults.
KEPT = "+" if sys.version_info >= (3, 11, 5) else ""
_MARKS = {"n": ".,", "r": "."}
_DATE = r"(?:[0-9]{2})?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9][0-9]{0,2})?"

_WRITTEN: dict[str, Callable[[str], Any]] = {
    kind: re.compile(pattern).fullmatch for kind, pattern in {**_NUMBERS, "dt": _DATE, "tm": _TIME}.items()
}


class Fault(NamedTuple):
    """``code`` without the standard's name; ``text`` says what is wrong, one clause."""

    code: str
    text: str


def judge(what: Element, piece: str) -> tuple[str, Fault | None, int]:
    """The value as the hub has it, what is wrong with how it is written, and the length that counts.

    :param piece: as it stands in the file, released characters shielded; not empty.
    """
    kind = what.kind
    if kind in ("an", "a"):
        if kind == "a" and any(c in "0123456789" for c in piece):
            return piece, Fault("ELEMENT_TYPE", "has digits"), len(piece)
        return piece, None, len(piece)
    if _WRITTEN[kind](piece) is None:
        if kind == "dt":
            return piece, Fault("ELEMENT_DATE", "is no date"), len(piece)
        if kind == "tm":
            return piece, Fault("ELEMENT_TIME", "is no time"), len(piece)
        return piece, Fault("ELEMENT_TYPE", "is no number"), len(piece)
    if kind in ("dt", "tm"):
        return piece, None, len(piece)
    return plain_number(what, piece), None, len(piece) - (piece[0] == "-") - any(m in piece for m in ".,")


def plain_number(what: Element, piece: str) -> str:
    """A number with a point as decimal mark, the implied one put in."""
    if what.decimals and piece:
        sign, digits = ("-", piece[1:]) if piece[0] == "-" else ("", piece)
        digits = digits.rjust(what.decimals + 1, "0")
        return f"{sign}{digits[: -what.decimals]}.{digits[-what.decimals :]}"
    return piece.replace(",", ".")


def pattern(what: Element, text: str) -> str:
    """The regular expression, one group, of a good value or none.

    :param text: the pattern of one character that is no separator, a negated set.
    """
    core = _core(what, text)
    least = what.minimum or 1
    if core is None:  # any text
        char = text if what.kind == "an" else text[:-1] + "0-9]"
        if not what.minimum:
            return f"({char}{{{1 if what.mandatory else 0},{what.maximum}}}{KEPT})"
        core = f"{char}{{{least}}}" if least == what.maximum else f"{char}{{{least},{what.maximum}}}"
    return f"({core})" if what.mandatory else f"({core})?{KEPT}"


def _core(what: Element, text: str) -> str | None:
    kind, most = what.kind, what.maximum
    least = what.minimum or 1
    if kind == "dt":
        return rf"(?=[0-9]{{{least},{most}}}(?![0-9])){_DATE}"
    if kind == "tm":
        return rf"(?=[0-9]{{{least},{most}}}(?![0-9])){_TIME}"
    if kind == "i" or (kind == "n" and what.minimum):
        # a decimal mark in a number of fixed length is rare enough to be left to the reference
        return f"-?[0-9]{{{least},{most}}}(?![0-9])"
    if kind in _MARKS:
        mark = _MARKS[kind]
        return (
            f"-?(?:[0-9]{{{least},{most}}}(?![0-9{mark}])"
            f"|(?=[0-9{mark}]{{{least + 1},{most + 1}}}(?![0-9{mark}]))[0-9]*[{mark}][0-9]+)"
        )
    return None
