"""The nodes of an XML message, and where they stand in the file.

A node is an element of lxml's tree with the message it belongs to. What a mapping reads of a group it reads by the
group's *shape* (names and numbers of children in document order, which together say everything but the values): groups of
one shape have every value at the same position of their element list.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from lxml import etree

from orderhub.findings import Place
from orderhub.formats.xml.names import split

if TYPE_CHECKING:
    from orderhub.formats.xml.positions import Positions

#: Shapes that are kept by all mappings together.
SHAPES = 4_000
#: Larger groups hardly come twice in the same shape; nothing is kept about them.
LARGEST_SHAPE = 1_000


class Shape:
    """How the elements of a group are nested. ``children[i]`` are the positions of the children of element ``i``. ``kept``:
    whether it is worth remembering anything about it."""

    __slots__ = ("children", "kept", "tags")

    def __init__(self, tags: tuple[str, ...], counts: tuple[int, ...]) -> None:
        self.tags = tags
        self.kept = len(tags) <= LARGEST_SHAPE
        self.children: list[list[int]] = [[] for _ in tags]
        open_elements: list[tuple[int, int]] = []
        for position, count in enumerate(counts):
            while open_elements and not open_elements[-1][1]:
                open_elements.pop()
            if open_elements:
                above, left = open_elements[-1]
                self.children[above].append(position)
                open_elements[-1] = (above, left - 1)
            open_elements.append((position, count))


_shapes: dict[tuple[tuple[str, ...], tuple[int, ...]], Shape] = {}


class XmlNode:
    """An element at which paths begin. ``groups`` (of a message's own node) are the nodes of groups that were entered."""

    __slots__ = (
        "__weakref__",
        "_by_name",
        "_elements",
        "_ordinals",
        "_shape",
        "element",
        "groups",
        "message",
    )

    def __init__(self, element: etree._Element, message: XmlMessage) -> None:
        self.element = element
        self.message = message
        self.groups: dict[etree._Element, XmlNode] = {}
        self._elements: list[etree._Element] | None = None
        self._shape: Shape | None = None
        self._by_name: dict[str, list[etree._Element]] | None = None
        self._ordinals: dict[etree._Element, int] | None = None

    def by_name(self) -> dict[str, list[etree._Element]]:
        """The children by their full names."""
        if self._by_name is None:
            found: dict[str, list[etree._Element]] = {}
            for child in self.element:
                found.setdefault(str(child.tag), []).append(child)
            self._by_name = found
        return self._by_name

    def elements(self) -> list[etree._Element]:
        """The element and everything below it, in document order."""
        if self._elements is None:
            self._elements = list(self.element.iter())
        return self._elements

    def ordinals(self) -> dict[etree._Element, int]:
        """Where each of the elements stands among them."""
        if self._ordinals is None:
            self._ordinals = {element: at for at, element in enumerate(self.elements())}
        return self._ordinals

    @property
    def known_shape(self) -> Shape | None:
        """The shape where it has been asked for."""
        return self._shape

    def shape(self) -> Shape:
        """One and the same object for all nodes of one shape."""
        if self._shape is None:
            elements = self.elements()
            key = (tuple([e.tag for e in elements]), tuple([len(e) for e in elements]))
            shape = _shapes.get(key)
            if shape is None:
                shape = Shape(*key)
                if shape.kept:
                    if len(_shapes) >= SHAPES:
                        _shapes.clear()
                    _shapes[key] = shape
            self._shape = shape
        return self._shape


class XmlMessage:
    """One message of a file. ``number`` counts from 1; ``around`` is the root of the file (the message's own element where
    there are no records), ``record`` whether the message is one of its records.

    Nodes know their message, the message knows its own node weakly: so a message's tree is gone as soon as nobody holds
    it, without waiting for the garbage collector.
    """

    __slots__ = ("_root", "around", "element", "file", "number", "positions", "record")

    def __init__(
        self,
        element: etree._Element,
        *,
        file: str,
        number: int,
        record: bool,
        around: etree._Element,
        positions: Positions | None,
    ) -> None:
        self.element = element
        self.file = file
        self.number = number
        self.record = record
        self.around = around
        self.positions = positions
        self._root: weakref.ref[XmlNode] | None = None

    def root(self) -> XmlNode:
        """The message's own node."""
        known = self._root() if self._root is not None else None
        if known is None:
            known = XmlNode(self.element, self)
            self._root = weakref.ref(known)
        return known

    def node(self, element: etree._Element) -> XmlNode:
        """The node of a group's element, one and the same as long as the message's own is there."""
        groups = self.root().groups
        node = groups.get(element)
        if node is None:
            node = groups[element] = XmlNode(element, self)
        return node

    def place(
        self, element: etree._Element, attribute: str | None = None, *, missing: str | None = None
    ) -> Place:
        """Where an element (or an attribute of it) stands. ``missing``: what was expected below it."""
        path = self.path(element)
        value: str | None = None
        name = written_name(element)
        if attribute is not None:
            local = split(attribute)[1]
            path, name, value = f"{path}/@{local}", f"@{local}", element.get(attribute)
        elif missing is not None:
            path, name = f"{path}/{missing}", missing.rpartition("/")[2].partition("[")[0]
        else:
            value = text_of(element)
        line = cast("int | None", element.sourceline)
        column = offset = None
        found = self._exact(element)
        if found is not None:
            line, column, offset = found
        return Place(
            file=self.file,
            segment=name,
            path=path,
            line=line,
            column=column,
            offset=offset,
            excerpt=(value or "")[:80] or None,
        )

    def path(self, element: etree._Element) -> str:
        """``/Order/cac:OrderLine[2]/cbc:ID`` from the message's element, a record with its number (``/Order[7]``); an index
        only among several of one name."""
        steps: list[str] = []
        here: etree._Element | None = element
        while here is not None and here is not self.element:
            above = here.getparent()
            name = written_name(here)
            if above is not None:
                before = sum(1 for _ in here.itersiblings(here.tag, preceding=True))
                if before or next(here.itersiblings(here.tag), None) is not None:
                    name = f"{name}[{before + 1}]"
            steps.append(name)
            here = above
        if here is not None:
            steps.append(written_name(here) + (f"[{self.number}]" if self.record else ""))
        return "/" + "/".join(reversed(steps))

    def _exact(self, element: etree._Element) -> tuple[int, int, int] | None:
        if self.positions is None:
            return None
        own = self.root().ordinals().get(element)
        if own is not None:
            return self.positions.of(self.number, own)
        for ordinal, one in enumerate(_outside(self.around, self.positions.records)):
            if one is element:
                return self.positions.around(self.number, ordinal)
        return None


def _outside(element: etree._Element, records: frozenset[str]) -> Iterator[etree._Element]:
    """An element and what is below it, without the records (full names without their first bracket)."""
    yield element
    for child in element:
        if str(child.tag).removeprefix("{") not in records:
            yield from _outside(child, records)


def text_of(element: etree._Element) -> str | None:
    """The element's own text without blanks around it, ``None`` when nothing is left.

    Text between and behind children is the element's own, too (comments are gone already).
    """
    text = element.text or ""
    if len(element):
        text += "".join([child.tail for child in element if child.tail])
    return text.strip() or None


def written_name(element: etree._Element) -> str:
    """The element's name with the prefix that the file gives it."""
    local = split(str(element.tag))[1]
    return f"{element.prefix}:{local}" if element.prefix else local


def prefixes_by_namespace(prefixes: Mapping[str, str]) -> dict[str, str]:
    """Prefix to namespace, turned round; the first prefix wins."""
    found: dict[str, str] = {}
    for prefix, namespace in prefixes.items():
        found.setdefault(namespace, prefix)
    return found
