"""``trace``: for a value of a document the bytes that it came from, and every step on the way.

:func:`trace_field` tells of one value everything, :func:`trace_all` of all values of a document where they come from.
Both work for every format, because they ask the format's own paths (:mod:`orderhub.formats.dialect`) for the places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec

from orderhub.documents import Document
from orderhub.errors import MappingError
from orderhub.findings import Place
from orderhub.formats.base import MessageTree
from orderhub.formats.dialect import Node, SeveralValues
from orderhub.mapping.given import NOTHING_GIVEN, Given
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.language import Constant, Leaf
from orderhub.mapping.plan import PartPlan, StructPlan
from orderhub.mapping.problems import close_to
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.slots import Run, Slot, Undecided
from orderhub.mapping.tracing import Record, SourceValue, Step, as_text

__all__ = ["Origin", "SourceValue", "Step", "Trace", "TraceError", "TracedField", "trace_all", "trace_field"]

#: Where a value comes from. ``default``: the document has it without the mapping's doing; ``absent``: it has none;
#: ``part``: it is no value but a part with values of its own.
Origin: TypeAlias = Literal["source", "constant", "agreement", "interchange", "default", "absent", "part"]
#: Makes a place exact where the reader was not: place and text to place.
Sharpen: TypeAlias = Callable[[Place, str], Place]

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\[[0-9]{1,9}\])*)\Z")


class TraceError(MappingError):
    """There is nothing to trace under that name."""

    code = "TRACE_FIELD"


class TracedField(msgspec.Struct, frozen=True, kw_only=True):
    """A value of the document and where it comes from.

    ``field`` as mappings and pages write it (``lines[0].quantity``); ``value`` as text; ``expression`` as the mapping
    has it, at ``line`` of its file; ``sources`` are the source values that made it or decided about it (their ``role``
    says which).
    """

    field: str
    value: str | None
    origin: Origin
    expression: str = ""
    line: int | None = None
    sources: list[SourceValue] = []


class Trace(TracedField, frozen=True, kw_only=True):
    """The same with every step. ``error`` says why there is no value, where one was refused."""

    steps: list[Step] = []
    error: str | None = None


def trace_field(
    mapping: CompiledMapping,
    tree: MessageTree,
    field: str,
    given: Given = NOTHING_GIVEN,
    sharpen: Sharpen | None = None,
) -> Trace:
    """Everything about one value of the document that this message makes.

    :raises TraceError: the document has no such field, or this message not so many of them.
    """
    compiled = mapping.given(given)
    run = Run(tree.root, tree.interchange, tree.reference)
    return _Finder(compiled, run, sharpen).find(field)


def trace_all(
    mapping: CompiledMapping,
    tree: MessageTree,
    given: Given = NOTHING_GIVEN,
    sharpen: Sharpen | None = None,
) -> Iterator[TracedField]:
    """All values that this message gives, in the order of the document: where each comes from. Values that are refused
    are left out, :func:`trace_field` says why."""
    compiled = mapping.given(given)
    run = Run(tree.root, tree.interchange, tree.reference)
    yield from _Finder(compiled, run, sharpen).all(compiled._plan, tree.root, "")


def field_value(document: Document | None, field: str) -> Any:
    """The value at a path of a document; ``None`` when it is not there."""
    value: Any = document
    for step in field.split("."):
        match = _STEP.match(step)
        if match is None or value is None:
            return None
        value = getattr(value, match[1], None)
        for index in re.findall(r"\d+", match[2]):
            if not isinstance(value, list) or int(index) >= len(value):
                return None
            value = value[int(index)]
    return value


class _Finder:
    def __init__(self, mapping: CompiledMapping, run: Run, sharpen: Sharpen | None) -> None:
        self.mapping = mapping
        self.run = run
        self.sharpen = sharpen

    # --- one field

    def find(self, field: str) -> Trace:
        plan, node = self.mapping._plan, self.run.root
        steps = field.split(".")
        so_far = ""
        for position, text in enumerate(steps):
            match = _STEP.match(text)
            if match is None:
                raise TraceError(f"{field!r} is no field.", todo="Write it as lines[0].quantity.")
            name, last = match[1], position == len(steps) - 1
            so_far = f"{so_far}.{text}" if so_far else text
            if name not in plan.target.fields:
                close = close_to(name, plan.target.fields)
                raise TraceError(
                    f"There is no field {name!r} in {plan.target.name}.",
                    todo=f"Did you mean {close[0]}?"
                    if close
                    else f"There are {', '.join(plan.target.fields)}.",
                )
            part = next((part for part in plan.parts if part.name == name), None)
            if part is None:
                if not last:
                    raise TraceError(f"{name} has no fields below it.", todo=f"Ask for {so_far}.")
                return self.leaf(plan, name, node, so_far)
            index = re.findall(r"\d+", match[2])
            if last and part.many and not index:
                return self.part(part, node, so_far, plan)
            found = self.nodes(part, node, so_far)
            number = int(index[0]) if index else 0
            if number >= len(found):
                raise TraceError(
                    f"{so_far} is not there: this message has {len(found)}.",
                    todo="Positions count from 0." if found else "Ask for another field.",
                )
            if last:
                return self.part(part, node, so_far, plan, found[number])
            plan, node = part.plan, found[number]
        raise TraceError("No field is named.", todo="Write it as lines[0].quantity.")

    def nodes(self, part: PartPlan, node: Node, field: str) -> list[Node]:
        try:
            return list(part.nodes(node, self.run))
        except Undecided as error:
            raise TraceError(
                f"Whether {field} is there ({error.condition.text}) cannot be said.",
                todo="Translate the file to see the finding.",
            ) from None

    def part(
        self, part: PartPlan, node: Node, field: str, plan: StructPlan, found: Node | None = None
    ) -> Trace:
        written = plan.written[part.name]
        group = part.group
        sources: list[SourceValue] = []
        nodes = [found] if found is not None else self.nodes(part, node, field)
        if group is not None:
            for one in nodes:
                place = group.where(one)
                sources.append(SourceValue(path=group.text, text=place.excerpt or "", place=place))
        count = f"{len(nodes)} of them" if part.many and found is None else None
        return Trace(
            field=field,
            value=count,
            origin="part" if nodes else "absent",
            expression=group.text if group is not None else "",
            line=written.key.mark[0],
            sources=sources,
        )

    def leaf(self, plan: StructPlan, name: str, node: Node, field: str) -> Trace:
        written = plan.written.get(name)
        if isinstance(written, Constant):
            text = as_text(plan.constants[name]) or ""
            step = Step(what="constant", text=f"const: {written.scalar.text}", value=text)
            return Trace(
                field=field,
                value=text,
                origin="constant",
                expression=f"{{const: {written.scalar.text}}}",
                line=written.scalar.mark[0],
                steps=[step],
            )
        if not isinstance(written, Leaf):
            default = _default(plan, name)
            return Trace(field=field, value=default, origin="default" if default is not None else "absent")
        record = Record()
        value, error = self.value(plan, plan.slots[name], written, node, record)
        sources = self.sharpened(record.sources)
        if value is None:
            default = _default(plan, name)
            if error is None and default is not None:
                return Trace(
                    field=field,
                    value=default,
                    origin="default",
                    expression=written.scalar.text,
                    line=written.scalar.mark[0],
                    sources=sources,
                    steps=record.steps,
                )
        return Trace(
            field=field,
            value=as_text(value),
            origin=_origin(value, record),
            expression=written.scalar.text,
            line=written.scalar.mark[0],
            sources=sources,
            steps=record.steps,
            error=error,
        )

    def value(
        self, plan: StructPlan, slot: Slot, written: Leaf, node: Node, record: Record
    ) -> tuple[Any, str | None]:
        """The final value, and why there is none where it was refused."""
        try:
            value = plan.tracer.value(written.expression, written.scalar, node, self.run, record)
            if value is None or slot.fit is None:
                return value, None
            fitted = slot.fit(value)
        except Refusal as refusal:
            if not record.steps or record.steps[-1].what != "refused":
                record.step("refused", slot.name, None, 0, f"{refusal.what} {refusal.todo}")
            return None, f"{refusal.what} {refusal.todo}"
        except SeveralValues:
            return None, "The source has several different values, and there is room for one."
        if type(fitted) is not type(value):
            kind = slot.field.kind
            record.step("fit", f"{slot.name} is {kind.value if kind is not None else 'a part'}", fitted, 0)
        return fitted, None

    def sharpened(self, sources: list[SourceValue]) -> list[SourceValue]:
        if self.sharpen is None:
            return sources
        sharpen = self.sharpen
        return [
            source
            if source.place.length is not None
            else msgspec.structs.replace(source, place=sharpen(source.place, source.text))
            for source in sources
        ]

    # --- all fields

    def all(self, plan: StructPlan, node: Node, prefix: str) -> list[TracedField]:
        """The values of a part, in the order of the document; empty when only constants would be there."""
        found: list[TracedField] = []
        alive = plan.root
        for name in plan.target.fields:
            written = plan.written.get(name)
            if written is None:
                continue
            field = f"{prefix}{name}"
            if isinstance(written, (Leaf, Constant)):
                traced = self.leaf(plan, name, node, field)
                if traced.value is None or traced.origin == "default":
                    continue
                alive = alive or traced.origin != "constant"
                found.append(traced)
                continue
            part = next((part for part in plan.parts if part.name == name), None)
            if part is None:
                continue
            below = self._below(part, node, field)
            alive = alive or bool(below)
            found.extend(below)
        return found if alive else []

    def _below(self, part: PartPlan, node: Node, field: str) -> list[TracedField]:
        try:
            nodes = list(part.nodes(node, self.run))
        except Undecided:
            return []
        below: list[TracedField] = []
        for index, one in enumerate(nodes):
            below.extend(self.all(part.plan, one, f"{field}[{index}]." if part.many else f"{field}."))
        return below


def _origin(value: Any, record: Record) -> Origin:
    if value is None:
        return "absent"
    if any(source.role == "value" for source in record.sources):
        return "source"
    for what in ("agreement", "interchange"):
        if any(step.what == what and step.value is not None for step in record.steps):
            return "agreement" if what == "agreement" else "interchange"
    return "source" if record.sources else "constant"


def _default(plan: StructPlan, name: str) -> str | None:
    for field in msgspec.structs.fields(plan.target.build):
        if field.name == name and field.default is not msgspec.NODEFAULT:
            return as_text(field.default)
    return None
