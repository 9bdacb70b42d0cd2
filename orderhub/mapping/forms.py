"""Functions of the mapping language that give values the form that a partner wants: decimal places, dates, widths."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from orderhub.mapping.dates import EDIFACT_2379
from orderhub.mapping.functions import DYNAMIC, Function, Parameter, Surroundings, register
from orderhub.mapping.kinds import Kind, Refusal, shown

#: More digits than any number has that the language takes, so that nothing but the decimal places is rounded.
_EXACT = Context(prec=100)
_MAX_PLACES = 20
_LINE_END = re.compile("\r\n|\r|\n")
_EPOCH = dt.date(1970, 1, 1)
#: OData V2 writes a date in JSON as milliseconds since 1970 (OData JSON Verbose Format 4).
ODATA_V2 = "odata_v2"

_DIRECTIVES: dict[str, Callable[[dt.date], str]] = {
    "Y": lambda day: f"{day.year:04d}",
    "y": lambda day: f"{day.year % 100:02d}",
    "m": lambda day: f"{day.month:02d}",
    "d": lambda day: f"{day.day:02d}",
    "H": lambda _day: "00",
    "M": lambda _day: "00",
    "S": lambda _day: "00",
    "%": lambda _day: "%",
}


def _build_decimals(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[Any], str]:
    places: int = arguments[0]
    if places > _MAX_PLACES:
        raise ValueError(f"there are at most {_MAX_PLACES} decimal places")
    unit, rounds = Decimal(1).scaleb(-places), len(arguments) > 1

    def write(value: Any) -> str:
        number = Decimal(value)
        made = _EXACT.quantize(number, unit) if not rounds else number.quantize(unit, ROUND_HALF_UP, _EXACT)
        if not rounds and made != number:
            raise Refusal(
                "VALUE_NUMBER",
                f"{number:f} has more than {places} decimal places.",
                f"Write decimals({places}, round) if it may be rounded.",
                f"{number:f}",
            )
        # minus nothing is nothing
        return format(made if made else abs(made), "f")

    return write


def _build_format(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[dt.date], str]:
    pattern = arguments[0]
    if pattern is DYNAMIC:
        raise ValueError("the format is written out, not taken from the document")
    if pattern == ODATA_V2:
        return lambda day: f"/Date({(day - _EPOCH).days * 86_400_000})/"
    if pattern == "iso":
        return lambda day: day.isoformat()
    if pattern.isdigit():
        if pattern not in EDIFACT_2379:
            known = ", ".join(sorted(EDIFACT_2379, key=int))
            raise ValueError(f"the date format code {pattern} is not known (known: {known})")
        pattern = EDIFACT_2379[pattern]
    parts: list[Callable[[dt.date], str]] = []
    for text in re.split(r"(%.?)", pattern):
        if text.startswith("%"):
            directive = _DIRECTIVES.get(text[1:])
            if directive is None:
                raise ValueError(f"the pattern uses {text}; known are %Y %y %m %d %H %M %S %%")
            parts.append(directive)
        elif text:
            parts.append(lambda _day, text=text: text)  # type: ignore[misc]  # mypy knows no default of a lambda
    if not any(text in pattern for text in ("%Y", "%y", "%m", "%d")):
        raise ValueError(f"{pattern!r} has nothing of a date in it; write for example %Y%m%d")
    return lambda day: "".join([part(day) for part in parts])


def _build_pad(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[Any], str]:
    width: int = arguments[0]
    fill: str = arguments[1] if len(arguments) > 1 else "0"
    if len(fill) != 1:
        raise ValueError("it is filled with one character")

    def write(value: Any) -> str:
        text = str(value)
        if len(text) > width:
            raise _too_long(text, width)
        return text.rjust(width, fill)

    return write


def _build_at_most(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], str]:
    length: int = arguments[0]
    if length < 1:
        raise ValueError("the length is at least 1")

    def fit(value: str) -> str:
        if len(value) > length:
            raise _too_long(value, length)
        return value

    return fit


def _too_long(text: str, length: int) -> Refusal:
    return Refusal(
        "VALUE_LENGTH",
        f"{shown(text)} has more than {length} characters.",
        "Correct the document, or cut it in the mapping (slice).",
        text,
    )


def _build_pieces(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], list[str]]:
    length: int = arguments[0]
    if length < 1:
        raise ValueError("the length is at least 1")
    return lambda value: _pieces(value, length)


def _pieces(text: str, length: int) -> list[str]:
    """Lines of at most so many characters: at line ends, else at spaces, else in the middle of a word."""
    lines: list[str] = []
    # not splitlines, which drops control characters as well
    for whole in _LINE_END.split(text):
        line = whole
        while len(line) > length:
            cut = line.rfind(" ", 1, length + 1)
            cut = length if cut < 1 else cut
            lines.append(line[:cut].rstrip())
            line = line[cut:].lstrip()
        lines.append(line)
    return [line for line in lines if line]


for _function in (
    Function(
        "at_most",
        frozenset({Kind.TEXT, Kind.NUMBER, Kind.VALUE}),
        None,
        _build_at_most,
        (Parameter("length", "integer"),),
        help="the value itself, refused when it has more characters",
    ),
    Function(
        "decimals",
        frozenset({Kind.DECIMAL, Kind.INTEGER}),
        Kind.NUMBER,
        _build_decimals,
        (Parameter("places", "integer"), Parameter("rounding", "word", optional=True, words=("round",))),
        help="the number with exactly so many decimal places; one with more is refused unless round is written (half up)",
    ),
    Function(
        "format",
        frozenset({Kind.DATE}),
        Kind.TEXT,
        _build_format,
        (Parameter("pattern", "value", words=("iso", ODATA_V2)),),
        help='a date as text: a pattern ("%Y%m%d"), a code of UN/EDIFACT 2379 (102), iso, or odata_v2 (milliseconds)',
    ),
    Function(
        "pad",
        frozenset({Kind.TEXT, Kind.NUMBER, Kind.VALUE, Kind.INTEGER}),
        Kind.TEXT,
        _build_pad,
        (Parameter("width", "integer"), Parameter("fill", "text", optional=True)),
        help="filled from the left to a width, with zeros or another character; a longer one is refused",
    ),
    Function(
        "pieces",
        frozenset({Kind.TEXT, Kind.NUMBER, Kind.VALUE}),
        Kind.TEXT,
        _build_pieces,
        (Parameter("length", "integer"),),
        lists="spread",
        help="a list of lines of at most so many characters, cut at spaces",
    ),
):
    register(_function)
