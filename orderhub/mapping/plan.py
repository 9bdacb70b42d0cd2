"""What a compiled mapping runs: a tree of plans that mirrors the target, and how each plan builds its part.

Good documents take the short way: getters and remembered conversions in two plain loops, no bookkeeping. As soon as a
value refuses, that part is gone through once more, value by value, to find everything that is wrong with it and where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from orderhub.findings import Place
from orderhub.formats.dialect import Node, ResolvedGroup, SeveralValues
from orderhub.mapping.fast import FastPlan, FastStep
from orderhub.mapping.kinds import Refusal, shown
from orderhub.mapping.language import FieldMapping
from orderhub.mapping.slots import Condition, Run, Slot, Undecided, place_of
from orderhub.mapping.targets import TargetField, TargetStruct

if TYPE_CHECKING:
    from orderhub.mapping.tracing import Tracer


class _Failed:
    def __repr__(self) -> str:
        return "FAILED"


#: A part that could not be built; why stands in the findings.
FAILED: Final = _Failed()
_AGAIN: Final = _Failed()


class PartPlan:
    """A nested part of the target: none, one, or a list."""

    __slots__ = ("depth", "field", "group", "many", "name", "plan", "template", "when", "where")

    def __init__(
        self,
        name: str,
        template: str,
        depth: int,
        field: TargetField,
        group: ResolvedGroup | None,
        plan: StructPlan,
        when: Condition | None = None,
        where: Condition | None = None,
    ) -> None:
        self.name = name
        self.template = template
        self.depth = depth
        self.field = field
        self.group = group
        #: whether the part is made, asked of its parent's node
        self.when = when
        #: which of the group's nodes count, asked of each
        self.where = where
        self.many = field.many
        self.plan = plan

    def path(self, indexes: Sequence[int]) -> str:
        return self.template.format(*indexes[: self.depth])

    def nodes(self, node: Node, run: Run) -> Sequence[Node]:
        """The nodes that the part is made of.

        :raises Undecided: a condition meets a value that it cannot judge.
        """
        if self.when is not None and not self.when.met(node, run):
            return ()
        group = self.group
        if group is None:
            return (node,)
        nodes = group.nodes(run.root if group.from_root else node)
        where = self.where
        return nodes if where is None else [one for one in nodes if where.met(one, run)]

    def build(self, node: Node, run: Run) -> Any:
        """The part, ``None`` when the source has nothing for it, or FAILED."""
        try:
            nodes = self.nodes(node, run)
        except Undecided as found:
            self._undecided(found, run)
            return FAILED
        if self.many:
            return self._build_list(nodes, run)
        if not nodes:
            return None
        if len(nodes) > 1:
            self._several(nodes, run)
            return FAILED
        return self.plan.build(nodes[0], run)

    def _build_list(self, nodes: Sequence[Node], run: Run) -> Any:
        items: list[Any] = []
        indexes = run.indexes
        indexes.append(0)
        build = self.plan.build
        failed = False
        for index, node in enumerate(nodes):
            indexes[-1] = index
            item = build(node, run)
            if item is None:
                self.plan.missing({}, node, run, frozenset())
                item = FAILED
            if item is FAILED:
                failed = True
            else:
                items.append(item)
        indexes.pop()
        if failed:
            return FAILED
        return items or None

    def _several(self, nodes: Sequence[Node], run: Run) -> None:
        group = self.group
        place = group.where(nodes[1]) if group is not None else Place()
        run.add(
            "VALUE_SEVERAL",
            f"{group.text if group else self.name} stands there {len(nodes)} times, and the document has room for one. "
            "Ask the sender, or say in the mapping which one is meant.",
            place,
            field=self.path(run.indexes),
        )

    def _undecided(self, found: Undecided, run: Run) -> None:
        condition, error = found.condition, found.error
        path = self.path(run.indexes)
        if isinstance(error, Refusal):
            code, why, value = error.code, f"{error.what} {error.todo}", error.value
        else:
            code, value = "VALUE_SEVERAL", None
            why = "The source has several different values. Say in the mapping which one is meant (an index, first, last)."
        run.add(
            code,
            f"Whether {path} is there ({condition.text}) cannot be said: {why}",
            place_of(condition.sources, found.node, run, value),
            field=path,
            value=None if value is None else value[:200],
            rule=condition.text,
        )

    def absent(self, node: Node, run: Run, beside: Iterable[Slot]) -> None:
        """Note that the mandatory part is missing. ``node`` is its parent's, ``beside`` are the parent's own values, which
        know the file."""
        conditions = [condition.text for condition in (self.when, self.where) if condition is not None]
        what = (
            f"{self.path(run.indexes)} is mandatory, and the message has no {self.group.text}"
            f"{' with ' + ' and '.join(conditions) if conditions else ''}."
            if self.group
            else (f"{self.path(run.indexes)} is mandatory, and the message has none of its values.")
        )
        own = next((slot for slot in self.plan.slots.values() if slot.sources), None)
        if self.group is None and own is not None:
            place = place_of(own.sources, node, run)
        else:
            known = next((slot for slot in beside if slot.sources), None)
            near = place_of(known.sources, node, run) if known is not None else Place(message=run.message)
            text = self.group.text if self.group is not None else None
            place = Place(
                file=near.file,
                interchange=near.interchange,
                message=near.message,
                segment=text.strip("/").partition("[")[0] if text is not None else None,
                path=text,
            )
        named = [name for slot in self.plan.slots.values() for name in slot.agreement]
        todo = _agree(named) if named and self.group is None else "Ask the sender to add it."
        run.add("VALUE_MISSING", f"{what} {todo}", place, field=self.path(run.indexes))


#: (field, node -> text): text that goes into the document as it is.
TextStep = tuple[str, Callable[[Node], Any]]
#: (field, node -> raw value, memo of conversions).
MemoStep = tuple[str, Callable[[Node], Any], dict[Any, Any]]
#: (field, (node, run) -> value).
OtherStep = tuple[str, Callable[[Node, Run], Any]]


class StructPlan:
    """Builds one Struct from one node."""

    __slots__ = (
        "apart",
        "constants",
        "fast",
        "memos",
        "others",
        "parts",
        "root",
        "slots",
        "slow",
        "steps",
        "target",
        "texts",
        "tracer",
        "written",
    )

    def __init__(
        self,
        target: TargetStruct,
        *,
        root: bool,
        written: Mapping[str, FieldMapping],
        tracer: Tracer,
    ) -> None:
        self.target = target
        self.root = root
        #: the fields as they stand in the file, and what can tell how their values came about
        self.written = written
        self.tracer = tracer
        self.texts: list[TextStep] = []
        self.memos: list[MemoStep] = []
        self.others: list[OtherStep] = []
        self.constants: dict[str, Any] = {}
        self.parts: list[PartPlan] = []
        self.slots: dict[str, Slot] = {}
        #: the same once more for the fast way: what it can gather, and which of ``others`` it cannot
        self.steps: list[FastStep] = []
        self.slow: list[OtherStep] = []
        self.fast: FastPlan | None = None
        #: the parts that the fast way does not build along with this one
        self.apart: list[PartPlan] = []

    def build(self, node: Node, run: Run) -> Any:
        """The Struct, ``None`` when the source has no value for it, or FAILED."""
        fast = self.fast
        if fast is None:
            return self.reference(node, run)
        try:
            gathered = fast.gather(node)
            if fast.whole:
                return gathered
            values: dict[str, Any] = gathered or {}
            for name, evaluate in self.slow:
                value = evaluate(node, run)
                if value is not None:
                    values[name] = value
        except (Refusal, SeveralValues, TypeError):
            return self.reference(node, run)
        built = self._with_parts(values, node, run, self.apart)
        # not even a mandatory value that is absent is explained here
        return self.reference(node, run) if built is _AGAIN else built

    def reference(self, node: Node, run: Run) -> Any:
        """The same, value by value: the definition of what a mapping means."""
        values: dict[str, Any] = {}
        try:
            for name, get in self.texts:
                value = get(node)
                if value is not None:
                    values[name] = value
            for name, get, memo in self.memos:
                value = get(node)
                if value is not None and (converted := memo[value]) is not None:
                    values[name] = converted
            for name, evaluate in self.others:
                value = evaluate(node, run)
                if value is not None:
                    values[name] = value
        except (Refusal, SeveralValues):
            return self._explain(node, run)
        built = self._with_parts(values, node, run, self.parts)
        if built is _AGAIN:
            self.missing(values, node, run, frozenset())
            return FAILED
        return built

    def _with_parts(self, values: dict[str, Any], node: Node, run: Run, parts: list[PartPlan]) -> Any:
        """The Struct of these values and of these parts; _AGAIN when a mandatory field is missing and nothing has been
        said about it."""
        failed: set[str] | None = None
        for part in parts:
            value = part.build(node, run)
            if value is FAILED:
                failed = failed or set()
                failed.add(part.name)
            elif value is not None:
                values[part.name] = value
        if failed is not None:
            self.missing(values, node, run, failed)
            return FAILED
        if not values and not self.root:
            return None
        if self.constants:
            values.update(self.constants)
        try:
            return self.target.build(**values)
        except TypeError:
            return _AGAIN

    def missing(
        self, values: dict[str, Any], node: Node, run: Run, failed: set[str] | frozenset[str]
    ) -> None:
        """Note the mandatory fields that have no value (those in ``failed`` have been spoken about)."""
        parts = {part.name: part for part in self.parts}
        for name, field in self.target.fields.items():
            if not field.required or name in failed or name in self.constants or values.get(name) is not None:
                continue
            if name in parts:
                parts[name].absent(node, run, self.slots.values())
                continue
            slot = self.slots.get(name)
            if slot is None:
                continue
            path = slot.path(run.indexes)
            todo = (
                _agree(slot.agreement)
                if slot.agreement
                else "Ask the sender to add it, or give the mapping a fallback ('?')."
            )
            run.add(
                "VALUE_MISSING",
                f"{path} is mandatory, and {slot.expression} gives nothing. {todo}",
                place_of(slot.sources, node, run),
                field=path,
            )

    def _explain(self, node: Node, run: Run) -> Any:
        """The slow way: every value by itself, so that all refusals are found."""
        values: dict[str, Any] = {}
        failed: set[str] = set()
        steps: list[tuple[str, Callable[[], Any]]] = []
        steps.extend((name, partial(get, node)) for name, get in self.texts)
        steps.extend((name, partial(_remembered, memo, get, node)) for name, get, memo in self.memos)
        steps.extend((name, partial(evaluate, node, run)) for name, evaluate in self.others)
        for name, step in steps:
            try:
                value = step()
            except Refusal as refusal:
                failed.add(name)
                self._refused(self.slots[name], refusal, node, run)
            except SeveralValues:
                failed.add(name)
                self._several(self.slots[name], node, run)
            else:
                if value is not None:
                    values[name] = value
        for part in self.parts:
            value = part.build(node, run)
            if value is FAILED:
                failed.add(part.name)
            elif value is not None:
                values[part.name] = value
        self.missing(values, node, run, failed)
        return FAILED

    def _refused(self, slot: Slot, refusal: Refusal, node: Node, run: Run) -> None:
        path = slot.path(run.indexes)
        run.add(
            refusal.code,
            f"{path}: {refusal.what} {refusal.todo}",
            place_of(slot.sources, node, run, refusal.value),
            field=path,
            value=None if refusal.value is None else refusal.value[:200],
            rule=slot.expression,
        )

    def _several(self, slot: Slot, node: Node, run: Run) -> None:
        path = slot.path(run.indexes)
        places: list[Place] = []
        for source in () if run.full else slot.sources:
            places = source.where(run.root if source.from_root else node)
            if len(places) > 1:
                break
        values = [place.excerpt for place in places if place.excerpt]
        listed = f" ({', '.join(shown(value) for value in values[:3])})" if values else ""
        run.add(
            "VALUE_SEVERAL",
            f"{path}: the source has {_many(len(places))}{listed}, and there is room for one. "
            "Ask the sender, or say in the mapping which one is meant (an index, first, last or join).",
            places[1] if len(places) > 1 else places[0] if places else Place(message=run.message),
            field=path,
            rule=slot.expression,
        )


def _agree(names: Sequence[str]) -> str:
    return (
        f"Add {' or '.join(names)} to the defaults of the partner's agreement (on the command line, name the partner "
        "with --partner)."
    )


def _many(places: int) -> str:
    # one place and no single value: an object of JSON
    return "an object there" if places == 1 else f"{places or 'several'} different values"


def _remembered(memo: dict[Any, Any], get: Callable[[Node], Any], node: Node) -> Any:
    raw = get(node)
    return None if raw is None else memo[raw]
