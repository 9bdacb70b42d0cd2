"""The functions that expressions may name after ``|``. There are no others: nothing is found by import or by name in
Python. A project registers its own with :func:`register`, before mappings are loaded.

A function maps one value to one value and must be pure (same input, same output, no I/O): results are remembered. It
refuses a value by raising :class:`orderhub.mapping.kinds.Refusal`. Absent values never reach a function.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

import msgspec

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping import dates
from orderhub.mapping.kinds import Kind, Refusal, shown
from orderhub.mapping.lookup_table import LookupTable, describe
from orderhub.mapping.numbers import decimal_reader, integer_reader

#: What an argument may be: a bare word of a fixed choice, the name of a lookup table, a quoted text, a whole number,
#: any value (a path, or a text or number written out), or any date.
Accepts: TypeAlias = Literal["word", "table", "text", "integer", "value", "date"]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter. ``words`` are the bare words allowed (for ``word``, and in addition for ``value``). A ``named`` one
    is written with its name (``on=…``)."""

    name: str
    accepts: Accepts
    optional: bool = False
    repeats: bool = False
    words: tuple[str, ...] = ()
    named: bool = False


class Surroundings(msgspec.Struct, frozen=True):
    """What a function may know when it is built: how the source writes numbers, the lookup tables, and the kind of the
    value that comes in."""

    numbers: NumberFormat
    table: Callable[[str], Mapping[str, str]]
    kind: Kind = Kind.TEXT


class _Dynamic:
    """Stands for an argument whose value comes from the source, document by document."""

    def __repr__(self) -> str:
        return "<from the source>"


DYNAMIC = _Dynamic()

#: Arguments at build time: texts, whole numbers or DYNAMIC. The built function gets the value and then the dynamic
#: arguments in order (``None`` when absent).
Build: TypeAlias = Callable[[Surroundings, tuple[Any, ...]], Callable[..., Any]]


class Function(msgspec.Struct, frozen=True):
    """A function of the language.

    ``takes`` are the kinds it accepts, ``gives`` is the kind of its result (``None``: the same as it took). ``lists``:
    ``each`` (one value to one value; over a list, value by value), ``reduce`` (a list to one value) or ``spread`` (one
    value to a list). A built function may return ``None``: the value is absent from there on. ``build`` raises
    ``ValueError`` with a sentence when its written arguments make no sense.
    """

    name: str
    takes: frozenset[Kind]
    gives: Kind | None
    build: Build
    parameters: tuple[Parameter, ...] = ()
    lists: Literal["each", "reduce", "spread"] = "each"
    help: str = ""


_FUNCTIONS: dict[str, Function] = {}
_TEXT = frozenset({Kind.TEXT, Kind.NUMBER, Kind.VALUE})
_ANY = frozenset(Kind)


def register(function: Function) -> None:
    """Make a function known by its name; ``ValueError`` when the name is taken or cannot be written."""
    if not function.name.isidentifier() or function.name in ("col", "and", "or", "not", "true", "false"):
        raise ValueError(f"{function.name!r} cannot be the name of a function")
    if function.name in _FUNCTIONS:
        raise ValueError(f"there is a function {function.name!r} already")
    _FUNCTIONS[function.name] = function


def function_named(name: str) -> Function | None:
    return _FUNCTIONS.get(name)


def function_names() -> list[str]:
    return sorted(_FUNCTIONS)


def signature(function: Function) -> str:
    """``lookup(table, when_unknown?)``, for error texts and the reference."""
    if not function.parameters:
        return function.name
    parts = [
        f"{p.name}{'=' + p.accepts if p.named else ''}{'…' if p.repeats else ''}"
        f"{'?' if p.optional and not p.repeats else ''}"
        for p in function.parameters
    ]
    return f"{function.name}({', '.join(parts)})"


# --- texts


def _simple(function: Callable[[str], Any]) -> Build:
    return lambda _surroundings, _arguments: function


def _trim(value: str) -> str | None:
    return value.strip() or None


def _strip_zeros(value: str) -> str:
    return value.lstrip("0") or "0"


def _build_replace(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], str | None]:
    old, new = arguments
    if not old:
        raise ValueError("the text to replace is empty")
    return lambda value: value.replace(old, new) or None


