"""From a resolved path to what it gives: plain walks over child elements, no XPath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from lxml import etree

from orderhub.findings import Place
from orderhub.formats.dialect import SeveralValues
from orderhub.formats.xml.tree import Shape, XmlNode, text_of

#: Places that are looked up at most for the values of one path.
PLACES = 200
#: Shapes of which a path knows its way.
KNOWN = 1_000


class Test(NamedTuple):
    """A condition on an element: a value at the element or below it that must be there."""

    steps: tuple[CompiledStep, ...]
    attribute: str | None
    value: str

    def holds(self, element: etree._Element) -> bool:
        if not self.steps and self.attribute is not None:
            return (element.get(self.attribute) or "").strip() == self.value
        return any(
            (value_of(found, self.attribute) or "") == self.value for found in elements(element, self.steps)
        )


class CompiledStep(NamedTuple):
    """A child step: full name, position (from 1) among those that hold the tests."""

    tag: str
    nth: int | None = None
    tests: tuple[Test, ...] = ()

    @property
    def plain(self) -> bool:
        return self.nth is None and not self.tests

    def matches(self, element: etree._Element) -> bool:
        """Whether this step leads to a child with this name."""
        if not all(test.holds(element) for test in self.tests):
            return False
        if self.nth is None:
            return True
        before = 0
        for one in element.itersiblings(self.tag, preceding=True):
            before += all(test.holds(one) for test in self.tests)
            if before >= self.nth:  # among many, only so many are counted
                return False
        return before == self.nth - 1


class Selection(NamedTuple):
    """What a path reads: of the elements at the end of ``steps`` the text, or ``attribute``. ``around``: it begins at the
    root of the file. ``many``: all values are meant."""

    steps: tuple[CompiledStep, ...]
    attribute: str | None
    many: bool
    around: bool = False


def elements(start: etree._Element, steps: Sequence[CompiledStep]) -> list[etree._Element]:
    """The elements at the end of the steps, in document order."""
    found = [start]
    for tag, nth, tests in steps:
        below: list[etree._Element] = []
        for element in found:
            matching = element.iterchildren(tag)
            if tests:
                chosen = [one for one in matching if all(test.holds(one) for test in tests)]
            else:
                chosen = list(matching)
            below.extend(chosen if nth is None else chosen[nth - 1 : nth])
        if not below:
            return below
        found = below
    return found


def value_of(element: etree._Element, attribute: str | None) -> str | None:
    """Text or attribute without blanks around it; ``None`` when nothing is left."""
    if attribute is None:
        return text_of(element)
    return (element.get(attribute) or "").strip() or None


def start_of(node: XmlNode, selection: Selection) -> etree._Element:
    return node.message.around if selection.around else node.element


def single(values: list[str]) -> str | None:
    """The one value; :class:`SeveralValues` when there are different ones."""
    if not values:
        return None
    first = values[0]
    for value in values:
        if value != first:
            raise SeveralValues
    return first


def _from(selection: Selection) -> Callable[[XmlNode], list[str]]:
    """The values from the start of a path, whatever that is."""

    def values(node: XmlNode) -> list[str]:
        found = elements(start_of(node, selection), selection.steps)
        return [value for element in found if (value := value_of(element, selection.attribute))]

    return values


def _below(steps: tuple[CompiledStep, ...], attribute: str | None) -> Callable[[XmlNode], list[str]]:
    """The values below a node. Where children are groups whose shape is known, the rest of the way is, too."""
    first, rest = steps[:1], steps[1:]
    tag = first[0].tag
    straight = all(step.plain for step in steps)
    known: dict[Shape, list[int]] = {}

    def values(node: XmlNode) -> list[str]:
        children = node.by_name().get(tag)
        if children is None:
            return []
        if not straight:
            found = elements(node.element, steps)
            return [value for element in found if (value := value_of(element, attribute))]
        gathered: list[str] = []
        groups = node.groups
        for child in children:
            inner = groups.get(child)
            shape = inner.known_shape if inner is not None else None
            if inner is None or shape is None:
                found = elements(child, rest)
            else:
                places = known.get(shape)
                if places is None:
                    places = positions(shape, rest)
                    if shape.kept:
                        if len(known) >= KNOWN:
                            known.clear()
                        known[shape] = places
                within = inner.elements()
                found = [within[place] for place in places]
            for element in found:
                value = value_of(element, attribute)
                if value:
                    gathered.append(value)
        return gathered

    return values


def positions(
    shape: Shape,
    steps: Sequence[CompiledStep],
    start: int = 0,
    within: Sequence[etree._Element] | None = None,
) -> list[int]:
    """Where the steps lead in a shape; without its elements (``within``) conditions and indexes are not looked at."""
    found = [start]
    for step in steps:
        below: list[int] = []
        for position in found:
            matching = [child for child in shape.children[position] if shape.tags[child] == step.tag]
            if within is not None:
                if step.tests:
                    matching = [c for c in matching if all(test.holds(within[c]) for test in step.tests)]
                if step.nth is not None:
                    matching = matching[step.nth - 1 : step.nth]
            below.extend(matching)
        found = below
    return found


def getter(selection: Selection) -> Callable[[XmlNode], str | None] | Callable[[XmlNode], list[str]]:
    """The getter of a path, see :class:`orderhub.formats.dialect.ResolvedPath`."""
    steps, attribute, many, _ = selection

    values = _from(selection) if selection.around or not steps else _below(steps, attribute)

    if many:
        return values

    def several(node: XmlNode) -> str | None:
        return single(values(node))

    if len(steps) > 1 or selection.around or not all(step.plain for step in steps):
        return several
    if not steps:
        return lambda node: value_of(node.element, attribute)
    tag = steps[0].tag

    def child(node: XmlNode) -> str | None:
        """The usual one: a single child."""
        found = node.by_name().get(tag)
        if found is None:
            return None
        if len(found) == 1:
            return value_of(found[0], attribute)
        return several(node)

    return child


def locator(selection: Selection, names: Sequence[str]) -> Callable[[XmlNode], list[Place]]:
    """The places of what the getter gives; where it was expected when there is nothing. ``names``: the steps as written."""
    steps, attribute, _, _ = selection

    def where(node: XmlNode) -> list[Place]:
        start, message = start_of(node, selection), node.message
        found = elements(start, steps)
        there = (element for element in found if value_of(element, attribute) is not None)
        places = [message.place(element, attribute) for element in islice(there, PLACES)]
        if places:
            return places
        if found:
            return [message.place(found[0], attribute)]
        reached, depth = start, 0
        for depth in range(len(steps) - 1, -1, -1):
            above = elements(start, steps[:depth])
            if above:
                reached = above[0]
                break
        return [message.place(reached, missing="/".join(names[depth:]))]

    return where
