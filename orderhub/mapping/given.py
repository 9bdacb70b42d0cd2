"""What the agreement with the partner gives where its documents are silent: ``agreement(currency)``.

A mapping knows no partner. The values are handed to the run (:meth:`orderhub.mapping.run.CompiledMapping.run`): by the
translate stage out of the agreement's ``defaults``, by the command line, by a golden pair out of a file beside it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from orderhub.config_file import Section, read_config
from orderhub.mapping.expressions import (
    Call,
    Choice,
    Compare,
    Expression,
    Fallback,
    Logic,
    Member,
    Named,
    Pipe,
)
from orderhub.mapping.expressions import Path as SourcePath
from orderhub.mapping.kinds import Kind
from orderhub.mapping.language import Constant, FieldMapping, Leaf

#: Values by name; a name without a value is absent.
Given: TypeAlias = Mapping[str, Any]

NOTHING_GIVEN: Given = {}

#: What ``agreement(…)`` can name, and its kind.
AGREEMENT: dict[str, Kind] = {
    "currency": Kind.TEXT,
    "issued_on": Kind.DATE,
    "unit": Kind.TEXT,
    "buyer_gln": Kind.TEXT,
    "buyer_code": Kind.TEXT,
    "buyer_name": Kind.TEXT,
    "supplier_gln": Kind.TEXT,
    "supplier_code": Kind.TEXT,
    "supplier_name": Kind.TEXT,
    "payment_terms": Kind.TEXT,
}

_PATTERNS = {
    "currency": (re.compile(r"[A-Z]{3}"), "is no currency", "Write its ISO 4217 code, such as EUR."),
    "unit": (re.compile(r"[A-Z0-9]{2,3}"), "is no unit", "Write its UNECE Rec 20 code, such as C62."),
    "buyer_gln": (re.compile(r"[0-9]{13}"), "is no GLN", "A GLN has 13 digits; write it in quotes."),
    "supplier_gln": (re.compile(r"[0-9]{13}"), "is no GLN", "A GLN has 13 digits; write it in quotes."),
}
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def given_from(section: Section) -> dict[str, Any]:
    """The values of an agreement's ``defaults`` (or of the file beside a golden pair).

    :raises ConfigError: an unknown name, or a value that cannot be meant, at its line and column.
    """
    found: dict[str, Any] = {}
    for name, kind in AGREEMENT.items():
        text = section.optional_text(name)
        if text is None:
            continue
        if name in _PATTERNS:
            pattern, why, todo = _PATTERNS[name]
            if not pattern.fullmatch(text):
                section.fail(name, f"{text!r} {why}.", todo)
        found[name] = _date(section, name, text) if kind is Kind.DATE else text
    section.done()
    return found


def _date(section: Section, name: str, text: str) -> dt.date:
    try:
        if _ISO_DATE.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass  # the shape of a date, and no day of the calendar
    section.fail(name, f"{text!r} is no date.", "Write it as 2026-01-30.")


def read_given(path: Path) -> dict[str, Any]:
    """The values of a file of their own: ``currency: EUR`` and so on.

    :raises ConfigError: as :func:`given_from`.
    """
    return given_from(read_config(path))


def names_in(expression: Expression) -> Iterator[str]:
    """The names that an expression takes from the agreement."""
    for call in _calls(expression):
        argument = call.arguments[0] if call.name == "agreement" and call.arguments else None
        if isinstance(argument, SourcePath):
            yield argument.text


def _calls(expression: Expression) -> Iterator[Call]:
    if isinstance(expression, Call):
        yield expression
        for argument in expression.arguments:
            yield from _calls(argument)
    elif isinstance(expression, Named):
        yield from _calls(expression.value)
    elif isinstance(expression, Pipe):
        yield from _calls(expression.head)
        for call in expression.calls:
            yield from _calls(call)
    elif isinstance(expression, Fallback):
        for option in expression.options:
            yield from _calls(option)
    elif isinstance(expression, Logic):
        for part in expression.parts:
            yield from _calls(part)
    elif isinstance(expression, Member):
        for part in (expression.item, *expression.options):
            yield from _calls(part)
    elif isinstance(expression, Choice):
        for side in (expression.value, expression.condition, expression.otherwise):
            if side is not None:
                yield from _calls(side)
    elif isinstance(expression, Compare):
        yield from _calls(expression.left)
        yield from _calls(expression.right)


def taken(fields: Mapping[str, FieldMapping]) -> set[str]:
    """All names that the fields of a mapping take from the agreement."""
    found: set[str] = set()
    for field in fields.values():
        if isinstance(field, Leaf):
            found.update(names_in(field.expression))
        elif not isinstance(field, Constant):
            found |= taken(field.fields)
            for condition in (field.when, field.where):
                if condition is not None:
                    found.update(names_in(condition.expression))
    return found


class Need(msgspec.Struct, frozen=True):
    """A value of the agreement that a field depends on. ``alone``: the field has no other source."""

    name: str
    field: str
    line: int
    alone: bool


def needs(fields: Mapping[str, FieldMapping], prefix: str = "") -> Iterator[Need]:
    """The values that must be there, because nothing in the mapping stands for them when they are not.

    ``agreement(x) ? "EUR"`` needs nothing. ``path ? agreement(x)`` needs it for documents without the path.
    """
    for name, field in fields.items():
        if isinstance(field, Leaf):
            last = _last(field.expression)
            if isinstance(last, Call) and last.name == "agreement":
                line = field.scalar.mark[0]
                alone = _head(field.expression) is last
                yield from (Need(one, f"{prefix}{name}", line, alone) for one in names_in(last))
        elif not isinstance(field, Constant):
            yield from needs(field.fields, f"{prefix}{name}.")


def _head(expression: Expression) -> Expression:
    return _head(expression.head) if isinstance(expression, Pipe) else expression


def _last(expression: Expression) -> Expression:
    head = _head(expression)
    return _last(head.options[-1]) if isinstance(head, Fallback) else head