def _build_slice(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], str | None]:
    start: int = arguments[0]
    if start < 1:
        raise ValueError("the first character has position 1")
    if len(arguments) == 1:
        return lambda value: value[start - 1 :] or None
    length: int = arguments[1]
    if length < 1:
        raise ValueError("the length is at least 1")
    return lambda value: value[start - 1 : start - 1 + length] or None


def _build_split(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], list[str]]:
    separator: str = arguments[0]
    if not separator:
        raise ValueError("the separator is empty")
    return lambda value: [part for part in value.split(separator) if part]


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


# --- lists


def _build_join(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[list[str]], str | None]:
    separator: str = arguments[0] if arguments else ""
    return lambda values: separator.join(values) or None


def _first(values: list[Any]) -> Any:
    return values[0] if values else None


def _last(values: list[Any]) -> Any:
    return values[-1] if values else None


# --- codes


def _build_lookup(surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[..., str | None]:
    name: str = arguments[0]
    table = surroundings.table(name)
    words = [argument for argument in arguments[1:] if argument is not DYNAMIC]
    unknown = words[0] if words else None
    if isinstance(table, LookupTable) and table.dated:
        return _dated_lookup(name, table, unknown)
    if unknown == "keep":
        return lambda value: table.get(value, value)
    if unknown == "absent":
        return table.get

    def find(value: str) -> str:
        found = table.get(value)
        if found is None:
            raise Refusal(
                "VALUE_LOOKUP",
                f"{shown(value)} is not in the lookup table {name}.",
                f"Add it to lookups/{name}.csv, or ask the sender for a known code.",
                value,
            )
        return found

    return find


def _dated_lookup(
    name: str, table: LookupTable, unknown: str | None
) -> Callable[[str, dt.date | None], str | None]:
    def find(value: str, day: dt.date | None) -> str | None:
        row = table.on(value, day) if day is not None else None
        if row is not None:
            return row.to
        if unknown is not None and (day is not None or value not in table.rows):
            return value if unknown == "keep" else None
        if day is None:
            raise Refusal(
                "VALUE_LOOKUP",
                f"{shown(value)} is looked up in {name} by date, and there is none.",
                "Ask the sender for the date, or choose another in the mapping (on=…).",
                value,
            )
        known = describe(table, value)
        when = f" (only {known})" if known else ""
        raise Refusal(
            "VALUE_LOOKUP",
            f"{shown(value)} is not in the lookup table {name} on {day.isoformat()}{when}.",
            f"Add it to {table.file} for that day, or ask the sender for a known code.",
            value,
        )

    return find


def gs1_check_digit(digits: str) -> str:
    """The check digit of a GS1 key without it (GS1 General Specifications 7.9: weights 3 and 1 from the right)."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _check_gs1(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) in (8, 12, 13, 14, 17, 18)):
        raise Refusal(
            "VALUE_CHECK_DIGIT",
            f"{shown(value)} is no GS1 key (8, 12, 13, 14, 17 or 18 digits).",
            "Ask the sender for the right number.",
            value,
        )
    expected = gs1_check_digit(value[:-1])
    if value[-1] != expected:
        raise Refusal(
            "VALUE_CHECK_DIGIT",
            f"{shown(value)} has check digit {value[-1]}, by GS1 it must be {expected}.",
            "A digit is wrong or two are swapped: ask the sender for the right number.",
            value,
        )
    return value


def _build_one_of(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], bool]:
    return frozenset(arguments).__contains__


def _build_boolean(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[[str], bool]:
    yes, no = arguments
    if yes == no:
        raise ValueError("the texts for true and false are the same")
    values = {yes: True, no: False}

    def read(value: str) -> bool:
        found = values.get(value)
        if found is None:
            raise Refusal(
                "VALUE_BOOLEAN", f"{shown(value)} is neither {yes!r} nor {no!r}.", "Ask the sender.", value
            )
        return found

    return read


# --- numbers and dates


def _build_decimal(surroundings: Surroundings, _arguments: tuple[Any, ...]) -> Callable[[Any], Decimal]:
    return decimal_reader(surroundings.numbers) if surroundings.kind in _TEXT else Decimal


def _build_integer(surroundings: Surroundings, _arguments: tuple[Any, ...]) -> Callable[[Any], int]:
    read = integer_reader(surroundings.numbers)
    if surroundings.kind in _TEXT:
        return read
    return lambda value: read(format(Decimal(value), "f"))


def _build_date(_surroundings: Surroundings, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    pattern = arguments[0] if arguments else "iso"
    if pattern is not DYNAMIC:
        try:
            return dates.compile_pattern(pattern)
        except dates.PatternError as error:
            raise ValueError(str(error)) from None

    def read(value: str, code: str | None) -> Any:
        if code is None:
            raise Refusal(
                "VALUE_DATE",
                f"The date {shown(value)} comes without its format code.",
                'Ask the sender for it, or give the mapping a fallback (… ? "102").',
                value,
            )
        if not code.isdigit():
            raise Refusal(
                "VALUE_DATE", f"{shown(code)} is no date format code.", "Ask the sender for it.", code
            )
        try:
            return dates.compile_pattern(code)(value)
        except dates.PatternError as error:
            raise Refusal(
                "VALUE_DATE", f"For {shown(value)} {error}.", "Ask the sender for another.", code
            ) from None

    return read


for _function in (
    Function(
        "trim", _TEXT, None, _simple(_trim), help="without spaces around it; absent when nothing is left"
    ),
    Function("upper", _TEXT, None, _simple(str.upper), help="in capital letters"),
    Function("lower", _TEXT, None, _simple(str.lower), help="in small letters"),
    Function(
        "strip_zeros",
        _TEXT,
        None,
        _simple(_strip_zeros),
        help="without leading zeros (one is left of only zeros)",
    ),
    Function(
        "replace",
        _TEXT,
        Kind.TEXT,
        _build_replace,
        (Parameter("old", "text"), Parameter("new", "text")),
        help="every occurrence of a text by another",
    ),
    Function(
        "slice",
        _TEXT,
        Kind.TEXT,
        _build_slice,
        (Parameter("start", "integer"), Parameter("length", "integer", optional=True)),
        help="characters from a position (the first is 1), up to the end or of a length",
    ),
    Function(
        "split",
        _TEXT,
        Kind.TEXT,
        _build_split,
        (Parameter("separator", "text"),),
        lists="spread",
        help="a list of the parts between separators, without empty ones",
    ),
    Function("text", _ANY, Kind.TEXT, lambda _s, _a: _to_text, help="as text"),
    Function(
        "join",
        _TEXT,
        Kind.TEXT,
        _build_join,
        (Parameter("separator", "text", optional=True),),
        lists="reduce",
        help="one text of a list",
    ),
    Function("first", _ANY, None, lambda _s, _a: _first, lists="reduce", help="the first of a list"),
    Function("last", _ANY, None, lambda _s, _a: _last, lists="reduce", help="the last of a list"),
    Function(
        "lookup",
        _TEXT,
        Kind.TEXT,
        _build_lookup,
        (
            Parameter("table", "table"),
            Parameter("when_unknown", "word", optional=True, words=("keep", "absent")),
            Parameter("on", "date", optional=True, named=True),
        ),
        help="the code that lookups/<table>.csv gives; an unknown one is refused unless keep or absent is written; "
        "a table with dates is asked for the document's issued_on, or for another date",
    ),
    Function(
        "check_digit",
        _TEXT,
        Kind.TEXT,
        lambda _s, _a: _check_gs1,
        (Parameter("scheme", "word", words=("gs1",)),),
        help="the value itself, refused when its GS1 check digit is wrong",
    ),
    Function(
        "one_of",
        _TEXT,
        Kind.BOOLEAN,
        _build_one_of,
        (Parameter("values", "text", repeats=True),),
        help="whether the value is one of the texts",
    ),
    Function(
        "boolean",
        _TEXT,
        Kind.BOOLEAN,
        _build_boolean,
        (Parameter("yes", "text"), Parameter("no", "text")),
        help="true or false by their texts in the source; anything else is refused",
    ),
    Function(
        "decimal",
        _TEXT | {Kind.INTEGER, Kind.DECIMAL},
        Kind.DECIMAL,
        _build_decimal,
        help="a number",
    ),
    Function(
        "integer",
        _TEXT | {Kind.INTEGER, Kind.DECIMAL},
        Kind.INTEGER,
        _build_integer,
        help="a whole number",
    ),
    Function(
        "date",
        _TEXT,
        Kind.DATE,
        _build_date,
        (Parameter("format", "value", optional=True, words=("iso",)),),
        help="a date: iso (without argument), a format code of UN/EDIFACT 2379 (102, also from a path), or a pattern "
        '("%d.%m.%Y")',
    ),
):
    register(_function)
