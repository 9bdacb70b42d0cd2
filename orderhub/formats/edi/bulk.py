"""Many paths of one group at one go.

Groups with the same tags share one index (see ``tree.py``), and messages with the same tags all but what differs, and
the qualifiers in their segments decide which path reads which component. So for each index and each set of qualifier
values it is worked out once where the paths lead; after that a group costs one look-up and one pass over these places.
What depends on more than that is left to the getters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from orderhub.formats.dialect import BulkReader, ResolvedPath
from orderhub.formats.edi.select import Selection
from orderhub.formats.edi.tree import GroupNode, Index, OwnIndex, ParsedSegment

#: Indexes, and sets of qualifiers for each, that are kept.
SHAPES = 2_000

_Cell: TypeAlias = tuple[int, int]
_Qualifiers: TypeAlias = tuple[int, Callable[[ParsedSegment], Any]]


class _Layout(NamedTuple):
    """Where the paths lead in one shape: ``cells`` has segment and flat index of each present path; ``lists`` and
    ``slow`` replace the value at their position by a list, or by what the getter gives."""

    present: tuple[int, ...]
    cells: tuple[_Cell, ...]
    lists: tuple[tuple[int, tuple[_Cell, ...]], ...]
    slow: tuple[tuple[int, Callable[[GroupNode], Any]], ...]


class _Shape:
    """One index: the segments whose qualifiers matter, with what gets these, and the layouts by their values."""

    __slots__ = ("index", "layouts", "qualifiers")

    def __init__(self, index: Index, qualifiers: tuple[_Qualifiers, ...]) -> None:
        self.index = index
        self.qualifiers = qualifiers
        self.layouts: dict[tuple[Any, ...], _Layout] = {}


def bulk_reader(paths: Sequence[ResolvedPath], selections: Sequence[Selection]) -> BulkReader:
    """A reader of these paths, all of the same scope, which may be the message's own."""
    shapes: dict[int, _Shape] = {}

    def read(node: GroupNode) -> tuple[tuple[int, ...], list[Any]]:
        index, segments, _, _ = node
        if index.__class__ is OwnIndex:
            index = index.shared
        shape = shapes.get(id(index))
        if shape is None or shape.index is not index:
            if len(shapes) >= SHAPES:
                shapes.clear()
            shape = shapes[id(index)] = _Shape(index, _qualifiers(selections, index))
        key = tuple([qualifiers(segments[at]) for at, qualifiers in shape.qualifiers])
        layout = shape.layouts.get(key)
        if layout is None:
            if len(shape.layouts) >= SHAPES:
                shape.layouts.clear()
            layout = shape.layouts[key] = _layout(paths, selections, index, segments)
        values: list[Any] = [segments[at][flat] for at, flat in layout.cells]
        if layout.lists:
            for position, cells in layout.lists:
                values[position] = [value for at, flat in cells if (value := segments[at][flat])]
        if layout.slow:
            for position, get in layout.slow:
                values[position] = get(node)
        return layout.present, values

    return read


def _qualifiers(selections: Sequence[Selection], index: Index) -> tuple[_Qualifiers, ...]:
    """The segments whose cells any path's qualifiers look at, and what gets these cells."""
    cells: dict[int, set[int]] = {}
    for selection in selections:
        tests = [*selection.tests, *(test for c in selection.candidates for test in c.tests)]
        for at in index.get(selection.position, ()):
            for test in tests:
                cells.setdefault(at, set()).update(test.flats)
    return tuple((at, itemgetter(*sorted(flats))) for at, flats in cells.items())


def _layout(
    paths: Sequence[ResolvedPath],
    selections: Sequence[Selection],
    index: Index,
    segments: list[ParsedSegment],
) -> _Layout:
    present: list[int] = []
    cells: list[_Cell] = []
    lists: list[tuple[int, tuple[_Cell, ...]]] = []
    slow: list[tuple[int, Callable[[GroupNode], Any]]] = []
    for ordinal, (path, selection) in enumerate(zip(paths, selections, strict=True)):
        if selection.through is None and not index.get(selection.position):
            continue
        found = (
            None
            if selection.through is not None or selection.composite_index is not None
            else _cells(selection, index, segments)
        )
        if found is not None and not found:
            continue
        position = len(present)
        present.append(ordinal)
        cells.append(found[0] if found else (0, 0))
        if found is None or (len(found) > 1 and not selection.many):
            slow.append((position, path.get))
        elif selection.many:
            lists.append((position, tuple(found)))
    return _Layout(tuple(present), tuple(cells), tuple(lists), tuple(slow))


def _cells(selection: Selection, index: Index, segments: list[ParsedSegment]) -> list[_Cell] | None:
    """All cells that the path may read under these qualifiers, in order."""
    found: list[_Cell] = []
    count = -1
    for at in index.get(selection.position, ()):
        segment = segments[at]
        if not all(test.holds(segment) for test in selection.tests):
            continue
        count += 1
        if selection.segment_index is not None and count != selection.segment_index:
            continue
        for candidate in selection.candidates:
            if all(test.holds(segment) for test in candidate.tests):
                flats = candidate.flats
                if selection.element_index is not None:
                    flats = flats[selection.element_index : selection.element_index + 1]
                if flats and flats[-1] >= len(segment):
                    return None
                found.extend((at, flat) for flat in flats)
    return found
