"""One message on its way through a mapping, the values it is asked for, and where in the source they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import EnvelopeInfo
from orderhub.formats.dialect import Node, ResolvedPath, SeveralValues
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.targets import TargetField


class Run:
    """One message being translated."""

    __slots__ = ("findings", "indexes", "interchange", "message", "root")

    def __init__(self, root: Node, interchange: EnvelopeInfo, message: str | None) -> None:
        self.root = root
        self.interchange = interchange
        self.message = message
        self.findings: Findings | None = None
        #: the list positions on the way to where we are
        self.indexes: list[int] = []

    def add(
        self,
        code: str,
        message: str,
        place: Place,
        *,
        severity: Severity = Severity.ERROR,
        field: str | None = None,
        value: str | None = None,
        rule: str | None = None,
    ) -> None:
        if self.findings is None:
            self.findings = Findings()
        self.findings.add(
            Finding(
                code=code,
                severity=severity,
                message=message,
                place=place,
                field=field,
                value=value,
                rule=rule,
            )
        )

    @property
    def full(self) -> bool:
        """Whether further findings are only counted: then nobody will see where they are, and to work it out for each
        line of a large message takes long."""
        return self.findings is not None and self.findings.errors >= self.findings.limit

    @property
    def failed(self) -> bool:
        return self.findings is not None and self.findings.errors > 0


class Slot:
    """One target value: where it goes and where it comes from."""

    __slots__ = ("agreement", "depth", "expression", "field", "fit", "name", "sources", "template")

    def __init__(
        self,
        name: str,
        template: str,
        depth: int,
        field: TargetField,
        sources: tuple[ResolvedPath, ...],
        expression: str,
        agreement: tuple[str, ...] = (),
        fit: Callable[[Any], Any] | None = None,
    ) -> None:
        self.name = name
        #: the path in the document, with ``{}`` for list positions
        self.template = template
        self.depth = depth
        self.field = field
        self.sources = sources
        self.expression = expression
        #: the values of the agreement that it can be made of
        self.agreement = agreement
        #: what is still done to the expression's value so that it fits the field
        self.fit = fit

    def path(self, indexes: Sequence[int]) -> str:
        return self.template.format(*indexes[: self.depth])


class Condition(NamedTuple):
    """What stands after ``when`` or ``where`` of a part; ``holds``: (node, run) -> true, false or ``None``."""

    text: str
    holds: Callable[[Node, Run], bool | None]
    sources: tuple[ResolvedPath, ...]

    def met(self, node: Node, run: Run) -> bool:
        """Whether it is true; what is absent is not. :class:`Undecided` when that cannot be said."""
        try:
            return self.holds(node, run) is True
        except (Refusal, SeveralValues) as error:
            raise Undecided(self, node, error) from None


class Undecided(Exception):
    """A condition of a part cannot be judged at this node."""

    def __init__(self, condition: Condition, node: Node, error: Refusal | SeveralValues) -> None:
        self.condition = condition
        self.node = node
        self.error = error
        super().__init__(condition.text)


def values_of(source: ResolvedPath, node: Node) -> list[str]:
    """What a path gives, always as a list."""
    try:
        value = source.get(node)
    except SeveralValues:
        return []
    if value is None:
        return []
    return list(value) if source.many else [value]


def place_of(sources: tuple[ResolvedPath, ...], node: Node, run: Run, value: str | None = None) -> Place:
    """The place of a value among the sources of an expression: of the source that has exactly that value, else of
    the first that has one, else where the first was expected."""
    if run.full:
        return Place(message=run.message)
    first: Place | None = None
    for source in sources:
        at = run.root if source.from_root else node
        values = values_of(source, at)
        if not values:
            continue
        places = source.where(at)
        if value is not None and value in values and len(places) > values.index(value):
            return places[values.index(value)]
        if first is None and places:
            first = places[0]
    if first is not None:
        return first
    for source in sources:
        places = source.where(run.root if source.from_root else node)
        if places:
            return places[0]
    return Place(message=run.message)
