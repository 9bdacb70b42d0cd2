"""Comparisons and their joining: the conditions of the language. Absent stays absent: a comparison with nothing is
neither true nor false."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orderhub.formats.dialect import NumberFormat
from orderhub.mapping.bound import Bound, common
from orderhub.mapping.expressions import Call, Choice, Compare, Expression, Logic, Member, Number
from orderhub.mapping.kinds import NUMERIC, TEXTUAL, Kind, truth
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
        ordered = expression.operator not in ("==", "!=")
        if kinds == {Kind.VALUE, Kind.BOOLEAN} and not ordered:
            return lambda value: truth(value) if isinstance(value, str) else value
        if kinds <= NUMERIC and (kinds != {Kind.VALUE} or ordered):
            decimal = self.decimal

            def number(value: Any) -> Any:
                return decimal(value) if isinstance(value, str) else value

            return number if kinds & TEXTUAL else None
        written = isinstance(expression.left, Number) or isinstance(expression.right, Number)
        if (kinds <= TEXTUAL and not written) or len(kinds) == 1:
            if kinds == {Kind.BOOLEAN} and ordered:
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

    def member(self, expression: Member, scalar: Scalar) -> Bound:
        """One comparison for each option: the same rules for types, and for what is absent."""
        item, offset = expression.item, expression.offset
        compared = tuple(Compare("==", item, option, option.offset) for option in expression.options)
        found = self.logic(Logic("or", compared, offset), scalar)
        if not expression.negated:
            return found
        inner = found.evaluate()

        def negate(node: Any, run: Any) -> Any:
            value = inner(node, run)
            return None if value is None else not value

        return Bound(Kind.BOOLEAN, False, found.optional, negate, None, None, True, found.sources)

    def presence(self, expression: Call, scalar: Scalar) -> Bound:
        """``present(path)`` and ``absent(path)``: always true or false."""
        if len(expression.arguments) != 1:
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"{expression.name} needs one value.",
                f"Write {expression.name}(path).",
                scalar,
                expression.offset,
            )
        part = self.bound(expression.arguments[0], scalar)
        evaluate, wanted = part.evaluate(), expression.name == "present"

        def full(node: Any, run: Any) -> bool:
            return (evaluate(node, run) is not None) is wanted

        return Bound(Kind.BOOLEAN, False, False, full, None, None, True, part.sources)

    def condition(self, expression: Expression, scalar: Scalar, after: str) -> Bound:
        """What stands after ``when`` or ``where``: true or false."""
        bound = self.bound(expression, scalar)
        if bound.kind is not Kind.BOOLEAN or bound.many:
            raise self.wrong(
                "MAPPING_TYPE",
                f"After '{after}' stands a condition, and here is {'a list of ' if bound.many else ''}"
                f"{bound.kind.value}.",
                "Compare it (==), or write present(path).",
                scalar,
                expression.offset,
            )
        return bound

    def choice(self, expression: Choice, scalar: Scalar) -> Bound:
        """A condition that is absent is not true: the other side is taken."""
        written = (
            [expression.value] if expression.otherwise is None else [expression.value, expression.otherwise]
        )
        failed: BindError | None = None
        try:
            condition = self.condition(expression.condition, scalar, "when")
        except BindError as error:
            failed = error
        sides = self.all(tuple(written), scalar)
        if failed is not None:
            raise failed
        kind, many = sides[0].kind, sides[0].many
        for side in sides[1:]:
            joined = common(kind, side.kind)
            if joined is None or side.many is not many:
                raise self.wrong(
                    "MAPPING_TYPE" if joined is None else "MAPPING_LIST",
                    f"Before 'when' stands {'a list of ' if many else ''}{kind.value}, after 'otherwise' "
                    f"{'a list of ' if side.many else ''}{side.kind.value}.",
                    "Convert one of them."
                    if joined is None
                    else "Choose one value with first, last or join.",
                    scalar,
                    written[1].offset,
                )
            kind = joined
        decide, value = condition.evaluate(), sides[0].evaluate()
        other = sides[1].evaluate() if len(sides) > 1 else None

        def full(node: Any, run: Any) -> Any:
            if decide(node, run) is True:
                return value(node, run)
            return None if other is None else other(node, run)

        sources = tuple(source for side in (*sides, condition) for source in side.sources)
        optional = other is None or any(side.optional for side in sides)
        return Bound(kind, many, optional, full, None, None, not many, sources)
