"""What of a message no path of a mapping reads. Runs for every message, so it decides by tables made beforehand.

A value counts as read when a path of the mapping selects it, whatever the path then gets. A qualifier counts as read
with its segment (composite, pair), and so do the elements that say whose code a value is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from orderhub.formats.dialect import Unread
from orderhub.formats.edi import select
from orderhub.formats.edi.grammar import Composite, Message, Position, Segment
from orderhub.formats.edi.surroundings import Surroundings, surroundings
from orderhub.formats.edi.tree import GroupNode, Index, OwnIndex, ParsedSegment

if TYPE_CHECKING:
    from orderhub.formats.edi.scope import EdiScope

MEMO = 1_000
CLEAN = 256


class Naming(Protocol):
    """How a standard's authors would write the path to a value."""

    @property
    def service(self) -> frozenset[str]:
        """Segments that the reader itself checks or uses."""
        ...

    @property
    def code_lists(self) -> frozenset[str]:
        """Elements that say whose code another value of their composite is."""
        ...

    def marks(self, definition: Segment, segment: ParsedSegment, qualifier: int | None) -> tuple[str, str]:
        """The qualifiers that the path needs: of the segment, and of the composite or pair whose flat index is given."""
        ...

    def path(self, definition: Segment, flat: int, outer: str, mark: str) -> tuple[str, int, int]:
        """The path, and the element and component (0: a simple element) that it leads to."""
        ...


class _Claim(NamedTuple):
    """What one path reads of a segment for which the tests hold."""

    tests: tuple[select.Test, ...]
    candidates: tuple[select.Candidate, ...]


class _Plan:
    """What is read of the segments at one position."""

    __slots__ = (
        "_claims",
        "_code_lists",
        "_composites",
        "_definition",
        "_names",
        "_naming",
        "_qualifiers",
        "beside",
        "clean",
        "depending",
        "key",
        "known",
        "surroundings",
    )

    def __init__(self, definition: Segment, naming: Naming) -> None:
        self._definition = definition
        self._naming = naming
        self._composites = _composites(definition)
        self._code_lists = frozenset(
            flat for flat, _, _, what in definition.components() if what.number in naming.code_lists
        )
        self._claims: list[_Claim] = []
        #: paths whose reading depends on the group around the segment
        self.depending: list[tuple[EdiScope, select.Selection]] = []
        self.surroundings: Surroundings | None = None
        self._qualifiers: tuple[int, ...] = ()
        self.key: Callable[[ParsedSegment], Any] = _nothing
        #: segments with nothing unread, by identity: the reader hands on the same object for the same text
        self.clean: dict[int, ParsedSegment] = {}
        self.known: dict[Any, tuple[tuple[int, ...], Callable[[ParsedSegment], Any]]] = {}
        self.beside: dict[Any, Callable[[ParsedSegment], Any]] = {}
        self._names: dict[tuple[int, str, str], tuple[str, int, int]] = {}

    def claim(self, tests: tuple[select.Test, ...], candidates: tuple[select.Candidate, ...]) -> None:
        self._claims.append(_Claim(tests, candidates))
        used = {flat for test in tests for flat in test.flats}
        used |= {flat for c in candidates for test in c.tests for flat in test.flats}
        self._qualifiers = tuple(sorted({*self._qualifiers, *used}))
        self.key = itemgetter(*self._qualifiers) if self._qualifiers else _nothing

    def left(self, segment: ParsedSegment) -> tuple[tuple[int, ...], Callable[[ParsedSegment], Any]]:
        """The flat indexes that nobody reads of such a segment, and what gets their values."""
        key = self.key(segment)
        known = self.known.get(key)
        if known is None:
            if len(self.known) >= MEMO:
                self.known.clear()
            flats = self._work_out(segment)
            known = self.known[key] = (flats, itemgetter(*flats, flats[0]) if flats else _nothing)
        return known

    def lacks(self, segment: ParsedSegment, read: frozenset[int]) -> bool:
        """Whether something is left when these are read besides what the plan knows."""
        key = (self.key(segment), read)
        known = self.beside.get(key)
        if known is None:
            if len(self.beside) >= MEMO:
                self.beside.clear()
            helped = self.with_helpers(set(read))
            flats = [flat for flat in self.left(segment)[0] if flat not in helped]
            known = self.beside[key] = itemgetter(*flats, flats[0]) if flats else _nothing
        return any(known(segment))

    def name(self, segment: ParsedSegment, flat: int) -> tuple[str, int, int]:
        """The path that reads a value, as an author would write it; element and component."""
        outer, mark = self._naming.marks(self._definition, segment, self.composite_of(flat)[1])
        key = (flat, outer, mark)
        known = self._names.get(key)
        if known is None:
            if len(self._names) >= MEMO:
                self._names.clear()
            known = self._names[key] = self._naming.path(self._definition, flat, outer, mark)
        return known

    def is_code_list(self, flat: int) -> bool:
        return flat in self._code_lists

    def composite_of(self, flat: int) -> tuple[range, int | None]:
        """The flat indexes of the composite or pair that a value stands in, and the one of its qualifier."""
        return self._composites[flat]

    def _work_out(self, segment: ParsedSegment) -> tuple[int, ...]:
        read: set[int] = set()
        for claim in self._claims:
            if all(test.holds(segment) for test in claim.tests):
                read.update(flat for test in claim.tests for flat in test.flats)
                for candidate in claim.candidates:
                    if all(test.holds(segment) for test in candidate.tests):
                        read.update(candidate.flats)
                        read.update(flat for test in candidate.tests for flat in test.flats)
        return tuple(sorted(set(range(1, self._definition.size)) - self.with_helpers(read)))

    def with_helpers(self, read: set[int]) -> set[int]:
        """What is read, with the qualifiers and code list names that go with it."""
        if not read:
            return read
        helped = read | set(self._definition.qualifier)
        for flat in read:
            mates, qualifier = self._composites[flat]
            helped |= {mate for mate in mates if mate in self._code_lists}
            if qualifier is not None:
                helped.add(qualifier)
        return helped


