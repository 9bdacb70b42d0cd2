"""What is read of a segment where that depends on the group around it: on the qualifiers of the segment that opens the
group, and on how many of its kind come before it there.

``at: N1[BY]`` with ``N4/N401`` reads N4 only in some groups. Which ones is worked out once for each combination of
qualifiers and remembered, so that a message costs a look-up for each segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from orderhub.formats.edi import select
from orderhub.formats.edi.grammar import Position
from orderhub.formats.edi.tree import GroupNode, ParsedSegment

if TYPE_CHECKING:
    from orderhub.formats.edi.scope import EdiScope

#: Combinations that are kept.
MEMO = 1_000


class Occurrence(NamedTuple):
    """A segment in a node: the segment that opens its group, how many of its kind come before it in the group, and its
    index in the node."""

    trigger: ParsedSegment
    ordinal: int
    at: int


class _Reading(NamedTuple):
    """What one path reads of a segment whose group passes ``around``."""

    around: tuple[select.Test, ...]
    selection: select.Selection


class Surroundings:
    """For the segments at one position, which stands in ``group``."""

    def __init__(self, group: Position, repeating: Position | None, readings: Sequence[_Reading]) -> None:
        self._group = group.number
        self._whole_node = group is repeating
        self._readings = readings
        around = sorted({flat for reading in readings for test in reading.around for flat in test.flats})
        own = {flat for reading in readings for test in reading.selection.tests for flat in test.flats}
        for reading in readings:
            own |= {flat for c in reading.selection.candidates for test in c.tests for flat in test.flats}
        self._around: Callable[[ParsedSegment], Any] = itemgetter(*around)
        self._own = sorted(own)
        self._counted = max((r.selection.segment_index or 0 for r in readings), default=0) + 1
        self._known: dict[Any, frozenset[int]] = {}

    def occurrences(self, node: GroupNode, number: int) -> Iterator[Occurrence]:
        """The segments at a position, as they stand in their groups."""
        index, segments, _, _ = node
        if self._whole_node:
            for ordinal, at in enumerate(index.get(number, ())):
                yield Occurrence(segments[0], ordinal, at)
            return
        for start, _, inner in index.get(self._group, ()):
            for ordinal, at in enumerate(inner.get(number, ())):
                yield Occurrence(segments[start], ordinal, start + at)

    def read(self, trigger: ParsedSegment, segment: ParsedSegment, ordinal: int) -> frozenset[int]:
        """The flat indexes that the paths read, qualifiers apart."""
        ordinal = min(ordinal, self._counted)
        key = (self._around(trigger), ordinal, *[segment[flat] for flat in self._own])
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MEMO:
                self._known.clear()
            known = self._known[key] = frozenset(self._work_out(trigger, segment, ordinal))
        return known

    def _work_out(self, trigger: ParsedSegment, segment: ParsedSegment, ordinal: int) -> Iterator[int]:
        for around, selection in self._readings:
            if selection.segment_index is not None and selection.segment_index != ordinal:
                continue
            if not all(test.holds(trigger) for test in around):
                continue
            if not all(test.holds(segment) for test in selection.tests):
                continue
            for candidate in selection.candidates:
                if all(test.holds(segment) for test in candidate.tests):
                    flats = candidate.flats
                    if selection.element_index is not None:
                        flats = flats[selection.element_index : selection.element_index + 1]
                    yield from flats


def surroundings(
    position: Position,
    repeating: Position | None,
    depending: Sequence[tuple[EdiScope, select.Selection]],
) -> Surroundings | None:
    """:param depending: the paths, none of them read without a look at the group.

    ``None`` where more than the group right around the segment decides: then each message is searched.
    """
    group = position.parent
    if group is None or not group.group:
        return None
    readings = []
    for scope, selection in depending:
        around = _around(scope, group)
        counted = selection.segment_index is not None and selection.tests
        if (
            around is None
            or counted
            or selection.composite_index is not None
            or selection.through is not None
        ):
            return None
        readings.append(_Reading(around, selection))
    return Surroundings(group, repeating, readings)


def _around(scope: EdiScope, group: Position) -> tuple[select.Test, ...] | None:
    """The qualifiers of the group in the scopes around a path, ``None`` when something else is asked for too."""
    tests: tuple[select.Test, ...] = ()
    here: EdiScope | None = scope
    while here is not None:
        if here.nth is not None or (here.tests and here.position is not group):
            return None
        tests += here.tests
        here = here.parent
    return tests or None
