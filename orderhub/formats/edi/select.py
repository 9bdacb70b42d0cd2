"""Getters: what a resolved path does at run time, as closures over flat indexes.

A node is ``(index, segments, first, source)`` (see ``tree.py``). The plain cases, which are nearly all, have closures of
their own; the rest shares one that can do everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from orderhub.findings import Place
from orderhub.formats.dialect import SeveralValues
from orderhub.formats.edi.grammar import Position
from orderhub.formats.edi.tree import GroupNode, ParsedSegment


class Test(NamedTuple):
    """A qualifier: one of these flat indexes must hold the value."""

    flats: tuple[int, ...]
    value: str

    def holds(self, segment: ParsedSegment) -> bool:
        return any(segment[flat] == self.value for flat in self.flats)


class Candidate(NamedTuple):
    """One composite (or simple element) that can hold the value: its own qualifiers, and the flat indexes of the value
    in it, in order."""

    tests: tuple[Test, ...]
    flats: tuple[int, ...]


class Selection(NamedTuple):
    """A path, resolved. ``position`` is the number of the segment's place in the grammar; ``through`` that of the
    repeating group when the path starts at the message and goes into it; the indexes count from 0."""

    position: int
    through: int | None
    tests: tuple[Test, ...]
    segment_index: int | None
    candidates: tuple[Candidate, ...]
    composite_index: int | None
    element_index: int | None
    many: bool


#: Whether a value may stand alone in a segment: no test, one candidate with one flat index and no test of its own.
def _plain(selection: Selection) -> int | None:
    if selection.through is not None or selection.segment_index is not None or selection.many:
        return None
    if (
        len(selection.candidates) != 1
        or selection.candidates[0].tests
        or len(selection.candidates[0].flats) != 1
    ):
        return None
    return selection.candidates[0].flats[0]


def visit(selection: Selection, node: GroupNode) -> Iterator[tuple[GroupNode, int, int]]:
    """Each value that is not empty: the node, the segment's index in it, the flat index. The indexes of the path apply
    to what its qualifiers leave."""
    for owner, at in _segments(selection, node):
        segment = owner[1][at]
        size = len(segment)
        composite = -1
        for candidate in selection.candidates:
            if not all(test.holds(segment) for test in candidate.tests):
                continue
            present = [flat for flat in candidate.flats if flat < size]
            if (
                not candidate.tests
                and not any(segment[flat] for flat in present)
                and selection.composite_index is None
            ):
                continue
            composite += 1
            if selection.composite_index is not None and composite != selection.composite_index:
                continue
            if selection.element_index is not None:
                present = present[selection.element_index : selection.element_index + 1]
            for flat in present:
                if segment[flat]:
                    yield owner, at, flat


def _segments(selection: Selection, node: GroupNode) -> Iterator[tuple[GroupNode, int]]:
    owners: Sequence[GroupNode] = (node,) if selection.through is None else node[0].get(selection.through, ())
    count = -1
    for owner in owners:
        for at in owner[0].get(selection.position, ()):
            if all(test.holds(owner[1][at]) for test in selection.tests):
                count += 1
                if selection.segment_index is None or count == selection.segment_index:
                    yield owner, at


def getter(selection: Selection, *, alone: bool) -> Callable[[GroupNode], Any]:
    """:param alone: the grammar lets the segment occur only once in the scope."""
    flat = _plain(selection)
    if flat is not None:
        if not selection.tests and alone:
            return _only(selection.position, flat)
        if len(selection.tests) == 1 and len(selection.tests[0].flats) == 1:
            return _qualified(selection.position, selection.tests[0].flats[0], selection.tests[0].value, flat)
    if selection.many:
        return lambda node: [owner[1][at][slot] for owner, at, slot in visit(selection, node)]
    if alone and selection.through is None and not selection.tests and selection.composite_index is None:
        candidates = selection.candidates
        if len(candidates) == 1 and len(candidates[0].tests) == 1 and len(candidates[0].flats) == 1:
            test = candidates[0].tests[0]
            if len(test.flats) == 1:
                return _qualified(selection.position, test.flats[0], test.value, candidates[0].flats[0])
    if _tested_once(selection):
        pairs = tuple((c.tests[0].flats[0], c.flats[0]) for c in selection.candidates)
        return _qualified_composite(selection.position, selection.candidates[0].tests[0].value, pairs)
    return _single(selection)


def _tested_once(selection: Selection) -> bool:
    return (
        selection.through is None
        and not selection.tests
        and selection.segment_index is None
        and selection.composite_index is None
        and selection.element_index is None
        and all(
            len(c.tests) == 1 and len(c.tests[0].flats) == 1 and len(c.flats) == 1
            for c in selection.candidates
        )
        and len({c.tests[0].value for c in selection.candidates}) == 1
    )


def _only(position: int, flat: int) -> Callable[[GroupNode], str | None]:
    def get(node: GroupNode) -> str | None:
        places = node[0].get(position)
        return (node[1][places[0]][flat] or None) if places else None

    return get


def _qualified(position: int, qualifier: int, value: str, flat: int) -> Callable[[GroupNode], str | None]:
    def get(node: GroupNode) -> str | None:
        found = None
        segments = node[1]
        for at in node[0].get(position, ()):
            segment = segments[at]
            if segment[qualifier] == value:
                this = segment[flat]
                if this:
                    if found is not None and found != this:
                        raise SeveralValues
                    found = this
        return found

    return get


def _qualified_composite(
    position: int, value: str, pairs: tuple[tuple[int, int], ...]
) -> Callable[[GroupNode], str | None]:
    def get(node: GroupNode) -> str | None:
        found = None
        segments = node[1]
        for at in node[0].get(position, ()):
            segment = segments[at]
            if value in segment:
                for qualifier, flat in pairs:
                    if segment[qualifier] == value:
                        this = segment[flat]
                        if this:
                            if found is not None and found != this:
                                raise SeveralValues
                            found = this
        return found

    return get


def _single(selection: Selection) -> Callable[[GroupNode], str | None]:
    def get(node: GroupNode) -> str | None:
        found = None
        for owner, at, flat in visit(selection, node):
            this = owner[1][at][flat]
            if found is not None and found != this:
                raise SeveralValues
            found = this
        return found

    return get


def locator(
    selection: Selection, slots: dict[int, tuple[int, int]], text: str
) -> Callable[[GroupNode], list[Place]]:
    """:param slots: flat index → element and component, both from 1 (component 0: a simple element)."""

    def where(node: GroupNode) -> list[Place]:
        places = [
            owner[3].place(owner[2] + at, *slots[flat], path=text)
            for owner, at, flat in visit(selection, node)
        ]
        if places:
            return places
        # absent: at the segment, when it is there without the value, else at the beginning of the group
        for owner, at in _segments(selection, node):
            return [owner[3].place(owner[2] + at, *slots[selection.candidates[0].flats[0]], path=text)]
        return [node[3].place(node[2], path=text)]

    return where


def group_nodes(
    position: Position, through: int | None, tests: tuple[Test, ...], nth: int | None
) -> Callable[[GroupNode], Sequence[GroupNode]]:
    """The nodes of a group (or of single segments) within a node."""
    number = position.number
    single = not position.group

    def every(node: GroupNode) -> list[GroupNode]:
        index, segments, first, source = node
        places = index.get(number)
        if not places:
            return []
        if places.__class__ is list:  # the message's repeating group: nodes already
            return list(places)
        if single:
            return [({number: (0,)}, [segments[at]], first + at, source) for at in places]
        return [(inner, segments[start:end], first + start, source) for start, end, inner in places]

    if through is not None:

        def plain(node: GroupNode) -> list[GroupNode]:
            return [found for above in node[0].get(through, ()) for found in every(above)]
    else:
        plain = every
    if not tests and nth is None:
        return plain
    if len(tests) == 1 and nth is None and through is None and not single and len(tests[0].flats) == 1:
        flat, value = tests[0].flats[0], tests[0].value

        def matching(node: GroupNode) -> list[GroupNode]:
            index, segments, first, source = node
            places = index.get(number)
            if not places:
                return []
            if places.__class__ is list:
                return [found for found in places if found[1][0][flat] == value]
            return [
                (inner, segments[start:end], first + start, source)
                for start, end, inner in places
                if segments[start][flat] == value
            ]

        return matching

    def chosen(node: GroupNode) -> list[GroupNode]:
        nodes = [n for n in plain(node) if all(test.holds(n[1][0]) for test in tests)]
        return nodes if nth is None else nodes[nth - 1 : nth]

    return chosen