def unread(
    message: Message,
    naming: Naming,
    paths: Iterable[tuple[EdiScope, select.Selection]],
    groups: Iterable[tuple[EdiScope, tuple[select.Test, ...]]],
    wanted: Callable[[str], bool] | None = None,
) -> Callable[[GroupNode], list[Unread]]:
    """:param paths: scope and selection of each path. :param groups: scope and qualifiers of each group."""
    plans = {
        position.number: _Plan(message.segments[position.tag], naming)
        for position in message.positions[1:]
        if position.group is None
        and position.tag not in naming.service
        and (wanted is None or wanted(position.tag))
    }
    for scope, selection in paths:
        plan = plans.get(selection.position)
        if plan is None:
            continue
        tests, depends = _context(scope, message.positions[selection.position])
        if depends:
            plan.depending.append((scope, selection))
        else:
            plan.claim((*tests, *selection.tests), selection.candidates)
    for scope, tests in groups:
        trigger = scope.position.parts[0] if scope.position.group else scope.position
        plan = plans.get(trigger.number)
        if plan is not None and tests:
            plan.claim(tests, ())
    for number, plan in plans.items():
        if plan.depending:
            plan.surroundings = surroundings(message.positions[number], message.repeating, plan.depending)
    repeating = message.repeating.number if message.repeating else -1

    routes: dict[int, tuple[Index, list[tuple[_Plan, int, tuple[int, ...]]]]] = {}

    def route(index: Index) -> list[tuple[_Plan, int, tuple[int, ...]]]:
        """What has to be looked at in the nodes of one shape."""
        known = routes.get(id(index))
        if known is None or known[0] is not index:
            if len(routes) >= MEMO:
                routes.clear()
            looked = [(plans[number], number, places) for number, places in index.items() if number in plans]
            known = routes[id(index)] = (index, looked)
        return known[1]

    def find(root: GroupNode) -> list[Unread]:
        found: list[Unread] = []
        for node in (root, *root[0].get(repeating, ())):
            index, segments, _, _ = node
            for plan, number, places in route(index.shared if index.__class__ is OwnIndex else index):
                if plan.surroundings is not None:
                    for trigger, ordinal, at in plan.surroundings.occurrences(node, number):
                        if plan.lacks(segments[at], plan.surroundings.read(trigger, segments[at], ordinal)):
                            _list(message, plan, root, node, at, found)
                    continue
                clean = plan.clean
                for at in places:
                    segment = segments[at]
                    if clean.get(id(segment)) is segment:
                        continue
                    known = plan.known.get(plan.key(segment))
                    if any((known or plan.left(segment))[1](segment)):
                        _list(message, plan, root, node, at, found)
                    else:
                        if len(clean) >= CLEAN:
                            clean.clear()
                        clean[id(segment)] = segment
        return found

    return find


def _context(scope: EdiScope, position: Position) -> tuple[tuple[select.Test, ...], bool]:
    """The qualifiers of the groups around a path: those that test the path's own segment, and whether there are others,
    which only the group can tell."""
    own: tuple[select.Test, ...] = ()
    here: EdiScope | None = scope
    while here is not None:
        tests = here.tests
        if tests or here.nth is not None:
            trigger = here.position.parts[0] if here.position.group else here.position
            if trigger is not position or here.nth is not None:
                return (), True
            own = (*own, *tests)
        here = here.parent
    return own, False


def _list(
    message: Message, plan: _Plan, root: GroupNode, node: GroupNode, at: int, found: list[Unread]
) -> None:
    """Name what is left of one segment."""
    segment = node[1][at]
    definition = message.segments[segment[0]]
    values = [flat for flat in plan.left(segment)[0] if segment[flat]]
    if plan.depending:
        read = {
            flat
            for scope, selection in plan.depending
            for inner in scope.instances(root)
            for owner, place, flat in select.visit(selection, inner)
            if owner[2] + place == node[2] + at
        }
        helped = plan.with_helpers(read)
        values = [flat for flat in values if flat not in helped]
    # a qualifier or code list is not worth a word of its own while what it belongs to is read or listed
    told = [flat for flat in values if not _helper(plan, definition, segment, flat)]
    source = node[3]
    for flat in told:
        path, element, component = plan.name(segment, flat)
        found.append(
            Unread(path, segment[0], segment[flat], partial(source.place, node[2] + at, element, component))
        )


def _helper(plan: _Plan, definition: Segment, segment: ParsedSegment, flat: int) -> bool:
    """Whether this only says what kind of thing another value of the segment or composite is."""
    mates, qualifier = plan.composite_of(flat)
    if flat == qualifier or plan.is_code_list(flat):
        return any(segment[mate] for mate in mates if mate not in (flat, qualifier))
    return flat in definition.qualifier and any(
        segment[other] for other in range(1, definition.size) if other != flat
    )


def _nothing(segment: ParsedSegment) -> tuple[str, ...]:
    return ()


def _composites(definition: Segment) -> list[tuple[range, int | None]]:
    found: list[tuple[range, int | None]] = [(range(0), None)] * definition.size
    for qualifier, value in definition.pairs:
        found[qualifier] = found[value] = (range(qualifier, value + 1), qualifier)
    for index, part in enumerate(definition.parts):
        if isinstance(part, Composite):
            start = definition.starts[index]
            mates = range(start, start + len(part.components))
            for flat in mates:
                found[flat] = (mates, None if part.qualifier is None else start + part.qualifier)
    return found
