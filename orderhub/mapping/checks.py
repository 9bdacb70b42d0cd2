"""The ``checks`` of a mapping: conditions over the finished document and its source.

A bare name whose first step is a field of the target means the document (``total_amount``, ``lines.amount`` within
``count``, ``sum``, ``min`` or ``max``); every other path means the source, ``/`` in front makes that certain.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orderhub.findings import Place, Severity
from orderhub.mapping.bind import Binder
from orderhub.mapping.bound import Bound
from orderhub.mapping.conditions import BindError
from orderhub.mapping.expressions import Call, Compare, Expression, Path
from orderhub.mapping.kinds import NUMERIC, Kind, shown
from orderhub.mapping.language import Check
from orderhub.mapping.problems import close_to
from orderhub.mapping.slots import Run, place_of
from orderhub.mapping.targets import TargetField, TargetStruct
from orderhub.yaml_file import Scalar

_TOTALS: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "min": min, "max": max}
_AGGREGATES = ("count", *_TOTALS)


class _DocumentPath:
    """A field of the document, resolved. ``many`` when a list stands on the way."""

    __slots__ = ("field", "many", "names", "optional")

    def __init__(self, names: list[str], field: TargetField, *, many: bool, optional: bool) -> None:
        self.names = names
        self.field = field
        self.many = many
        self.optional = optional

    def get(self, document: Any) -> Any:
        """The value; of a list a list, ``None`` in it where one is absent."""
        return _walk(document, self.names, 0)


def _walk(value: Any, names: list[str], index: int) -> Any:
    for position in range(index, len(names)):
        if value is None:
            return None
        if isinstance(value, list):
            found: list[Any] = []
            for item in value:
                inner = _walk(item, names, position)
                if isinstance(inner, list):
                    found.extend(inner)
                else:
                    found.append(inner)
            return found
        value = getattr(value, names[position])
    return value


class CheckRun(Run):
    """A run with the finished document. ``locate`` finds the source place of one of its fields."""

    __slots__ = ("document", "locate")

    def __init__(self, run: Run, document: Any, locate: Callable[[str], Place | None]) -> None:
        super().__init__(run.root, run.interchange, run.message)
        self.findings = run.findings
        self.document = document
        self.locate = locate


class CheckBinder(Binder):
    """Binds the expressions of checks."""

    target: TargetStruct

    def path(self, expression: Path, scalar: Scalar) -> Bound:
        found = self.document_path(expression, scalar)
        if found is None:
            return super().path(expression, scalar)
        if found.many or found.field.kind is None:
            raise self.wrong(
                "MAPPING_LIST",
                f"{expression.text} is a {'list' if found.many else 'part'} of the document.",
                "Use count(…), sum(…), min(…) or max(…), or name a field in it.",
                scalar,
                expression.offset,
            )
        get = found.get
        return Bound(
            found.field.kind,
            False,
            found.optional,
            lambda _node, run: get(run.document),
            None,
            None,
            True,
            (),
        )

    def document_path(self, expression: Path, scalar: Scalar) -> _DocumentPath | None:
        """The field of the document that the path means; ``None`` when it means the source."""
        names = expression.text.split(".")
        struct: TargetStruct | None = self.target
        if names[0] not in self.target.fields:
            return None
        many = optional = False
        field = self.target.fields[names[0]]
        offset = expression.offset
        for name in names:
            if struct is None or name not in struct.fields:
                raise self.wrong(
                    "MAPPING_FIELD",
                    f"There is no field {name!r} in {struct.name if struct else field.name}.",
                    "Fields of the document are written with points: lines.amount.",
                    scalar,
                    offset,
                    close_to(name, struct.fields) if struct else [],
                )
            field = struct.fields[name]
            many = many or field.many
            optional = optional or not field.required
            struct = field.struct
            offset += len(name) + 1
        return _DocumentPath(names, field, many=many, optional=optional)

    def call(self, expression: Call, scalar: Scalar) -> Bound:
        if expression.name not in _AGGREGATES:
            return super().call(expression, scalar)
        if len(expression.arguments) != 1 or not isinstance(expression.arguments[0], Path):
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"{expression.name} needs one path.",
                f"Write {expression.name}(lines.amount).",
                scalar,
                expression.offset,
            )
        argument = expression.arguments[0]
        found = self.document_path(argument, scalar)
        if expression.name == "count":
            return super().count(expression, scalar) if found is None else _count(found)
        if found is None:
            source = super().path(argument, scalar)
            kind, values = source.kind, self.numbers_of(source)
        else:
            kind, values = found.field.kind or Kind.TEXT, _document_values(found)
        if kind not in NUMERIC:
            raise self.wrong(
                "MAPPING_TYPE",
                f"{expression.name} takes numbers, and {argument.text} is {kind.value}.",
                "Name a number.",
                scalar,
                argument.offset,
            )
        total = _TOTALS[expression.name]

        def full(node: Any, run: Any) -> Any:
            numbers = values(node, run)
            # a sum over values of which some are absent says nothing
            if not numbers or None in numbers:
                return None
            return total(numbers)

        return Bound(Kind.DECIMAL, False, True, full, None, None, True, ())

    def numbers_of(self, source: Bound) -> Callable[[Any, Any], list[Decimal] | None]:
        evaluate, decimal, many = source.evaluate(), self.decimal, source.many

        def values(node: Any, run: Any) -> list[Decimal] | None:
            found = evaluate(node, run)
            if found is None:
                return None
            return [decimal(item) for item in (found if many else [found])]

        return values


def _document_values(found: _DocumentPath) -> Callable[[Any, Any], Any]:
    get = found.get

    def values(_node: Any, run: Any) -> Any:
        value = get(run.document)
        return value if isinstance(value, list) or value is None else [value]

    return values


def _count(found: _DocumentPath) -> Bound:
    get = found.get

    def full(_node: Any, run: Any) -> int:
        value = get(run.document)
        if isinstance(value, list):
            return sum(1 for item in value if item is not None)
        return 0 if value is None else 1

    return Bound(Kind.INTEGER, False, False, full, None, None, True, ())


class CompiledCheck:
    """One check, ready to run."""

    __slots__ = ("check", "condition", "field", "name", "sides")

    def __init__(
        self,
        check: Check,
        condition: Bound,
        sides: tuple[tuple[str, Callable[[Any, Any], Any]], ...],
        field: str | None,
    ) -> None:
        self.check = check
        self.condition = condition
        self.sides = sides
        self.field = field
        self.name = check.name or check.scalar.text

    def run(self, root: Any, run: CheckRun) -> None:
        """Note a failure, or that the check could not be made."""
        value = self.condition.full(root, run)
        if value is True:
            return
        if value is None:
            run.add(
                "CHECK_SKIPPED",
                f"The check {self.check.scalar.text} was skipped: a value it needs is absent.",
                Place(message=run.message),
                severity=Severity.INFO,
                rule=self.name,
            )
            return
        seen = ", ".join(f"{text} is {shown(_plain(side(root, run)))}" for text, side in self.sides)
        text = self.check.message or f"The check {self.check.scalar.text} fails"
        place = run.locate(self.field) if self.field is not None and not self.condition.sources else None
        run.add(
            "CHECK_FAILED",
            f"{text.rstrip('.')}{f': {seen}' if seen else ''}. Ask the sender which of them is right.",
            place or place_of(self.condition.sources, root, run),
            severity=Severity(self.check.severity),
            field=self.field,
            rule=self.name,
        )


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def compile_check(binder: CheckBinder, check: Check) -> CompiledCheck | None:
    """Bind one check; ``None`` when it is wrong (the problem is noted)."""
    bound = binder.bind(check.expression, check.scalar)
    if bound is None:
        return None
    if bound.kind is not Kind.BOOLEAN or bound.many:
        binder.problems.add(
            "MAPPING_TYPE",
            f"A check is a condition, and this is {bound.kind.value}.",
            "Compare it with something: == != < <= > >=.",
            check.scalar.mark,
        )
        return None
    sides: list[tuple[str, Callable[[Any, Any], Any]]] = []
    if isinstance(check.expression, Compare):
        text = check.scalar.text
        for side, (start, end) in zip(
            (check.expression.left, check.expression.right), _spans(check.expression, text), strict=True
        ):
            if isinstance(side, (Path, Call)):
                try:
                    sides.append((text[start:end].strip(), binder.bound(side, check.scalar).evaluate()))
                except BindError:  # pragma: no cover - it was bound a moment ago
                    return None
    return CompiledCheck(check, bound, tuple(sides), _document_field(binder, check.expression, check.scalar))


def _spans(expression: Compare, text: str) -> tuple[tuple[int, int], tuple[int, int]]:
    right = expression.right.offset
    operator = text.rfind(expression.operator, 0, right)
    return (expression.left.offset, operator), (right, len(text))


def _document_field(binder: CheckBinder, expression: Expression, scalar: Scalar) -> str | None:
    """The document's field that the check is about: the first one named that is a single value, else the list over
    which something was counted or added."""
    if isinstance(expression, Compare):
        sides = [expression.left, expression.right]
        sides.sort(key=lambda side: isinstance(side, Call))
        return next((field for side in sides if (field := _document_field(binder, side, scalar))), None)
    if isinstance(expression, Call) and expression.arguments:
        return _document_field(binder, expression.arguments[0], scalar)
    if isinstance(expression, Path) and binder.document_path(expression, scalar) is not None:
        return expression.text
    return None
