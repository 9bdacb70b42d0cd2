"""Expressions to closures: every path resolved by the dialect, every function chosen, every type known.

What can be decided now is decided now. A bound expression is, where possible, a getter on the node alone plus a pure
conversion; conversions are remembered by their input (:class:`Memo`), so that the thousandth ``PCE`` costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from orderhub.formats.dialect import NumberFormat, PathError, ResolvedPath, Scope
from orderhub.mapping.expressions import (
    Call,
    Compare,
    Expression,
    Fallback,
    Logic,
    Number,
    Path,
    Pipe,
    Text,
    Truth,
    is_name,
)
from orderhub.mapping.functions import (
    DYNAMIC,
    Function,
    Parameter,
    Surroundings,
    function_named,
    function_names,
    signature,
)
from orderhub.mapping.kinds import NUMERIC, TEXTUAL, Kind
from orderhub.mapping.lookups import LookupTableError
from orderhub.mapping.numbers import decimal_reader
from orderhub.mapping.problems import Problems, close_to
from orderhub.mapping.yamlfile import Scalar

if TYPE_CHECKING:
    from orderhub.mapping.lookups import Lookups

#: Remembered conversions per expression; beyond that the memo starts over, so that order numbers do not fill it.
MEMO_LIMIT = 2_000

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


class Memo(dict[Any, Any]):
    """Raw value to converted value; converts what it does not have. Refused values are not kept."""

    __slots__ = ("convert",)

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, raw: Any) -> Any:
        value = self.convert(raw)
        if len(self) >= MEMO_LIMIT:
            self.clear()
        self[raw] = value
        return value


class Bound(msgspec.Struct, frozen=True):
    """An expression ready to run.

    ``direct``: node -> value or ``None``, when nothing but the node is needed; ``full``: (node, run) -> value, always
    there, without ``convert``. ``convert``: pure conversion of that value, or ``None``. ``hashable``: whether the
    value before ``convert`` can be remembered. Where ``direct`` is there, ``inputs`` are the paths that it reads and
    ``combine`` makes the same value of what they gave (``None``: it is the one input's).
    """

    kind: Kind
    many: bool
    optional: bool
    full: Callable[[Any, Any], Any]
    direct: Callable[[Any], Any] | None
    convert: Callable[[Any], Any] | None
    hashable: bool
    sources: tuple[ResolvedPath, ...]
    inputs: tuple[ResolvedPath, ...] = ()
    combine: Callable[..., Any] | None = None
    #: the value is that of the first input that has one, or else ``default``
    alternatives: bool = False
    default: Any = None

    def evaluate(self) -> Callable[[Any, Any], Any]:
        """(node, run) -> the final value."""
        full, convert = self.full, self.convert
        if convert is None:
            return full
        lookup: Callable[[Any], Any] = Memo(convert).__getitem__ if self.hashable else convert

        def run(node: Any, context: Any) -> Any:
            raw = full(node, context)
            return None if raw is None else lookup(raw)

        return run


class BindError(Exception):
    """The expression is wrong; the problem has been noted."""


class Uses(msgspec.Struct):
    """What a mapping uses, gathered while binding."""

    paths: list[ResolvedPath] = []
    tables: dict[str, dict[str, str]] = {}


class Binder:
    """Binds the expressions of one scope."""

    def __init__(
        self, scope: Scope, *, numbers: NumberFormat, lookups: Lookups, problems: Problems, uses: Uses
    ) -> None:
        self.scope = scope
        self.numbers = numbers
        self.lookups = lookups
        self.problems = problems
        self.uses = uses
        self.decimal = decimal_reader(numbers)

    def within(self, scope: Scope) -> Binder:
        """The same for a group's scope."""
        return Binder(
            scope, numbers=self.numbers, lookups=self.lookups, problems=self.problems, uses=self.uses
        )

    def bind(self, expression: Expression, scalar: Scalar) -> Bound | None:
        """Bind one expression; ``None`` when it is wrong (the problem is noted)."""
        try:
            return self.bound(expression, scalar)
        except BindError:
            return None

    # --- noting problems

    def wrong(
        self,
        code: str,
        what: str,
        todo: str,
        scalar: Scalar,
        offset: int,
        suggestions: list[str] | None = None,
    ) -> BindError:
        self.problems.add(code, what, todo, scalar.at(offset), suggestions=suggestions or ())
        return BindError(what)

    # --- the cases

    def bound(self, expression: Expression, scalar: Scalar) -> Bound:
        if isinstance(expression, Path):
            return self.path(expression, scalar)
        if isinstance(expression, Text):
            return _constant(expression.value, Kind.TEXT)
        if isinstance(expression, Number):
            return _constant(expression.text.replace(".", self.numbers.marks[0]), Kind.NUMBER)
        if isinstance(expression, Truth):
            return _constant(expression.value, Kind.BOOLEAN)
        if isinstance(expression, Fallback):
            return self.fallback(expression, scalar)
        if isinstance(expression, Pipe):
            return self.pipe(expression, scalar)
        if isinstance(expression, Call):
            return self.call(expression, scalar)
        if isinstance(expression, Compare):
            return self.compare(expression, scalar)
        return self.logic(expression, scalar)

    def path(self, expression: Path, scalar: Scalar) -> Bound:
        resolved = self.resolve(expression, scalar)
        get = resolved.get
        kind = Kind.NUMBER if resolved.type == "number" else Kind.TEXT
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
            _with_run(direct),
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
            joined = _common(kind, option.kind)
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
            direct = _first_direct([direct for direct in directs if direct is not None])
            inputs = tuple(path for option in options for path in option.inputs)
            return Bound(
                kind,
                many,
                optional,
                _with_run(direct),
                direct,
                None,
                not many,
                sources,
                inputs,
                _either(options),
                *_alternatives(options),
            )
        evaluated = [option.evaluate() for option in options]

        def full(node: Any, run: Any) -> Any:
            for option in evaluated:
                value = option(node, run)
                if value is not None:
                    return value
            return None

        return Bound(kind, many, optional, full, None, None, not many, sources)

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

    def pipe(self, expression: Pipe, scalar: Scalar) -> Bound:
        current = self.bound(expression.head, scalar)
        for call in expression.calls:
            current = self.apply(current, call, scalar)
        return current

    def call(self, expression: Call, scalar: Scalar) -> Bound:
        if expression.name == "interchange":
            return self.interchange(expression, scalar)
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
        known = ["interchange", "list", "count", "sum"]
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

    def list_of(self, expression: Call, scalar: Scalar) -> Bound:
        if not expression.arguments:
            raise self.wrong(
                "MAPPING_FUNCTION", "list needs values.", "Write list(a, b).", scalar, expression.offset
            )
        parts = self.all(expression.arguments, scalar)
        kind = parts[0].kind
        for part in parts[1:]:
            joined = _common(kind, part.kind)
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

    # --- functions

    def apply(self, value: Bound, call: Call, scalar: Scalar) -> Bound:
        function = function_named(call.name)
        if function is None:
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"There is no function {call.name}.",
                ""
                if close_to(call.name, function_names())
                else f"The functions are {', '.join(function_names())}.",
                scalar,
                call.offset,
                close_to(call.name, function_names()),
            )
        if value.kind not in function.takes:
            raise self.wrong(
                "MAPPING_TYPE",
                f"{call.name} takes {' or '.join(sorted(kind.value for kind in function.takes))}, "
                f"and here comes {value.kind.value}.",
                "Remove it or convert before.",
                scalar,
                call.offset,
            )
        arguments, dynamic = self.arguments(function, call, scalar)
        try:
            surroundings = Surroundings(self.numbers, self._table, value.kind)
            built = function.build(surroundings, tuple(arguments))
        except ValueError as error:
            raise self.wrong(
                "MAPPING_FUNCTION", f"{call.name}: {error}.", "Correct its arguments.", scalar, call.offset
            ) from None
        except LookupTableError as error:
            raise self.wrong(
                "MAPPING_LOOKUP_TABLE",
                error.what,
                error.todo,
                scalar,
                call.arguments[0].offset if call.arguments else call.offset,
                close_to(str(arguments[0]), self.lookups.names()),
            ) from None
        kind = function.gives or value.kind
        return _applied(value, function, built, kind, dynamic)

    def arguments(self, function: Function, call: Call, scalar: Scalar) -> tuple[list[Any], list[Bound]]:
        values: list[Any] = []
        dynamic: list[Bound] = []
        parameters = function.parameters
        needed = sum(1 for parameter in parameters if not parameter.optional)
        repeats = bool(parameters) and parameters[-1].repeats
        if len(call.arguments) < needed or (len(call.arguments) > len(parameters) and not repeats):
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"{call.name} has {len(call.arguments)} arguments here.",
                f"It is written {signature(function)}.",
                scalar,
                call.offset,
            )
        for index, argument in enumerate(call.arguments):
            parameter = parameters[min(index, len(parameters) - 1)]
            value = self.argument(parameter, argument, function, scalar)
            if isinstance(value, Bound):
                dynamic.append(value)
                values.append(DYNAMIC)
            else:
                values.append(value)
        return values, dynamic

    def argument(self, parameter: Parameter, argument: Expression, function: Function, scalar: Scalar) -> Any:
        accepts = parameter.accepts
        if isinstance(argument, Path) and argument.text in parameter.words:
            return argument.text
        if accepts == "word" or (
            accepts == "table" and not (isinstance(argument, Path) and is_name(argument.text))
        ):
            words = ", ".join(parameter.words) or "a name"
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"The argument {parameter.name} of {function.name} is a word.",
                f"It can be {words}, without quotes.",
                scalar,
                argument.offset,
                close_to(argument.text, parameter.words) if isinstance(argument, Path) else [],
            )
        if isinstance(argument, Path) and accepts == "table":
            return argument.text
        if accepts == "text" and isinstance(argument, Text):
            return argument.value
        if accepts == "integer" and isinstance(argument, Number) and argument.text.isdigit():
            return int(argument.text[:9])
        if accepts == "value":
            if isinstance(argument, Text):
                return argument.value
            if isinstance(argument, Number):
                return argument.text
            bound = self.bound(argument, scalar)
            if bound.many or bound.kind not in TEXTUAL:
                raise self.wrong(
                    "MAPPING_LIST" if bound.many else "MAPPING_TYPE",
                    f"The argument {parameter.name} of {function.name} is one text.",
                    "Choose one with first, last or join." if bound.many else "Take a text.",
                    scalar,
                    argument.offset,
                )
            return bound
        wanted = {"text": "a quoted text", "integer": "a whole number"}.get(accepts, "something else")
        raise self.wrong(
            "MAPPING_FUNCTION",
            f"The argument {parameter.name} of {function.name} is {wanted}.",
            f"It is written {signature(function)}.",
            scalar,
            argument.offset,
        )

    def _table(self, name: str) -> Any:
        table = self.lookups.table(name)
        self.uses.tables[name] = dict(table)
        return table

    # --- conditions

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


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _constant(value: Any, kind: Kind) -> Bound:
    return Bound(
        kind,
        False,
        False,
        lambda _node, _run: value,
        lambda _node: value,
        None,
        True,
        (),
        (),
        lambda: value,
    )


