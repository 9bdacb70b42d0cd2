"""What no path of a mapping reads: texts and attributes that a message has and nobody looks at.

Elements are walked beside a tree of what is read. Groups that the mapping entered are worked out once for each shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from lxml import etree

from orderhub.findings import Place
from orderhub.formats.dialect import Unread
from orderhub.formats.xml.names import XML, XSI, split, written
from orderhub.formats.xml.select import CompiledStep
from orderhub.formats.xml.tree import Shape, XmlMessage, XmlNode, text_of

#: Attributes that say nothing about the business.
_TECHNICAL = (f"{{{XSI}}}", f"{{{XML}}}")
_PLANS = 1_000


class Reads:
    """What is read of the elements at one place of the tree."""

    __slots__ = ("attributes", "below", "text")

    def __init__(self) -> None:
        self.text = False
        self.attributes: set[str] = set()
        self.below: dict[str, list[tuple[CompiledStep, Reads]]] = {}

    def add(self, steps: Iterable[CompiledStep], attribute: str | None, *, value: bool = True) -> None:
        """A path is read; ``value`` false: only its conditions are (a group)."""
        here = self
        for step in steps:
            edges = here.below.setdefault(step.tag, [])
            known = next((target for edge, target in edges if edge == step), None)
            if known is None:
                known = Reads()
                edges.append((step, known))
                for test in step.tests:
                    known.add(test.steps, test.attribute)
            here = known
        if attribute is not None:
            here.attributes.add(attribute)
        elif value:
            here.text = True


_Active = tuple[Reads, ...]


class _Candidate(NamedTuple):
    """An element at a position of a shape: whether its text is unread, and which attributes are read."""

    position: int
    path: str
    name: str
    text: bool
    read: frozenset[str]


class _Plan(NamedTuple):
    """``dynamic``: positions whose conditions depend on values, with what is active above them."""

    candidates: tuple[_Candidate, ...]
    dynamic: tuple[tuple[int, _Active, str], ...]


class UnreadFinder:
    """``prefixes`` go from namespace to prefix."""

    def __init__(
        self,
        reads: Reads,
        prefixes: Mapping[str, str],
        default: str | None,
        wanted: Callable[[str], bool] | None,
    ) -> None:
        self.reads = reads
        self.prefixes = prefixes
        self.default = default
        self.wanted = wanted or (lambda _name: True)
        # a name that is not wanted takes everything below it along, unless nothing is wanted but what is named
        self.prunes = self.wanted("")
        self.plans: dict[tuple[Shape, _Active, str], _Plan] = {}
        self.names: dict[str, str] = {}

    def __call__(self, root: XmlNode) -> list[Unread]:
        found: list[Unread] = []
        self._values(root.element, (self.reads,), "", "", root.message, found)
        for child in root.element:
            self._walk(child, (self.reads,), "", root.message, found)
        return found

    def _name(self, tag: str) -> str:
        name = self.names.get(tag)
        if name is None:
            name = self.names[tag] = written(tag, self.prefixes, self.default)
        return name

    def _below(self, element: etree._Element, active: _Active) -> _Active:
        tag = str(element.tag)
        return tuple(
            [
                target
                for reads in active
                for step, target in reads.below.get(tag, ())
                if step.plain or step.matches(element)
            ]
        )

    def _walk(
        self, element: etree._Element, above: _Active, path: str, message: XmlMessage, found: list[Unread]
    ) -> None:
        name = self._name(str(element.tag))
        if self.prunes and not self.wanted(name):
            return
        path = f"{path}/{name}" if path else name
        active = self._below(element, above)
        node = message.groups.get(element)
        if node is not None:
            self._group(node, active, path, found)
            return
        self._values(element, active, path, name, message, found)
        for child in element:
            self._walk(child, active, path, message, found)

    def _values(
        self,
        element: etree._Element,
        active: _Active,
        path: str,
        name: str,
        message: XmlMessage,
        found: list[Unread],
    ) -> None:
        read = frozenset(attribute for reads in active for attribute in reads.attributes)
        text = not any(reads.text for reads in active)
        self._report(element, _Candidate(0, path, name, text, read), message, found)

    def _report(
        self, element: etree._Element, candidate: _Candidate, message: XmlMessage, found: list[Unread]
    ) -> None:
        _, path, name, text, read = candidate
        if text and (value := text_of(element)) and self.wanted(name):
            found.append(Unread(path or ".", name, value, _placer(message, element, None)))
        for attribute in element.keys():  # noqa: SIM118  # an element is no dict
            key = str(attribute)
            if key in read or key.startswith(_TECHNICAL):
                continue
            segment = f"@{self._attribute(key)}"
            value = str(element.get(key) or "").strip()
            if value and self.wanted(segment):
                where = f"{path}/{segment}" if path else segment
                found.append(Unread(where, segment, value, _placer(message, element, key)))

    def _attribute(self, key: str) -> str:
        namespace, local = split(key)
        prefix = self.prefixes.get(namespace or "")
        return f"{prefix}:{local}" if prefix else local

    def _group(self, node: XmlNode, active: _Active, path: str, found: list[Unread]) -> None:
        shape = node.shape()
        key = (shape, active, path)
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= _PLANS:
                self.plans.clear()
            plan = self.plans[key] = self._plan(shape, active, path)
        elements, message = node.elements(), node.message
        for candidate in plan.candidates:
            element = elements[candidate.position]
            if candidate.text or element.keys():
                self._report(element, candidate, message, found)
        for position, above, outer in plan.dynamic:
            self._walk(elements[position], above, outer, message, found)

    def _plan(self, shape: Shape, active: _Active, path: str) -> _Plan:
        candidates: list[_Candidate] = []
        dynamic: list[tuple[int, _Active, str]] = []

        def plan(position: int, active: _Active, path: str) -> None:
            read = frozenset(attribute for reads in active for attribute in reads.attributes)
            text = not any(reads.text for reads in active)
            name = path.rpartition("/")[2]
            candidates.append(_Candidate(position, path, name, text, read))
            for child in shape.children[position]:
                tag = shape.tags[child]
                name = self._name(tag)
                if self.prunes and not self.wanted(name):
                    continue
                edges = [edge for reads in active for edge in reads.below.get(tag, ())]
                if all(step.plain for step, _ in edges):
                    plan(child, tuple([target for _, target in edges]), f"{path}/{name}")
                else:
                    dynamic.append((child, active, path))

        plan(0, active, path)
        return _Plan(tuple(candidates), tuple(dynamic))


def _placer(message: XmlMessage, element: etree._Element, attribute: str | None) -> Callable[[], Place]:
    return lambda: message.place(element, attribute)
