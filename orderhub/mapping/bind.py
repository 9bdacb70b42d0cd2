"""Expressions to closures: every path resolved by the dialect, every function chosen, every type known.

What can be decided now is decided now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from orderhub.formats.dialect import NumberFormat, PathError, ResolvedPath, Scope
from orderhub.mapping.apply import FunctionBinder, IssuedOn, Uses
from orderhub.mapping.bound import (
    Bound,
    alternatives,
    common,
    constant,
    either,
    first_direct,
    with_run,
)
from orderhub.mapping.conditions import BindError
from orderhub.mapping.expressions import (
    Call,
    Choice,
    Compare,
    Expression,
    Fallback,
    Member,
    Named,
    Number,
    Path,
    Pipe,
    Text,
    Truth,
)
from orderhub.mapping.functions import (
    function_named,
    function_names,
)
from orderhub.mapping.given import AGREEMENT, NOTHING_GIVEN, Given
from orderhub.mapping.kinds import Kind
from orderhub.mapping.problems import Problems, close_to
from orderhub.yaml_file import Scalar

if TYPE_CHECKING:
    from orderhub.mapping.lookups import Lookups

#: What ``interchange(…)`` can give, and its kind.
ENVELOPE = {
    "test": Kind.BOOLEAN,
    "sender": Kind.TEXT,
    "sender_qualifier": Kind.TEXT,
    "receiver": Kind.TEXT,
    "receiver_qualifier": Kind.TEXT,
    "control_reference": Kind.TEXT,
    "application_reference": Kind.TEXT,
}


class Binder(FunctionBinder):
    """Binds the expressions of one scope. ``given`` are the agreement's values: they are bound as constants."""

    def __init__(
        self,
        scope: Scope,
        *,
        numbers: NumberFormat,
        lookups: Lookups,
        problems: Problems,
        uses: Uses,
        given: Given = NOTHING_GIVEN,
        issued_on: IssuedOn | None = None,
    ) -> None:
        super().__init__(numbers=numbers, lookups=lookups, problems=problems, uses=uses, issued_on=issued_on)
        self.scope = scope
        self.given = given

    def within(self, scope: Scope) -> Binder:
        """The same for a group's scope."""
        return Binder(
            scope,
            numbers=self.numbers,
            lookups=self.lookups,
            problems=self.problems,
            uses=self.uses,
            given=self.given,
            issued_on=self.issued_on,
        )

    def bind(self, expression: Expression, scalar: Scalar) -> Bound | None:
        """Bind one expression; ``None`` when it is wrong (the problem is noted)."""
        try:
            return self.bound(expression, scalar)
        except BindError:
            return None

    # --- the cases

    def bound(self, expression: Expression, scalar: Scalar) -> Bound:
        if isinstance(expression, Path):
            return self.path(expression, scalar)
        if isinstance(expression, Text):
            return constant(expression.value, Kind.TEXT)
        if isinstance(expression, Number):
            return constant(expression.text.replace(".", self.numbers.marks[0]), Kind.NUMBER)
        if isinstance(expression, Truth):
            return constant(expression.value, Kind.BOOLEAN)
        if isinstance(expression, Fallback):
            return self.fallback(expression, scalar)
        if isinstance(expression, Pipe):
            return self.pipe(expression, scalar)
        if isinstance(expression, Call):
            return self.call(expression, scalar)
        if isinstance(expression, Compare):
            return self.compare(expression, scalar)
        if isinstance(expression, Named):
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"There is no argument {expression.name!r} here.",
                "Write the value alone.",
                scalar,
                expression.offset,
            )
        if isinstance(expression, Member):
            return self.member(expression, scalar)
        if isinstance(expression, Choice):
            return self.choice(expression, scalar)
        return self.logic(expression, scalar)

    def path(self, expression: Path, scalar: Scalar) -> Bound:
        resolved = self.resolve(expression, scalar)
        get = resolved.get
        kind = Kind(resolved.type)
        direct: Callable[[Any], Any] | None
        if resolved.many:

            def direct(node: Any) -> Any:
                return get(node) or None

            def from_root(_node: Any, run: Any) -> Any:
                return get(run.root) or None
        else:
            direct = get

            def from_root(_node: Any, run: Any) -> Any:
                return get(run.root)

        if resolved.from_root:
            return Bound(
                kind, resolved.many, resolved.optional, from_root, None, None, not resolved.many, (resolved,)
            )
        return Bound(
            kind,
            resolved.many,
            resolved.optional,
            with_run(direct),
            direct,
            None,
            not resolved.many,
            (resolved,),
            (resolved,),
        )

    def resolve(self, expression: Path, scalar: Scalar) -> ResolvedPath:
        try:
            resolved = self.scope.resolve(expression.text)
        except PathError as error:
            raise self.wrong(
                error.code,
                error.what,
                error.todo or f"Paths here are those of {self.scope.description}.",
                scalar,
                expression.offset + error.offset,
                list(error.suggestions),
            ) from None
        self.uses.paths.append(resolved)
        return resolved

    def fallback(self, expression: Fallback, scalar: Scalar) -> Bound:
        options = self.all(expression.options, scalar)
        many = options[0].many
        if any(option.many is not many for option in options):
            raise self.wrong(
                "MAPPING_LIST",
                "One side of '?' is a list, the other a single value.",
                "Choose one with first, last or join: (path | first) ? other.",
                scalar,
                expression.offset,
            )
        kind = options[0].kind
        for option in options[1:]:
            joined = common(kind, option.kind)
            if joined is None:
                raise self.wrong(
                    "MAPPING_TYPE",
                    f"One side of '?' is {kind.value}, the other {option.kind.value}.",
                    "Convert both, or put '?' before '|'.",
                    scalar,
                    expression.offset,
                )
            kind = joined
        sources = tuple(source for option in options for source in option.sources)
        optional = all(option.optional for option in options)
        raw = all(option.convert is None for option in options)
        directs = [option.direct for option in options]
        if raw and all(direct is not None for direct in directs):
            direct = first_direct([direct for direct in directs if direct is not None])
            inputs = tuple(path for option in options for path in option.inputs)
            return Bound(
                kind,
                many,
                optional,
                with_run(direct),
                direct,
                None,
                not many,
                sources,
                inputs,
                either(options),
                *alternatives(options),
            )
        evaluated = [option.evaluate() for option in options]

        def full(node: Any, run: Any) -> Any:
            for option in evaluated:
                value = option(node, run)
                if value is not None:
                    return value
            return None

        return Bound(kind, many, optional, full, None, None, not many, sources)

    def pipe(self, expression: Pipe, scalar: Scalar) -> Bound:
        current = self.bound(expression.head, scalar)
        for call in expression.calls:
            current = self.apply(current, call, scalar)
        return current

    def call(self, expression: Call, scalar: Scalar) -> Bound:
        if expression.name == "interchange":
            return self.interchange(expression, scalar)
        if expression.name == "agreement":
            return self.agreement(expression, scalar)
        if expression.name in ("present", "absent"):
            return self.presence(expression, scalar)
        if expression.name == "list":
            return self.list_of(expression, scalar)
        if expression.name == "count":
            return self.count(expression, scalar)
        if function_named(expression.name) is not None:
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"The function {expression.name} stands after a value.",
                f"Write path | {expression.name}.",
                scalar,
                expression.offset,
            )
        known = ["agreement", "interchange", "present", "absent", "list", "count", "sum"]
        raise self.wrong(
            "MAPPING_FUNCTION",
            f"There is no value {expression.name}(…).",
            "Functions stand after '|'.",
            scalar,
            expression.offset,
            close_to(expression.name, [*known, *function_names()]),
        )

    def interchange(self, expression: Call, scalar: Scalar) -> Bound:
        argument = expression.arguments[0] if len(expression.arguments) == 1 else None
        if not isinstance(argument, Path) or argument.text not in ENVELOPE:
            raise self.wrong(
                "MAPPING_FUNCTION",
                "interchange needs one word.",
                f"The words are {', '.join(ENVELOPE)}.",
                scalar,
                expression.offset,
                close_to(argument.text, ENVELOPE) if isinstance(argument, Path) else [],
            )
        name = argument.text

        def full(_node: Any, run: Any) -> Any:
            value = getattr(run.interchange, name)
            return None if value == "" else value

        kind = ENVELOPE[name]
        return Bound(kind, False, kind is not Kind.BOOLEAN, full, None, None, True, ())

    def agreement(self, expression: Call, scalar: Scalar) -> Bound:
        argument = expression.arguments[0] if len(expression.arguments) == 1 else None
        if not isinstance(argument, Path) or argument.text not in AGREEMENT:
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"An agreement has no {argument.text!r}."
                if isinstance(argument, Path)
                else "agreement needs one word.",
                f"The words are {', '.join(AGREEMENT)}.",
                scalar,
                argument.offset if isinstance(argument, Path) else expression.offset,
                close_to(argument.text, AGREEMENT) if isinstance(argument, Path) else [],
            )
        self.uses.agreement.add(argument.text)
        value = constant(self.given.get(argument.text), AGREEMENT[argument.text])
        return msgspec.structs.replace(value, optional=True)

    def list_of(self, expression: Call, scalar: Scalar) -> Bound:
        if not expression.arguments:
            raise self.wrong(
                "MAPPING_FUNCTION", "list needs values.", "Write list(a, b).", scalar, expression.offset
            )
        parts = self.all(expression.arguments, scalar)
        kind = parts[0].kind
        for part in parts[1:]:
            joined = common(kind, part.kind)
            if joined is None:
                raise self.wrong(
                    "MAPPING_TYPE",
                    "The values of list(…) differ in type.",
                    "Convert them.",
                    scalar,
                    expression.offset,
                )
            kind = joined
        evaluated = [(part.evaluate(), part.many) for part in parts]

        def full(node: Any, run: Any) -> Any:
            values: list[Any] = []
            for part, many in evaluated:
                value = part(node, run)
                if value is None:
                    continue
                if many:
                    values.extend(value)
                else:
                    values.append(value)
            return values or None

        sources = tuple(source for part in parts for source in part.sources)
        return Bound(kind, True, all(p.optional for p in parts), full, None, None, False, sources)

    def count(self, expression: Call, scalar: Scalar) -> Bound:
        if len(expression.arguments) != 1:
            raise self.wrong(
                "MAPPING_FUNCTION", "count needs one value.", "Write count(path).", scalar, expression.offset
            )
        part = self.bound(expression.arguments[0], scalar)
        evaluated, many = part.evaluate(), part.many

        def full(node: Any, run: Any) -> int:
            value = evaluated(node, run)
            return 0 if value is None else len(value) if many else 1

        return Bound(Kind.INTEGER, False, False, full, None, None, True, part.sources)