def _value_of(part: Bound, values: tuple[Any, ...]) -> Any:
    """The value of a bound expression from what its inputs gave; ``None`` when absent."""
    value = values[0] if part.combine is None else part.combine(*values)
    return None if value is None or value in ("", []) else value


def _either(options: list[Bound]) -> Callable[..., Any]:
    """The first option that has a value, from the inputs of all options."""
    if len(options) == 2 and options[0].combine is None and not options[1].inputs:
        default = _value_of(options[1], ())
        return lambda value: value or default
    spans: list[tuple[Bound, int, int]] = []
    start = 0
    for option in options:
        spans.append((option, start, start + len(option.inputs)))
        start += len(option.inputs)

    def either(*values: Any) -> Any:
        for option, first, end in spans:
            value = _value_of(option, values[first:end])
            if value is not None:
                return value
        return None

    return either


def _alternatives(options: list[Bound]) -> tuple[bool, Any]:
    """Whether this is simply the first of some paths that has a value, and what stands last for none (or ``None``)."""
    default = None
    if not options[-1].inputs:
        default = _value_of(options[-1], ())
        options = options[:-1]
    simple = all(
        option.inputs and (option.combine is None or (option.alternatives and option.default is None))
        for option in options
    )
    return simple, default if simple else None


def _paired(value: Bound, argument: Bound) -> Callable[..., Any]:
    """The value and its argument as one key, from the inputs of both."""
    if value.combine is None and argument.combine is None:
        return lambda one, other: (one, other or None) if one else None
    cut = len(value.inputs)

    def paired(*values: Any) -> Any:
        one = _value_of(value, values[:cut])
        return None if one is None else (one, _value_of(argument, values[cut:]))

    return paired


