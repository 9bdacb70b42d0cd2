"""How a value came about: an expression gone through once more, step by step, with what each step gave.

This is the slow way, for one value that somebody asks about. It binds the parts of an expression by the same binder as
the compiler and evaluates them by the same closures, so that it cannot tell another story than the run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from orderhub.findings import Place
from orderhub.formats.dialect import Node, ResolvedPath, SeveralValues
from orderhub.mapping.bound import Bound
from orderhub.mapping.expressions import (
    Call,
    Choice,
    Compare,
    Expression,
    Fallback,
    Logic,
    Member,
    Named,
    Number,
    Path,
    Pipe,
    Text,
    Truth,
)
from orderhub.mapping.functions import function_named
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.problems import Problems
from orderhub.mapping.wording import call as written_call
from orderhub.mapping.wording import written
from orderhub.yaml_file import Scalar

if TYPE_CHECKING:
    from orderhub.mapping.bind import Binder
    from orderhub.mapping.slots import Run

#: What a source value was for: it is the value (or part of it), an argument of a function, or it decided something.
Role: TypeAlias = Literal["value", "argument", "condition"]
#: What happened in a step.
What: TypeAlias = Literal[
    "source",
    "constant",
    "agreement",
    "interchange",
    "function",
    "lookup",
    "choice",
    "condition",
    "fit",
    "refused",
]


class SourceValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the source. ``path`` as the mapping writes it, ``text`` as the reader gives it."""

    path: str
    text: str
    place: Place
    role: Role = "value"


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step. ``value`` is what it gave, as text; ``None``: nothing. ``depth`` is how deep in brackets, options and
    arguments it stands. ``note`` says what a choice took. A lookup names its ``table``, and the ``row`` (line of the
    table's file) that it found."""

    what: What
    text: str
    value: str | None = None
    depth: int = 0
    note: str = ""
    table: str | None = None
    row: int | None = None


class Record:
    """What is written down while a value is traced."""

    __slots__ = ("sources", "steps")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.sources: list[SourceValue] = []

    def step(self, what: What, text: str, value: Any, depth: int, note: str = "", **more: Any) -> None:
        self.steps.append(Step(what=what, text=text, value=as_text(value), depth=depth, note=note, **more))


class Tracer:
    """Traces the expressions of one scope. What was bound once is kept."""

    __slots__ = ("_binder", "_bound", "_made_from", "_paths")

    def __init__(self, binder: Binder) -> None:
        self._made_from = binder
        self._binder: Binder | None = None
        # by the identity of the expression, which the mapping file keeps alive
        self._bound: dict[tuple[int, int], Callable[[Any, Any], Any]] = {}
        self._paths: dict[int, ResolvedPath] = {}

    @property
    def binder(self) -> Binder:
        """A binder of its own: what is bound for a trace is no use of the mapping."""
        if self._binder is None:
            from orderhub.mapping.apply import Uses

            copy = self._made_from.within(self._made_from.scope)
            copy.uses = Uses(paths=[], tables={}, agreement=set())
            copy.problems = Problems(copy.problems.file)
            self._binder = copy
        return self._binder

    def value(
        self,
        expression: Expression,
        scalar: Scalar,
        node: Node,
        run: Run,
        record: Record,
        depth: int = 0,
        role: Role = "value",
    ) -> Any:
        """The value of the expression at this node; the steps go into the record.

        :raises Refusal, SeveralValues: as the run does; the steps up to there are written down.
        """

        def inner(part: Expression, further: int = 1, as_role: Role = role) -> Any:
            return self.value(part, scalar, node, run, record, depth + further, as_role)

        if isinstance(expression, Path):
            return self._path(expression, scalar, node, run, record, depth, role)
        if isinstance(expression, (Text, Number, Truth)):
            value = self._evaluate(expression, scalar)(node, run)
            record.step("constant", written(expression), value, depth)
            return value
        if isinstance(expression, Fallback):
            return self._fallback(expression, inner, record, depth)
        if isinstance(expression, Pipe):
            return self._pipe(expression, scalar, node, run, record, depth, role)
        if isinstance(expression, Choice):
            return self._choice(expression, inner, record, depth, role)
        # the rest is one value of what stands in it
        if isinstance(expression, Call):
            for argument in expression.arguments:
                if expression.name in ("agreement", "interchange"):
                    break
                inner(argument, 1, role if expression.name == "list" else "argument")
        elif isinstance(expression, Compare):
            for side in (expression.left, expression.right):
                inner(side, 1, "condition")
        elif isinstance(expression, Logic):
            for part in expression.parts:
                inner(part, 1, "condition")
        elif isinstance(expression, Member):
            inner(expression.item, 1, "condition")
        value = self._evaluate(expression, scalar)(node, run)
        record.step(_what(expression), written(expression), value, depth)
        return value

    # --- the cases

    def _path(
        self, expression: Path, scalar: Scalar, node: Node, run: Run, record: Record, depth: int, role: Role
    ) -> Any:
        resolved = self._paths.get(id(expression))
        if resolved is None:
            resolved = self._paths[id(expression)] = self.binder.resolve(expression, scalar)
        at = run.root if resolved.from_root else node
        try:
            value = resolved.get(at)
        except SeveralValues:
            places = resolved.where(at)
            for place in places:
                record.sources.append(
                    SourceValue(path=expression.text, text=place.excerpt or "", place=place, role=role)
                )
            record.step("source", expression.text, None, depth, f"{len(places)} values, one is wanted")
            raise
        texts = (value or []) if resolved.many else [] if value is None else [value]
        if texts:
            places = resolved.where(at)
            for number, place in enumerate(places):
                text = texts[min(number, len(texts) - 1)]
                record.sources.append(SourceValue(path=expression.text, text=text, place=place, role=role))
        record.step("source", expression.text, value or None, depth)
        return value or None

    def _fallback(
        self, expression: Fallback, inner: Callable[[Expression], Any], record: Record, depth: int
    ) -> Any:
        for number, option in enumerate(expression.options, start=1):
            value = inner(option)
            if value is not None:
                note = f"option {number} of {len(expression.options)}"
                record.step("choice", written(expression), value, depth, note)
                return value
        record.step("choice", written(expression), None, depth, "none of the options is there")
        return None

    def _choice(
        self,
        expression: Choice,
        inner: Callable[[Expression, int, Role], Any],
        record: Record,
        depth: int,
        role: Role,
    ) -> Any:
        decided = inner(expression.condition, 1, "condition")
        taken = expression.value if decided is True else expression.otherwise
        value = None if taken is None else inner(taken, 1, role)
        side = "when" if decided is True else "otherwise" if taken is not None else "nothing"
        truth = {True: "true", False: "not true"}.get(decided, "absent, so not true")
        note = f"the condition is {truth}: {side}"
        record.step("choice", written(expression), value, depth, note)
        return value

    def _pipe(
        self, expression: Pipe, scalar: Scalar, node: Node, run: Run, record: Record, depth: int, role: Role
    ) -> Any:
        deeper = 0 if isinstance(expression.head, (Path, Text, Number)) else 1
        begun = len(record.sources)
        value = self.value(expression.head, scalar, node, run, record, depth + deeper, role)
        for number, call in enumerate(expression.calls, start=1):
            if value is None:
                return None
            for argument in self._dynamic(call):
                self.value(argument, scalar, node, run, record, depth + 1, "argument")
            evaluate = self._evaluate(expression, scalar, number)
            before = value
            try:
                value = evaluate(node, run)
            except Refusal as refusal:
                record.step("refused", written_call(call), None, depth, f"{refusal.what} {refusal.todo}")
                raise
            if call.name == "lookup":
                self._looked_up(call, scalar, before, value, node, run, record, depth)
            else:
                record.step("function", written_call(call), value, depth)
            if call.name in ("first", "last") and len(record.sources) > begun:
                record.sources[begun:] = (
                    record.sources[begun : begun + 1] if call.name == "first" else record.sources[-1:]
                )
        return value

    def _looked_up(
        self,
        call: Call,
        scalar: Scalar,
        key: Any,
        value: Any,
        node: Node,
        run: Run,
        record: Record,
        depth: int,
    ) -> None:
        """The step of a lookup, with the row that it found."""
        name = call.arguments[0].text if isinstance(call.arguments[0], Path) else ""
        table = self._made_from.uses.tables.get(name)
        note, row = "", None
        if table is not None and isinstance(key, str):
            day = None
            if table.dated:
                named = next((one for one in call.arguments if isinstance(one, Named)), None)
                issued_on = self.binder.issued_on
                bound = issued_on.bound() if named is None and issued_on is not None else None
                if named is not None:
                    day = self._evaluate(named.value, scalar)(node, run)
                elif bound is not None:
                    day = bound.evaluate()(node, run)
                note = f"on {as_text(day)}" + ("" if named is not None else " (issued_on)")
            if day is not None or not table.dated:
                found = table.on(key, day)
                row = found.line if found is not None else None
                if found is not None and table.dated:
                    note = f"{note}, valid {found.period}"
            if row is None:
                note = f"{note}, {key} is not in it".removeprefix(", ")
        record.step(
            "lookup",
            written_call(call),
            value,
            depth,
            note,
            table=table.file if table is not None else name,
            row=row,
        )

    def _dynamic(self, call: Call) -> list[Expression]:
        """The arguments that come from the source."""
        function = function_named(call.name)
        parameters = [one for one in function.parameters if not one.named] if function is not None else []
        found: list[Expression] = [one.value for one in call.arguments if isinstance(one, Named)]
        placed = [one for one in call.arguments if not isinstance(one, Named)]
        for index, argument in enumerate(placed):
            parameter = parameters[min(index, len(parameters) - 1)] if parameters else None
            if parameter is None or parameter.accepts != "value" or isinstance(argument, (Text, Number)):
                continue
            if not (isinstance(argument, Path) and argument.text in parameter.words):
                found.append(argument)
        return found

    def _evaluate(
        self, expression: Expression, scalar: Scalar, calls: int | None = None
    ) -> Callable[[Any, Any], Any]:
        """(node, run) -> the value of an expression; of a pipe the first ``calls`` functions."""
        key = (id(expression), -1 if calls is None else calls)
        found = self._bound.get(key)
        if found is None:
            part = expression
            if isinstance(expression, Pipe) and calls is not None:
                part = msgspec.structs.replace(expression, calls=expression.calls[:calls])
            bound: Bound = self.binder.bound(part, scalar)
            found = self._bound[key] = bound.evaluate()
        return found


def _what(expression: Expression) -> What:
    if isinstance(expression, Call):
        if expression.name == "agreement":
            return "agreement"
        return "interchange" if expression.name == "interchange" else "function"
    return "condition"


def as_text(value: Any) -> str | None:
    """A value as people read it: dates as ISO, decimals without exponent, lists in brackets."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(as_text(item) or "" for item in value) + "]"
    return str(value)
