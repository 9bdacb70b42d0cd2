"""Expressions over a canonical document: the paths are its fields, and their values are typed already."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.formats.dialect import NumberFormat, PathError
from orderhub.mapping.apply import IssuedOn, Uses
from orderhub.mapping.bind import Binder
from orderhub.mapping.bound import Bound, constant
from orderhub.mapping.expressions import Call, Expression, Number, Path, is_name
from orderhub.mapping.kinds import Kind
from orderhub.mapping.lookups import Lookups
from orderhub.mapping.problems import Problems, close_to
from orderhub.mapping.writing.scope import DocumentPath, DocumentScope, normal, present
from orderhub.yaml_file import Scalar

#: Canonical numbers and those written in the file.
NUMBERS = NumberFormat()


class WriteRun:
    """One document being written: the ``root`` of paths with a leading slash, and what was handed in beside it."""

    __slots__ = ("given", "root")

    def __init__(self, root: Any, given: dict[str, str]) -> None:
        self.root = root
        self.given = given


class WritingBinder(Binder):
    """Binds the expressions of one scope of the document."""

    def __init__(
        self,
        scope: DocumentScope,
        *,
        lookups: Lookups,
        problems: Problems,
        uses: Uses,
        names: tuple[str, ...] = (),
    ) -> None:
        super().__init__(scope, numbers=NUMBERS, lookups=lookups, problems=problems, uses=uses)
        self.document = scope
        self.names = names
        self.issued_on = _DocumentDate(self)

    def below(self, scope: DocumentScope) -> WritingBinder:
        """The same within a part."""
        return WritingBinder(
            scope, lookups=self.lookups, problems=self.problems, uses=self.uses, names=self.names
        )

    def bound(self, expression: Expression, scalar: Scalar) -> Bound:
        if isinstance(expression, Number):
            if "." in expression.text:
                return constant(Decimal(expression.text), Kind.DECIMAL)
            return constant(int(expression.text), Kind.INTEGER)
        return super().bound(expression, scalar)

    def path(self, expression: Path, scalar: Scalar) -> Bound:
        found = super().path(expression, scalar)
        # lists are normal already
        single = found.kind is Kind.DECIMAL and not found.many
        return msgspec.structs.replace(found, convert=normal) if single else found

    def call(self, expression: Call, scalar: Scalar) -> Bound:
        if expression.name == "given":
            return self.handed_in(expression, scalar)
        if expression.name == "sum":
            return self.total(expression, scalar)
        if expression.name in ("interchange", "agreement"):
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"There is no {expression.name}(…) where a mapping writes: it sees the document alone.",
                "Hand the value in: declare its name under source (given: [name]) and write given(name).",
                scalar,
                expression.offset,
            )
        return super().call(expression, scalar)

    def handed_in(self, expression: Call, scalar: Scalar) -> Bound:
        argument = expression.arguments[0] if len(expression.arguments) == 1 else None
        if not isinstance(argument, Path) or not is_name(argument.text) or argument.text not in self.names:
            raise self.wrong(
                "MAPPING_FUNCTION",
                "given needs one of the declared names."
                if not isinstance(argument, Path)
                else f"{argument.text} is not declared.",
                f"Declared are {', '.join(self.names)}."
                if self.names
                else "Declare it under source: given: [name].",
                scalar,
                argument.offset if isinstance(argument, Path) else expression.offset,
                close_to(argument.text, self.names) if isinstance(argument, Path) else [],
            )
        name = argument.text

        def full(_node: Any, run: Any) -> Any:
            return run.given.get(name) or None

        return Bound(Kind.TEXT, False, True, full, None, None, False, ())

    def presence(self, expression: Call, scalar: Scalar) -> Bound:
        path = self.anything(expression)
        if path is None:
            return super().presence(expression, scalar)
        value, wanted = self.standing(path), expression.name == "present"

        def full(node: Any, run: Any) -> bool:
            found = value(node, run)
            return (found is not None and found not in ("", [])) is wanted

        return Bound(Kind.BOOLEAN, False, False, full, None, None, True, ())

    def count(self, expression: Call, scalar: Scalar) -> Bound:
        path = self.anything(expression)
        if path is None:
            return super().count(expression, scalar)
        value = self.standing(path)

        def full(node: Any, run: Any) -> int:
            found = value(node, run)
            return 0 if found is None else len(found) if isinstance(found, list) else 1

        return Bound(Kind.INTEGER, False, False, full, None, None, True, ())

    def total(self, expression: Call, scalar: Scalar) -> Bound:
        """``sum(lines.amount)``: absent as soon as one of them is."""
        argument = expression.arguments[0] if len(expression.arguments) == 1 else None
        path = self.anything(expression)
        kind = path.last.kind if path is not None else None
        numeric = path is not None and path.many and kind in (Kind.DECIMAL, Kind.INTEGER)
        if path is None or not numeric or path.listed or kind is None or argument is None:
            raise self.wrong(
                "MAPPING_FUNCTION",
                "sum needs the numbers of a list.",
                "Write sum(lines.amount).",
                scalar,
                argument.offset if argument is not None else expression.offset,
            )
        resolved = self.resolve(argument, scalar) if isinstance(argument, Path) else None
        values = self.standing(path)
        list_of = msgspec.structs.replace(path, steps=path.steps[:-1])
        parts = self.standing(list_of)

        def full(node: Any, run: Any) -> Any:
            found, whole = values(node, run), parts(node, run)
            return sum(found) if found and len(found) == len(whole) else None

        sources = (resolved,) if resolved is not None else ()
        return Bound(kind, False, path.optional, full, None, None, True, sources)

    def anything(self, expression: Call) -> DocumentPath | None:
        """The one argument as a path to anything, a part and a list too; ``None`` when it is something else (or wrong,
        which is told when it is bound)."""
        argument = expression.arguments[0] if len(expression.arguments) == 1 else None
        if not isinstance(argument, Path):
            return None
        try:
            return self.document.path(argument.text)
        except PathError:
            return None

    @staticmethod
    def standing(path: DocumentPath) -> Any:
        get = present(path)
        if path.from_root:
            return lambda _node, run: get(run.root)
        return lambda node, _run: get(node)


class _DocumentDate(IssuedOn):
    """What dated tables are asked with: the document's own ``issued_on``."""

    def __init__(self, binder: WritingBinder) -> None:
        super().__init__(None, None)
        self._scope = binder.document

    def bound(self) -> Bound | None:
        root = self._scope.root
        field = root.struct.fields.get("issued_on") if root.struct is not None else None
        if field is None or field.kind is not Kind.DATE:
            return None
        return Bound(
            Kind.DATE, False, field.optional, lambda _node, run: run.root.issued_on, None, None, True, ()
        )