def _with_run(direct: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda node, _run: direct(node)


def _first_direct(options: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The first option that gives something; present values are never falsy (no empty text, no empty list)."""
    if len(options) == 2:
        left, right = options

        def first_of_two(node: Any) -> Any:
            value = left(node)
            return right(node) if value is None else value

        return first_of_two

    def first(node: Any) -> Any:
        for option in options:
            value = option(node)
            if value is not None:
                return value
        return None

    return first


def _common(left: Kind, right: Kind) -> Kind | None:
    """The kind that holds both, or ``None``."""
    if left is right:
        return left
    kinds = {left, right}
    if kinds <= TEXTUAL:
        return Kind.TEXT
    if kinds <= {Kind.INTEGER, Kind.DECIMAL}:
        return Kind.DECIMAL
    return None


def _applied(
    value: Bound, function: Function, built: Callable[..., Any], kind: Kind, dynamic: list[Bound]
) -> Bound:
    """A value with one more function behind it."""
    sources = value.sources + tuple(source for argument in dynamic for source in argument.sources)
    if function.lists == "reduce":
        reduce = built if value.many else lambda single: built([single])
        return _then(value, reduce, kind, many=False, sources=sources)
    if function.lists == "spread" and value.many:

        def spread(values: list[Any]) -> list[Any] | None:
            return [part for item in values for part in built(item)] or None

        return _then(value, spread, kind, many=True, sources=sources)
    if function.lists == "spread":
        # not remembered: every document gets a list of its own
        fresh = msgspec.structs.replace(value, hashable=False)
        return _then(fresh, lambda single: built(single) or None, kind, many=True, sources=sources)
    if not dynamic:
        if value.many:

            def each(values: list[Any]) -> list[Any] | None:
                return [result for item in values if (result := built(item)) is not None] or None

            return _then(value, each, kind, many=True, sources=sources)
        return _then(value, built, kind, many=False, sources=sources)
    return _with_dynamic(value, built, kind, dynamic, sources)


def _then(
    value: Bound, step: Callable[[Any], Any], kind: Kind, *, many: bool, sources: tuple[ResolvedPath, ...]
) -> Bound:
    convert = value.convert
    if convert is None:
        chained = step
    else:

        def chained(raw: Any) -> Any:
            between = convert(raw)
            return None if between is None else step(between)

    return msgspec.structs.replace(value, kind=kind, many=many, convert=chained, sources=sources)


def _with_dynamic(
    value: Bound,
    built: Callable[..., Any],
    kind: Kind,
    dynamic: list[Bound],
    sources: tuple[ResolvedPath, ...],
) -> Bound:
    """A function whose arguments come from the source: the key to remember is the tuple of all of them."""
    many = value.many
    raw = [value, *dynamic]
    if all(part.convert is None and part.direct is not None for part in raw) and not many and len(raw) == 2:
        head, argument = value.direct, dynamic[0].direct
        if head is not None and argument is not None:

            def pair(node: Any) -> Any:
                single = head(node)
                return None if single is None else (single, argument(node))

            return Bound(
                kind,
                False,
                value.optional,
                _with_run(pair),
                pair,
                lambda key: built(*key),
                True,
                sources,
                value.inputs + dynamic[0].inputs,
                _paired(value, dynamic[0]),
            )
    evaluate = value.evaluate()
    arguments = [argument.evaluate() for argument in dynamic]

    def full(node: Any, run: Any) -> Any:
        single = evaluate(node, run)
        if single is None:
            return None
        extra = [argument(node, run) for argument in arguments]
        if many:
            return [result for item in single if (result := built(item, *extra)) is not None] or None
        return built(single, *extra)

    return Bound(kind, many, value.optional, full, None, None, not many, sources)
