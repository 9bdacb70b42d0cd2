"""From a resolved path to what it gives: plain walks over child elements, no XPath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from lxml import etree

from orderhub.findings import Place
from orderhub.formats.dialect import SeveralValues
from orderhub.formats.xml.tree import XmlNode, text_of


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
        before = element.itersiblings(self.tag, preceding=True)
        return self.nth == 1 + sum(1 for one in before if all(test.holds(one) for test in self.tests))


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


def getter(selection: Selection) -> Callable[[XmlNode], str | None] | Callable[[XmlNode], list[str]]:
    """The getter of a path, see :class:`orderhub.formats.dialect.ResolvedPath`."""
    steps, attribute, many, _ = selection

    first = steps[0].tag if steps and not selection.around else None

    def values(node: XmlNode) -> list[str]:
        if first is not None and first not in node.by_name():
            return []
        found = elements(start_of(node, selection), steps)
        return [value for element in found if (value := value_of(element, attribute))]

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
        places = [
            message.place(element, attribute) for element in found if value_of(element, attribute) is not None
        ]
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
