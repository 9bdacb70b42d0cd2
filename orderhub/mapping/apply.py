"""Functions in expressions: chosen by name, their arguments read, their lookup tables found."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from orderhub.formats.dialect import NumberFormat, ResolvedPath
from orderhub.mapping.bound import Bound, applied, constant
from orderhub.mapping.conditions import BindError, ConditionBinder
from orderhub.mapping.expressions import Call, Expression, Named, Number, Path, Text, is_name
from orderhub.mapping.functions import (
    DYNAMIC,
    Function,
    Parameter,
    Surroundings,
    function_named,
    function_names,
    signature,
)
from orderhub.mapping.kinds import TEXTUAL, Kind
from orderhub.mapping.language import Constant, FieldMapping, Leaf
from orderhub.mapping.lookups import LookupTable, LookupTableError
from orderhub.mapping.problems import Problems, close_to
from orderhub.yaml_file import Scalar

if TYPE_CHECKING:
    from orderhub.mapping.lookups import Lookups


class Uses(msgspec.Struct):
    """What a mapping uses, gathered while binding."""

    paths: list[ResolvedPath] = []
    tables: dict[str, LookupTable] = {}
    #: what it takes from the agreement
    agreement: set[str] = set()


class IssuedOn:
    """The date of the document, as its mapping makes it: asked of the message, wherever the question comes from."""

    def __init__(self, binder: FunctionBinder | None, written: FieldMapping | None) -> None:
        self._binder = binder
        self._written = written
        self._busy = False

    def bound(self) -> Bound | None:
        """``None`` when the mapping makes no such date, or makes it of a table with dates itself."""
        written = self._written
        if isinstance(written, Constant):
            try:
                return constant(dt.date.fromisoformat(written.scalar.text), Kind.DATE)
            except ValueError:
                return None  # told at the constant
        if not isinstance(written, Leaf) or self._binder is None or self._busy:
            return None
        self._busy = True
        try:
            found = self._binder.bound(written.expression, written.scalar)
        except BindError:
            return None  # told at the field itself
        finally:
            self._busy = False
        if found.kind is not Kind.DATE or found.many:
            return None
        evaluate = found.evaluate()
        return Bound(
            Kind.DATE,
            False,
            found.optional,
            lambda _node, run: evaluate(run.root, run),
            None,
            None,
            True,
            (),
        )


class FunctionBinder(ConditionBinder):
    """Binds functions; what stands in them is bound by the class built on this one."""

    def __init__(
        self,
        *,
        numbers: NumberFormat,
        lookups: Lookups,
        problems: Problems,
        uses: Uses,
        issued_on: IssuedOn | None = None,
    ) -> None:
        super().__init__(numbers=numbers, problems=problems)
        self.lookups = lookups
        self.uses = uses
        #: the document's own date, for tables with dates
        self.issued_on = issued_on

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
        if function.name == "lookup":
            self.dated(call, arguments, dynamic, scalar)
        try:
            surroundings = Surroundings(self.numbers, self._table, value.kind)
            built = function.build(surroundings, tuple(arguments))
        except ValueError as error:
            raise self.wrong(
                "MAPPING_FUNCTION", f"{call.name}: {error}.", "Correct its arguments.", scalar, call.offset
            ) from None
        except LookupTableError as error:
            # what is wrong within the table is told at its own lines, once
            known = self.problems.findings
            known.extend(finding for finding in error.findings if finding not in known)
            name, tables = str(arguments[0]), self.lookups.names()
            raise self.wrong(
                "MAPPING_LOOKUP_TABLE",
                error.what,
                error.todo,
                scalar,
                call.arguments[0].offset if call.arguments else call.offset,
                [] if name in tables else close_to(name, tables),
            ) from None
        kind = function.gives or value.kind
        return applied(value, function, built, kind, dynamic)

    def arguments(self, function: Function, call: Call, scalar: Scalar) -> tuple[list[Any], list[Bound]]:
        values: list[Any] = []
        dynamic: list[Bound] = []
        parameters = function.parameters
        needed = sum(1 for parameter in parameters if not parameter.optional)
        repeats = bool(parameters) and parameters[-1].repeats
        named = {parameter.name: parameter for parameter in parameters if parameter.named}
        placed = [argument for argument in call.arguments if not isinstance(argument, Named)]
        parameters = tuple(parameter for parameter in parameters if not parameter.named)
        if len(placed) < needed or (len(placed) > len(parameters) and not repeats):
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"{call.name} has {len(call.arguments)} arguments here.",
                f"It is written {signature(function)}.",
                scalar,
                call.offset,
            )
        for argument in call.arguments:
            if isinstance(argument, Named):
                self.named(named.get(argument.name), argument, function, scalar)
        for index, argument in enumerate(placed):
            parameter = parameters[min(index, len(parameters) - 1)]
            value = self.argument(parameter, argument, function, scalar)
            if isinstance(value, Bound):
                dynamic.append(value)
                values.append(DYNAMIC)
            else:
                values.append(value)
        return values, dynamic

    def named(
        self, parameter: Parameter | None, argument: Named, function: Function, scalar: Scalar
    ) -> Bound:
        """An argument that is written with its name: today only dates are."""
        if parameter is None:
            names = [one.name for one in function.parameters if one.named]
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"{function.name} has no argument {argument.name!r}.",
                f"It is written {signature(function)}.",
                scalar,
                argument.offset,
                close_to(argument.name, names),
            )
        bound = self.bound(argument.value, scalar)
        if bound.kind is not Kind.DATE or bound.many:
            raise self.wrong(
                "MAPPING_TYPE",
                f"{argument.name} of {function.name} is one date, and here is "
                f"{'a list of ' if bound.many else ''}{bound.kind.value}.",
                "Append | date(102) or the like.",
                scalar,
                argument.value.offset,
            )
        return bound

    def dated(self, call: Call, arguments: list[Any], dynamic: list[Bound], scalar: Scalar) -> None:
        """A table with dates is asked with the date that is named, or with the document's own."""
        named = next((argument for argument in call.arguments if isinstance(argument, Named)), None)
        try:
            table = self.lookups.table(str(arguments[0]))
        except LookupTableError:
            return  # told when the function is built
        if not table.dated:
            if named is not None:
                raise self.wrong(
                    "MAPPING_FUNCTION",
                    f"The lookup table {arguments[0]} has no dates.",
                    "Take on=… away, or give the table the columns valid_from and valid_to.",
                    scalar,
                    named.offset,
                )
            return
        day = self.bound(named.value, scalar) if named is not None else None
        if named is None:
            day = self.issued_on.bound() if self.issued_on is not None else None
        if day is None:
            raise self.wrong(
                "MAPPING_FUNCTION",
                f"The lookup table {arguments[0]} is asked by date, and this mapping has no issued_on to take.",
                f"Name the date: lookup({arguments[0]}, on=path | date).",
                scalar,
                call.offset,
            )
        dynamic.append(day)
        arguments.append(DYNAMIC)

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
        self.uses.tables[name] = table
        return table
