"""What no path of a mapping reads: texts and attributes that a message has and nobody looks at.

Elements are walked beside a tree of what is read. Groups that the mapping entered are worked out once for each shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lxml import etree

from orderhub.findings import Place
from orderhub.formats.dialect import Unread
from orderhub.formats.xml.names import XML, XSI, split, written
from orderhub.formats.xml.select import CompiledStep, positions
from orderhub.formats.xml.tree import Shape, XmlMessage, XmlNode, text_of

#: Attributes that say nothing about the business.
_TECHNICAL = (f"{{{XSI}}}", f"{{{XML}}}")
_PLANS = 1_000
#: Attributes of one element that are told of at most: lxml looks each one up among all of them.
ATTRIBUTES = 1_000


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


class _Text(NamedTuple):
    """An element at a position of a shape whose text nobody reads."""

    position: int
    path: str
    name: str


class _Attributes(NamedTuple):
    """An element at a position of a shape; ``silent`` are the attributes that are read or that nobody wants to hear of."""

    position: int
    path: str
    silent: set[str]


class _Plan:
    """What to look at in a group of one shape and with the same values where conditions look. ``quiet`` are attributes of
    all its elements of which there is nothing to tell, whatever their values are: most groups have the same."""

    __slots__ = ("attributes", "positions", "quiet", "texts")

    def __init__(self, texts: tuple[_Text, ...], attributes: tuple[_Attributes, ...]) -> None:
        self.texts = texts
        self.positions = [text.position for text in texts]
        self.attributes = attributes
        self.quiet: list[Any] | None = None


class _Place(NamedTuple):
    """Elements of one name at one place. ``certain``: no condition chooses among them, so that the rest holds for all."""

    name: str
    path: str
    skipped: bool
    certain: bool
    active: _Active
    text: bool
    silent: set[str]


class _Plans(NamedTuple):
    """Of one shape: the values that conditions look at, and the plans by them."""

    tested: tuple[tuple[int, str | None], ...]
    by_value: dict[tuple[str | None, ...], _Plan]


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
        self.plans: dict[tuple[Shape, _Active, str], _Plans] = {}
        self.places: dict[tuple[_Active, str, object], _Place] = {}
        self.names: dict[str, str] = {}

    def __call__(self, root: XmlNode) -> list[Unread]:
        found: list[Unread] = []
        if self.wanted(""):
            self._text(root.element, "", "", root.message, found)
        silent = set(self.reads.attributes)
        for attribute in root.element.keys()[:ATTRIBUTES]:
            if attribute not in silent:
                self._attribute(root.element, str(attribute), "", silent, root.message, found)
        groups = root.groups
        for child in root.element:
            self._walk(child, (self.reads,), "", root.message, groups, found)
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
        self,
        element: etree._Element,
        above: _Active,
        path: str,
        message: XmlMessage,
        groups: Mapping[etree._Element, XmlNode],
        found: list[Unread],
    ) -> None:
        key = (above, path, element.tag)
        here = self.places.get(key)
        if here is None:
            if len(self.places) >= _PLANS:
                self.places.clear()
            here = self.places[key] = self._place(str(element.tag), above, path)
        if here.skipped:
            return
        if here.certain:
            active, text, silent = here.active, here.text, here.silent
        else:
            active = self._below(element, above)
            text = not any(reads.text for reads in active) and self.wanted(here.name)
            silent = {attribute for reads in active for attribute in reads.attributes}
        if groups and (node := groups.get(element)) is not None:
            self._group(node, active, here.path, found)
            return
        if text and (element.text or len(element)):
            self._text(element, here.path, here.name, message, found)
        for attribute in element.keys()[:ATTRIBUTES]:
            if attribute not in silent:
                self._attribute(element, str(attribute), here.path, silent, message, found)
        for child in element:
            self._walk(child, active, here.path, message, groups, found)

    def _place(self, tag: str, above: _Active, path: str) -> _Place:
        name = self._name(tag)
        edges = [edge for reads in above for edge in reads.below.get(tag, ())]
        active = tuple([target for _, target in edges])
        return _Place(
            name=name,
            path=f"{path}/{name}" if path else name,
            skipped=self.prunes and not self.wanted(name),
            certain=all(step.plain for step, _ in edges),
            active=active,
            text=not any(reads.text for reads in active) and self.wanted(name),
            silent={attribute for reads in active for attribute in reads.attributes},
        )

    def _text(
        self, element: etree._Element, path: str, name: str, message: XmlMessage, found: list[Unread]
    ) -> None:
        value = text_of(element)
        if value:
            found.append(Unread(path or ".", name, value, _placer(message, element, None)))

    def _attribute(
        self,
        element: etree._Element,
        key: str,
        path: str,
        silent: set[str],
        message: XmlMessage,
        found: list[Unread],
    ) -> None:
        namespace, local = split(key)
        prefix = self.prefixes.get(namespace or "")
        segment = f"@{prefix}:{local}" if prefix else f"@{local}"
        if key.startswith(_TECHNICAL) or not self.wanted(segment):
            silent.add(key)
            return
        value = str(element.get(key) or "").strip()
        if value:
            where = f"{path}/{segment}" if path else segment
            found.append(Unread(where, segment, value, _placer(message, element, key)))

    def _group(
        self,
        node: XmlNode,
        active: _Active,
        path: str,
        found: list[Unread],
    ) -> None:
        shape, elements, message = node.shape(), node.elements(), node.message
        kind = (shape, active, path)
        plans = self.plans.get(kind)
        if plans is None:
            tested: dict[tuple[int, str | None], None] = {}
            _tested(shape, 0, active, tested)
            plans = _Plans(tuple(tested), {})
            if shape.kept:
                if len(self.plans) >= _PLANS:
                    self.plans.clear()
                self.plans[kind] = plans
        key = tuple(
            [elements[at].text if name is None else elements[at].get(name) for at, name in plans.tested]
        )
        plan = plans.by_value.get(key)
        if plan is None:
            if len(plans.by_value) >= _PLANS:
                plans.by_value.clear()
            plan = plans.by_value[key] = self._plan(shape, elements, active, path)
        if any(elements[position].text for position in plan.positions):
            for position, where, name in plan.texts:
                # of an element with children only the text before them is looked at: mixed content begins there
                text = elements[position].text
                if text and not text.isspace():
                    self._text(elements[position], where, name, message, found)
        keys = [element.keys() for element in elements]
        if keys == plan.quiet:
            return
        quiet = True
        for position, where, silent in plan.attributes:
            for attribute in keys[position][:ATTRIBUTES]:
                if attribute not in silent:
                    self._attribute(elements[position], str(attribute), where, silent, message, found)
                    quiet = quiet and attribute in silent
        if quiet:
            plan.quiet = keys

    def _plan(self, shape: Shape, elements: Sequence[etree._Element], active: _Active, path: str) -> _Plan:
        texts: list[_Text] = []
        attributes: list[_Attributes] = []

        def plan(position: int, active: _Active, path: str) -> None:
            name = path.rpartition("/")[2]
            if not any(reads.text for reads in active) and self.wanted(name):
                texts.append(_Text(position, path, name))
            silent = {attribute for reads in active for attribute in reads.attributes}
            attributes.append(_Attributes(position, path, silent))
            for child in shape.children[position]:
                name = self._name(shape.tags[child])
                if not self.prunes or self.wanted(name):
                    plan(child, self._below(elements[child], active), f"{path}/{name}")

        plan(0, active, path)
        return _Plan(tuple(texts), tuple(attributes))


def _tested(shape: Shape, position: int, active: _Active, cells: dict[tuple[int, str | None], None]) -> None:
    """The values below a position that any condition may look at."""
    for child in shape.children[position]:
        edges = [edge for reads in active for edge in reads.below.get(shape.tags[child], ())]
        for step, _ in edges:
            for test in step.tests:
                found = positions(shape, test.steps, child)
                cells.update(((cell, test.attribute), None) for cell in found)
        _tested(shape, child, tuple([target for _, target in edges]), cells)


def _placer(message: XmlMessage, element: etree._Element, attribute: str | None) -> Callable[[], Place]:
    return lambda: message.place(element, attribute)
