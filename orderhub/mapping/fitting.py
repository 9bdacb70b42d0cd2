"""Values to the fields of the document: what has to be done so that they fit, and whether they can at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping.bound import Bound
from orderhub.mapping.kinds import Kind, truth
from orderhub.mapping.numbers import decimal_reader, integer_reader
from orderhub.mapping.problems import Problems
from orderhub.mapping.targets import TargetField, refuse
from orderhub.yaml_file import Scalar

#: The value cannot become what the field wants; the problem has been noted.
MISFIT = object()

_CONVERT: dict[tuple[Kind, Kind | None], str] = {
    (Kind.TEXT, Kind.DECIMAL): "Append | decimal.",
    (Kind.TEXT, Kind.INTEGER): "Append | integer.",
    (Kind.DECIMAL, Kind.INTEGER): "Append | integer.",
    (Kind.TEXT, Kind.DATE): 'Append | date, | date(102) or | date("%d.%m.%Y").',
    (Kind.NUMBER, Kind.DATE): "Append | date(102).",
    (Kind.VALUE, Kind.DATE): 'Append | date, or | date("%d.%m.%Y").',
    (Kind.TEXT, Kind.BOOLEAN): 'Append | one_of("1"), | boolean("Y", "N"), or compare it (==).',
    (Kind.NUMBER, Kind.BOOLEAN): "Compare it (==).",
    (Kind.INTEGER, Kind.TEXT): "Append | text.",
    (Kind.DECIMAL, Kind.TEXT): "Append | text, or take away the conversion.",
    (Kind.DATE, Kind.TEXT): "Append | text, or take away the conversion.",
    (Kind.BOOLEAN, Kind.TEXT): "Append | text.",
}


def fitting(
    bound: Bound, field: TargetField, scalar: Scalar, *, numbers: NumberFormat, problems: Problems
) -> Any:
    """What still has to be done to the value so that it fits the field: a function, ``None``, or ``MISFIT``."""
    wanted, given = field.kind, bound.kind
    steps: list[Callable[[Any], Any]] = []
    if wanted is Kind.DECIMAL and given in (Kind.NUMBER, Kind.VALUE):
        steps.append(decimal_reader(numbers))
    elif wanted is Kind.INTEGER and given in (Kind.NUMBER, Kind.VALUE):
        steps.append(integer_reader(numbers))
    elif wanted is Kind.DECIMAL and given is Kind.INTEGER:
        steps.append(Decimal)
    elif wanted is Kind.BOOLEAN and given is Kind.VALUE:
        steps.append(truth)
    elif not (wanted is given or (wanted is Kind.TEXT and given in (Kind.NUMBER, Kind.VALUE))):
        problems.add(
            "MAPPING_TYPE",
            f"{field.name} is {wanted.value if wanted else 'a part'}, and {scalar.text} gives {given.value}.",
            _CONVERT.get((given, wanted), "Convert it or choose another path."),
            scalar.mark,
        )
        return MISFIT
    if field.check is not None:
        steps.append(_checked(field))
    single = chained(steps)
    if single is not None and bound.many:
        return lambda values: [single(value) for value in values]
    return single


def constant_value(kind: Kind, scalar: Scalar, value: object) -> Any:
    """``{const: …}`` as the field's kind; ``ValueError`` or a refusal when it is none."""
    text = scalar.text
    if kind is Kind.TEXT:
        return text
    if kind is Kind.BOOLEAN and isinstance(value, bool):
        return value
    if kind is Kind.INTEGER and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is Kind.DECIMAL:
        return decimal_reader(NumberFormat())(text)
    if kind is Kind.DATE:
        return dt.date.fromisoformat(text)
    raise ValueError(text)


def _checked(field: TargetField) -> Callable[[Any], Any]:
    check = field.check

    def checked(value: Any) -> Any:
        why = check(value) if check is not None else None
        if why is not None:
            raise refuse(field, value, why)
        return value

    return checked


def chained(steps: list[Callable[[Any], Any]]) -> Callable[[Any], Any] | None:
    """The steps as one; what gives nothing ends it."""
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]

    def chain(value: Any) -> Any:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return chain


def as_list(bound: Bound, final: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """For a list of values: a single one becomes a list of one."""
    if bound.many:
        return final
    if final is None:
        return lambda value: [value]

    def wrap(value: Any) -> Any:
        converted = final(value)
        return None if converted is None else [converted]

    return wrap
