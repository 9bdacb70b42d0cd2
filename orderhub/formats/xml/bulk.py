"""Many paths of one group at one go: worked out once for each shape of the group (see ``tree.py``), then read by position.
What depends on values (a predicate) is left to the getters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from orderhub.formats.dialect import BulkReader, ResolvedPath
from orderhub.formats.xml.select import CompiledStep, Selection
from orderhub.formats.xml.tree import Shape, XmlNode

#: Layouts that a reader keeps.
LAYOUTS = 1_000


class _Layout(NamedTuple):
    """``cells``: the element of each present path; the others replace what is at their position."""

    present: tuple[int, ...]
    cells: tuple[int, ...]
    attributes: tuple[tuple[int, int, str], ...]
    lists: tuple[tuple[int, tuple[int, ...], str | None], ...]
    slow: tuple[tuple[int, Callable[[XmlNode], Any]], ...]


def bulk_reader(paths: Sequence[ResolvedPath], selections: Sequence[Selection]) -> BulkReader:
    """A reader of these paths, all of the same scope."""
    layouts: dict[Shape, _Layout] = {}

    def read(node: XmlNode) -> tuple[tuple[int, ...], list[Any]]:
        shape = node.shape()
        layout = layouts.get(shape)
        if layout is None:
            if len(layouts) >= LAYOUTS:
                layouts.clear()
            layout = layouts[shape] = _layout(paths, selections, shape)
        elements = node.elements()
        values: list[Any] = [(elements[cell].text or "").strip() for cell in layout.cells]
        for position, cell, attribute in layout.attributes:
            values[position] = elements[cell].get(attribute, "").strip()
        for position, cells, name in layout.lists:
            texts = [elements[cell].text if name is None else elements[cell].get(name) for cell in cells]
            values[position] = [value for text in texts if text and (value := text.strip())]
        for position, get in layout.slow:
            values[position] = get(node)
        return layout.present, values

    return read


def positions(shape: Shape, steps: Sequence[CompiledStep]) -> list[int] | None:
    """Where the steps lead in a shape; ``None`` when values decide."""
    found = [0]
    for tag, nth, tests in steps:
        if tests:
            return None
        below: list[int] = []
        for position in found:
            matching = [child for child in shape.children[position] if shape.tags[child] == tag]
            below.extend(matching if nth is None else matching[nth - 1 : nth])
        found = below
    return found


def _layout(paths: Sequence[ResolvedPath], selections: Sequence[Selection], shape: Shape) -> _Layout:
    present: list[int] = []
    cells: list[int] = []
    attributes: list[tuple[int, int, str]] = []
    lists: list[tuple[int, tuple[int, ...], str | None]] = []
    slow: list[tuple[int, Callable[[XmlNode], Any]]] = []
    for ordinal, (path, selection) in enumerate(zip(paths, selections, strict=True)):
        found = positions(shape, selection.steps)
        if found is not None and not found:
            continue
        position = len(present)
        present.append(ordinal)
        cells.append(found[0] if found else 0)
        # text between children is for the getter, too
        mixed = selection.attribute is None and any(shape.children[cell] for cell in found or ())
        if found is None or mixed or (len(found) > 1 and not selection.many):
            slow.append((position, path.get))
        elif selection.many:
            lists.append((position, tuple(found), selection.attribute))
        elif selection.attribute is not None:
            attributes.append((position, found[0], selection.attribute))
    return _Layout(tuple(present), tuple(cells), tuple(attributes), tuple(lists), tuple(slow))
