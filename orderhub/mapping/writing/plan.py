"""What a compiled mapping runs when it writes: plans that mirror the payload, each building its piece of the tree.

Good documents take the short way (:meth:`ObjectPlan.build`). When a value refuses, the document is gone through once more,
value by value, to find everything that is wrong with it and which canonical field it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.dialect import ResolvedPath
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.writing.bind import WriteRun

#: (node, run) -> what the tree holds, ``None`` when there is nothing.
Evaluate: TypeAlias = Callable[[Any, WriteRun], Any]


class _Left:
    def __repr__(self) -> str:
        return "LEFT_OUT"


#: What stands for an absent value: nothing at all.
LEFT_OUT: Final = _Left()


class Value:
    """One value of the payload, for the explanation of what is wrong with it."""

    __slots__ = ("evaluate", "expression", "name", "sources")

    def __init__(
        self, name: str, evaluate: Evaluate, expression: str, sources: tuple[ResolvedPath, ...]
    ) -> None:
        self.name = name
        self.evaluate = evaluate
        self.expression = expression
        self.sources = sources

    def explain(self, node: Any, run: WriteRun, at: Position, findings: Findings) -> None:
        refused(lambda: self.evaluate(node, run), self.name, self.expression, self.sources, at, findings)


class Position(NamedTuple):
    """Where we are: the way in the payload, and the way in the document, both with a point at the end or empty."""

    payload: str = ""
    document: str = ""

    def field(self, sources: tuple[ResolvedPath, ...]) -> str | None:
        """The canonical path of the first of the sources."""
        if not sources:
            return self.document.rstrip(".") or None
        source = sources[0]
        if source.from_root:
            return source.text.lstrip("/")
        return self.document.rstrip(".") if source.text == "." else f"{self.document}{source.text}"


def refused(
    work: Callable[[], Any],
    name: str,
    expression: str,
    sources: tuple[ResolvedPath, ...],
    at: Position,
    findings: Findings,
) -> Any:
    """What the work gives; its refusal as a finding."""
    try:
        return work()
    except Refusal as refusal:
        findings.add(
            Finding(
                code=refusal.code,
                severity=Severity.ERROR,
                message=f"{at.payload}{name}: {refusal.what} {refusal.todo}",
                place=Place(path=f"{at.payload}{name}"),
                field=at.field(sources),
                value=None if refusal.value is None else refusal.value[:200],
                rule=expression,
            )
        )
        return None


class ObjectPlan:
    """Builds an object of JSON, the content of an element of XML.

    ``steps`` are (name, what gives the value, what stands there when it gives none), in the order of the file; a constant
    has nothing that gives it. Constants alone do not make a part, unless it has nothing else.
    """

    __slots__ = ("fixed", "own", "root", "steps", "values")

    def __init__(self, *, root: bool) -> None:
        self.root = root
        self.steps: list[tuple[str, Evaluate | None, Any]] = []
        self.values: list[Value | Part | Several] = []
        #: there are only constants
        self.fixed = False
        #: the value of the one step is the part itself
        self.own = False

    def finish(self, own: str) -> None:
        """To be called when all steps are there."""
        self.fixed = all(evaluate is None for _, evaluate, _ in self.steps)
        self.own = not self.root and [name for name, _, _ in self.steps] == [own]

    def build(self, node: Any, run: WriteRun) -> Any:
        """The dict (or the own value), ``None`` when the document has nothing for it.

        :raises Refusal: for the first value that cannot be written.
        """
        tree: dict[str, Any] = {}
        there = self.root or self.fixed
        for name, evaluate, otherwise in self.steps:
            if evaluate is not None:
                value = evaluate(node, run)
                if value is not None:
                    tree[name] = value
                    there = True
                    continue
            if otherwise is not LEFT_OUT:
                tree[name] = otherwise
        if not there:
            return None
        return next(iter(tree.values()), None) if self.own else tree

    def explain(self, node: Any, run: WriteRun, at: Position, findings: Findings) -> None:
        for value in self.values:
            value.explain(node, run, at, findings)


class Condition(NamedTuple):
    """What stands after ``when`` or ``where``."""

    text: str
    holds: Evaluate
    sources: tuple[ResolvedPath, ...]


class Part:
    """A part within an object: none, one (``at``, or neither), or a list (``each``)."""

    __slots__ = ("counted", "many", "name", "nodes", "path", "plan", "when", "where")

    def __init__(
        self,
        name: str,
        plan: ObjectPlan,
        *,
        path: str | None,
        counted: bool = True,
        nodes: Callable[[Any, WriteRun], Sequence[Any]] | None,
        many: bool,
        when: Condition | None,
        where: Condition | None,
    ) -> None:
        self.name = name
        self.plan = plan
        #: the canonical path of what it is made of; ``None`` when that is the part's parent, or nothing of the document
        self.path = path
        #: its items are those of the list at that path, not what a function made of a value
        self.counted = counted
        self.nodes = nodes
        self.many = many
        self.when = when
        self.where = where

    def build(self, node: Any, run: WriteRun) -> Any:
        if self.when is not None and self.when.holds(node, run) is not True:
            return None
        if self.nodes is None:
            return self.plan.build(node, run)
        where, build = self.where, self.plan.build
        if not self.many:
            nodes = self.nodes(node, run)
            return build(nodes[0], run) if nodes else None
        items: list[Any] = []
        for inner in self.nodes(node, run):
            if where is not None and where.holds(inner, run) is not True:
                continue
            item = build(inner, run)
            if item is not None:
                items.append(item)
        return items or None

    def explain(self, node: Any, run: WriteRun, at: Position, findings: Findings) -> None:
        when, where = self.when, self.where
        if when is not None:
            held = refused(lambda: when.holds(node, run), self.name, when.text, when.sources, at, findings)
            if held is not True:
                return
        nodes: Sequence[Any] = (node,)
        if self.nodes is not None:
            gather = self.nodes
            nodes = refused(lambda: gather(node, run), self.name, self.path or "", (), at, findings) or ()
        written = 0
        for index, inner in enumerate(nodes):
            position = self._at(at, index, written)
            if where is not None:
                held = refused(
                    lambda inner=inner: where.holds(inner, run),  # type: ignore[misc]  # mypy knows no default of a lambda
                    self.name,
                    where.text,
                    where.sources,
                    position,
                    findings,
                )
                if held is not True:
                    continue
            self.plan.explain(inner, run, position, findings)
            written += 1

    def _at(self, at: Position, index: int, written: int) -> Position:
        """``index`` counts the document's, ``written`` the payload's."""
        payload = f"{at.payload}{self.name}{f'[{written}]' if self.many else ''}."
        if self.path is None:
            return Position(payload, at.document)
        start = "" if self.path.startswith("/") else at.document
        return Position(
            payload, f"{start}{self.path.lstrip('/')}{f'[{index}]' if self.many and self.counted else ''}."
        )


class Several:
    """A list that is written out item by item. Items that are lists themselves are put in one after another."""

    __slots__ = ("items", "name", "steps")

    def __init__(
        self, name: str, steps: list[tuple[Evaluate | None, Any]], items: list[Value | Part]
    ) -> None:
        self.name = name
        self.steps = steps
        self.items = items

    def build(self, node: Any, run: WriteRun) -> Any:
        found: list[Any] = []
        there = False
        for evaluate, otherwise in self.steps:
            value = evaluate(node, run) if evaluate is not None else None
            if value is not None:
                there = True
                if isinstance(value, list):
                    found.extend(value)
                else:
                    found.append(value)
            elif otherwise is not LEFT_OUT:
                found.append(otherwise)
        return found if there else None

    def explain(self, node: Any, run: WriteRun, at: Position, findings: Findings) -> None:
        for item in self.items:
            item.explain(node, run, at, findings)
