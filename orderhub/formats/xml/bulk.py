"""Many paths of one group at one go: worked out once for each shape of the group (see ``tree.py``), then read by position.

Where predicates choose, the values that they look at are part of what it is worked out for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from lxml import etree

from orderhub.formats.dialect import BulkReader, ResolvedPath
from orderhub.formats.xml.select import Selection, positions
from orderhub.formats.xml.tree import Shape, XmlNode

#: Shapes that a reader keeps, and combinations of the values that predicates look at for each of them.
LAYOUTS = 1_000

#: A value: the position of its element, and the attribute or ``None`` for its text.
_Cell: TypeAlias = tuple[int, str | None]


class _Layout(NamedTuple):
    """``cells``: the element of each present path; the others replace what is at their position."""

    present: tuple[int, ...]
    cells: tuple[int, ...]
    attributes: tuple[tuple[int, int, str], ...]
    lists: tuple[tuple[int, tuple[int, ...], str | None], ...]
    slow: tuple[tuple[int, Callable[[XmlNode], Any]], ...]


class _Layouts:
    """Of one shape: the cells that predicates look at, and the layouts by their values."""

    __slots__ = ("by_value", "tested")

    def __init__(self, tested: tuple[_Cell, ...]) -> None:
        self.tested = tested
        self.by_value: dict[tuple[str | None, ...], _Layout] = {}


def bulk_reader(paths: Sequence[ResolvedPath], selections: Sequence[Selection]) -> BulkReader:
    """A reader of these paths, all of the same scope."""
    shapes: dict[Shape, _Layouts] = {}

    def read(node: XmlNode) -> tuple[tuple[int, ...], list[Any]]:
        shape = node.shape()
        elements = node.elements()
        layouts = shapes.get(shape)
        if layouts is None:
            layouts = _Layouts(tuple(_tested(selections, shape)))
            if shape.kept:
                if len(shapes) >= LAYOUTS:
                    shapes.clear()
                shapes[shape] = layouts
        key = tuple(
            [elements[at].text if name is None else elements[at].get(name) for at, name in layouts.tested]
        )
        layout = layouts.by_value.get(key)
        if layout is None:
            if len(layouts.by_value) >= LAYOUTS:
                layouts.by_value.clear()
            layout = layouts.by_value[key] = _layout(paths, selections, shape, elements)
        values: list[Any] = [(elements[cell].text or "").strip() for cell in layout.cells]
        for position, cell, attribute in layout.attributes:
            values[position] = (elements[cell].get(attribute) or "").strip()
        for position, cells, name in layout.lists:
            texts = [elements[cell].text if name is None else elements[cell].get(name) for cell in cells]
            values[position] = [value for text in texts if text and (value := text.strip())]
        for position, get in layout.slow:
            values[position] = get(node)
        return layout.present, values

    return read


def _tested(selections: Sequence[Selection], shape: Shape) -> Iterator[_Cell]:
    """The cells that any predicate may look at."""
    cells: dict[_Cell, None] = {}
    for selection in selections:
        for end, step in enumerate(selection.steps):
            for position in positions(shape, selection.steps[:end]) if step.tests else ():
                for child in shape.children[position]:
                    if shape.tags[child] == step.tag:
                        for test in step.tests:
                            found = positions(shape, test.steps, child)
                            cells.update(((cell, test.attribute), None) for cell in found)
    yield from cells


def _layout(
    paths: Sequence[ResolvedPath],
    selections: Sequence[Selection],
    shape: Shape,
    elements: Sequence[etree._Element],
) -> _Layout:
    present: list[int] = []
    cells: list[int] = []
    attributes: list[tuple[int, int, str]] = []
    lists: list[tuple[int, tuple[int, ...], str | None]] = []
    slow: list[tuple[int, Callable[[XmlNode], Any]]] = []
    for ordinal, (path, selection) in enumerate(zip(paths, selections, strict=True)):
        found = positions(shape, selection.steps, 0, elements)
        if not found:
            continue
        position = len(present)
        present.append(ordinal)
        cells.append(found[0])
        # text between children is for the getter
        mixed = selection.attribute is None and any(shape.children[cell] for cell in found)
        # so is what a condition reads between children
        unsure = any(
            test.attribute is None and any(shape.children[c] for c in positions(shape, test.steps, cell))
            for step in selection.steps
            for test in step.tests
            for cell in range(len(shape.tags))
            if shape.tags[cell] == step.tag
        )
        if mixed or unsure or (len(found) > 1 and not selection.many):
            slow.append((position, path.get))
        elif selection.many:
            lists.append((position, tuple(found), selection.attribute))
        elif selection.attribute is not None:
            attributes.append((position, found[0], selection.attribute))
    return _Layout(tuple(present), tuple(cells), tuple(attributes), tuple(lists), tuple(slow))
