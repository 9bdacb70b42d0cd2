"""Comparisons and their joining: the conditions of the language. Absent stays absent: a comparison with nothing is
neither true nor false."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping.bound import Bound
from orderhub.mapping.expressions import Compare, Expression, Logic, Number
from orderhub.mapping.kinds import NUMERIC, TEXTUAL, Kind
from orderhub.mapping.numbers import decimal_reader
from orderhub.mapping.problems import Problems
from orderhub.yaml_file import Scalar

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


class BindError(Exception):
    """The expression is wrong; the problem has been noted."""


class ConditionBinder:
    """Binds conditions; what stands in them is bound by the class built on this one."""

    def __init__(self, *, numbers: NumberFormat, problems: Problems) -> None:
        self.numbers = numbers
        self.problems = problems
        self.decimal = decimal_reader(numbers)

    def wrong(
        self,
        code: str,
        what: str,
        todo: str,
        scalar: Scalar,
        offset: int,
        suggestions: list[str] | None = None,
    ) -> BindError:
        """Note a problem; the result is to be raised."""
        self.problems.add(code, what, todo, scalar.at(offset), suggestions=suggestions or ())
        return BindError(what)

    def bound(self, expression: Expression, scalar: Scalar) -> Bound:
        """Bind any expression; :class:`BindError` when it is wrong."""
        raise NotImplementedError

    def all(self, expressions: tuple[Expression, ...], scalar: Scalar) -> list[Bound]:
        """Bind several, so that the problems of all of them are noted."""
        bound: list[Bound] = []
        failed: BindError | None = None
        for expression in expressions:
            try:
                bound.append(self.bound(expression, scalar))
            except BindError as error:
                failed = error
        if failed is not None:
            raise failed
        return bound

    def compare(self, expression: Compare, scalar: Scalar) -> Bound:
        left, right = self.all((expression.left, expression.right), scalar)
        if left.many or right.many:
            raise self.wrong(
                "MAPPING_LIST",
                "A list cannot be compared.",
                "Choose one value with first, last or join, or count them.",
                scalar,
                expression.right.offset if right.many else expression.left.offset,
            )
        convert = self.comparable(expression, left, right, scalar)
        left_value, right_value = left.evaluate(), right.evaluate()
        compare = COMPARISONS[expression.operator]

        def full(node: Any, run: Any) -> Any:
            one = left_value(node, run)
            if one is None:
                return None
            other = right_value(node, run)
            if other is None:
                return None
            return compare(one, other) if convert is None else compare(convert(one), convert(other))

        sources = left.sources + right.sources
        return Bound(Kind.BOOLEAN, False, left.optional or right.optional, full, None, None, True, sources)

    def comparable(
        self, expression: Compare, left: Bound, right: Bound, scalar: Scalar
    ) -> Callable[[Any], Any] | None:
        """What makes both sides comparable; ``None`` when they are."""
        kinds = {left.kind, right.kind}
        if kinds <= NUMERIC:
            decimal = self.decimal

            def number(value: Any) -> Any:
                return decimal(value) if isinstance(value, str) else value

            return number if Kind.NUMBER in kinds else None
        written = isinstance(expression.left, Number) or isinstance(expression.right, Number)
        if (kinds <= TEXTUAL and not written) or len(kinds) == 1:
            if kinds == {Kind.BOOLEAN} and expression.operator not in ("==", "!="):
                raise self.wrong(
                    "MAPPING_TYPE",
                    "True and false have no order.",
                    "Use == or !=.",
                    scalar,
                    expression.offset,
                )
            return None
        todo = (
            "Convert one side: append | decimal, or quote the number."
            if kinds & NUMERIC
            else "Convert one side."
        )
        raise self.wrong(
            "MAPPING_TYPE",
            f"{left.kind.value} cannot be compared with {right.kind.value}.",
            todo,
            scalar,
            expression.offset,
        )

    def logic(self, expression: Logic, scalar: Scalar) -> Bound:
        parts = self.all(expression.parts, scalar)
        for part, written in zip(parts, expression.parts, strict=True):
            if part.kind is not Kind.BOOLEAN or part.many:
                raise self.wrong(
                    "MAPPING_TYPE",
                    f"'{expression.operator}' joins conditions, and here is {part.kind.value}.",
                    "Compare it with something.",
                    scalar,
                    written.offset,
                )
        evaluated = [part.evaluate() for part in parts]
        sources = tuple(source for part in parts for source in part.sources)
        optional = any(part.optional for part in parts)
        if expression.operator == "not":
            inner = evaluated[0]

            def negate(node: Any, run: Any) -> Any:
                value = inner(node, run)
                return None if value is None else not value

            return Bound(Kind.BOOLEAN, False, optional, negate, None, None, True, sources)
        deciding = expression.operator == "or"

        def full(node: Any, run: Any) -> Any:
            absent = False
            for part in evaluated:
                value = part(node, run)
                if value is None:
                    absent = True
                elif value is deciding:
                    return deciding
            return None if absent else not deciding

        return Bound(Kind.BOOLEAN, False, optional, full, None, None, True, sources)
