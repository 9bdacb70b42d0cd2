"""The mapping language's scopes: paths and groups, resolved against the grammar of a message. How a path is written below
its segment is each standard's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, NamedTuple, Self

from orderhub.findings import Place
from orderhub.formats.dialect import (
    BulkReader,
    PathError,
    ResolvedGroup,
    ResolvedPath,
    Unread,
)
from orderhub.formats.edi import paths, select
from orderhub.formats.edi.bulk import bulk_reader
from orderhub.formats.edi.grammar import NUMERIC, Composite, Element, Message, Position, Segment
from orderhub.formats.edi.tree import GroupNode
from orderhub.formats.edi.unread import Naming, unread


class Within(NamedTuple):
    """The part of a path below its segment, understood. ``chosen``: its qualifiers or indexes leave one of several;
    ``repeats``: the segment has several places for it."""

    candidates: tuple[select.Candidate, ...]
    what: Element
    composite_index: int | None = None
    element_index: int | None = None
    chosen: bool = False
    repeats: bool = False
    #: The index at the segment's step counts values in it, not segments.
    own_index: bool = False


class EdiScope:
    """The message, a group, or a single segment of it (``position`` is then the segment's)."""

    notation: ClassVar[paths.Notation]
    naming: ClassVar[Naming]

    def __init__(
        self,
        message: Message,
        position: Position,
        parent: Self | None,
        nodes: Callable[[GroupNode], Sequence[GroupNode]] | None,
    ) -> None:
        self.message = message
        self.position = position
        self.parent = parent
        self._nodes = nodes
        self._from_root = False
        #: the qualifiers and the index that chose this group
        self.tests: tuple[select.Test, ...] = ()
        self.nth: int | None = None

    # ------------------------------------------------------------------ what a standard says

    def parse(self, text: str) -> paths.Path:
        """The steps of a path."""
        return paths.parse(text, self.notation)

    def segment_test(self, condition: paths.Condition, segment: Segment) -> select.Test:
        """A qualifier at a segment."""
        raise NotImplementedError

    def within(self, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]) -> Within:
        """What a path reads of its segment. :param rest: the steps after the segment's."""
        raise NotImplementedError

    def holders(self, name: str) -> list[str]:
        """Paths that end with this element or composite."""
        raise NotImplementedError

    # ------------------------------------------------------------------ the same for all

    @property
    def description(self) -> str:
        if self.parent is None:
            return self.message.description
        kind = f"group {self.position.path}" if self.position.group else f"segment {self.position.tag}"
        return f"{kind} of {self.message.description}"

    def instances(self, root: GroupNode) -> list[GroupNode]:
        """All nodes of this scope in a message."""
        if self.parent is None or self._nodes is None:
            return [root]
        outer = [root] if self._from_root else self.parent.instances(root)
        return [node for above in outer for node in self._nodes(above)]

    # ------------------------------------------------------------------ values

    def resolve(self, text: str) -> ResolvedPath:
        path = self.parse(text)
        scope = self._root() if path.from_root else self
        position, segment_step, rest = scope._locate(path)
        segment = self.message.segments[position.tag]
        selection, what = scope._select(position, segment, segment_step, rest)
        slots = {flat: (element, component) for flat, element, component, _ in segment.components()}
        alone = scope._occurs_once(position)
        return ResolvedPath(
            text=text.strip(),
            get=select.getter(selection, alone=alone),
            where=select.locator(selection, slots, text.strip()),
            type="number" if what.kind in NUMERIC else "text",
            many=selection.many,
            optional=not scope._certain(position, selection, segment),
            from_root=path.from_root,
            max_length=what.maximum,
            code_list=what.codes,
            internal=(scope, selection),
        )

    def enter(self, text: str) -> ResolvedGroup:
        path = self.parse(text)
        scope = self._root() if path.from_root else self
        position, step, rest = scope._locate(path, group=True)
        if rest:
            raise PathError(
                f"{rest[0].name} is no group.",
                offset=rest[0].offset,
                todo="A group is named by the segment that opens it, with its qualifier, or by its own name.",
            )
        owner = position if position.group else position.parent
        assert owner is not None  # every position but the message's has one  # noqa: S101
        if not position.group and owner is not scope.position and owner.parts[0] is position:
            position = owner
        trigger = self.message.segments[position.tag]
        tests = tuple(scope.segment_test(condition, trigger) for condition in step.conditions)
        nth = step.nth
        through = scope._through(position)
        nodes = select.group_nodes(position, through, tests, nth)
        inner = type(self)(self.message, position, scope, nodes)
        inner._from_root = path.from_root
        inner.tests = tests
        inner.nth = nth

        def where(node: GroupNode) -> Place:
            return node[3].place(node[2], path=text.strip())

        return ResolvedGroup(
            text=text.strip(),
            nodes=nodes,
            where=where,
            scope=inner,
            many=nth is None and not tests and not scope._occurs_once(position),
            optional=bool(tests) or nth is not None or not scope._always(position),
            from_root=path.from_root,
            internal=(inner, tests),
        )

    def reader(self, paths: Sequence[ResolvedPath]) -> BulkReader | None:
        """All at one go."""
        return bulk_reader(paths, [path.internal[1] for path in paths])

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[GroupNode], list[Unread]]:
        return unread(
            self.message, self.naming, [p.internal for p in paths], [g.internal for g in groups], wanted
        )

    # ------------------------------------------------------------------ where in the grammar

    def _root(self) -> Self:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def _locate(
        self, path: paths.Path, *, group: bool = False
    ) -> tuple[Position, paths.Step, tuple[paths.Step, ...]]:
        """The position that a path's groups and segment name, the step that names it, and the steps after it."""
        here = self.position
        steps = list(path.steps)
        while steps and steps[0].kind == "group":
            step = steps.pop(0)
            found = here if here.group == step.name else None
            found = found or next((p for p in here.walk() if p.group == step.name), None)
            if found is None:
                names = [p.group for p in here.walk() if p.group]
                raise PathError(
                    f"There is no group {step.name} in {self.description}.",
                    offset=step.offset,
                    todo="Name the group by the segment that opens it, or leave it out.",
                    suggestions=difflib.get_close_matches(step.name, names, 3, 0.6),
                )
            if (step.conditions or step.nth) and steps:
                raise PathError(
                    f"A qualifier or index of {step.name} selects groups, which a value path cannot.",
                    offset=step.offset,
                    todo=f"Put it at the segment, or use at: {step.name}[…] for the group.",
                )
            here = found
            if not steps:
                if group:
                    return here, step, ()
                raise PathError(
                    f"{step.name} is a group, not a value.",
                    offset=step.offset,
                    todo=f"Write {self.notation.example}.",
                    suggestions=[f"{step.name}/{here.tag}"],
                )
        step = steps.pop(0)
        if step.kind != "segment":
            raise PathError(
                f"A path begins with a segment, and {step.name} is {'a composite' if step.kind == 'composite' else 'an element'}.",
                offset=step.offset,
                todo=f"Write {self.notation.example}.",
                suggestions=self.holders(step.name),
            )
        return self._find_segment(here, step, path.text), step, tuple(steps)

    def _find_segment(self, here: Position, step: paths.Step, written: str) -> Position:
        if not here.parts:  # a single segment
            if here.tag == step.name:
                return here
            raise PathError(
                f"Here only the segment {here.tag} is in sight, not {step.name}.",
                offset=step.offset,
                todo="Begin with / to start at the message.",
            )
        ranked: dict[tuple[int, bool], list[Position]] = {}
        for position in here.walk():
            if position.group is None and position.tag == step.name:
                depth, above = 0, position.parent
                while above is not None and above is not here:
                    depth, above = depth + 1, above.parent
                opens = position.parent is not here and position.parent is not None
                opens = opens and position.parent is not None and position.parent.parts[0] is position
                ranked.setdefault((depth, not opens), []).append(position)
        if not ranked:
            raise self._no_such_segment(here, step, written)
        nearest = ranked[min(ranked)]
        if len(nearest) > 1:
            choices = [p.path for p in nearest]
            raise PathError(
                f"{step.name} stands at several places of {self.description}: {', '.join(choices)}.",
                offset=step.offset,
                todo="Put the group before it.",
                suggestions=choices,
            )
        return nearest[0]

    def _no_such_segment(self, here: Position, step: paths.Step, written: str) -> PathError:
        tags = {p.tag for p in here.walk()}
        outside = step.name in self.message.by_tag
        what = f"The segment {step.name} does not occur in {self.description}"
        if outside:
            return PathError(
                f"{what}, but it does in the message around it.",
                offset=step.offset,
                todo="A path sees its group and what is below it; begin with / to start at the message.",
                suggestions=[f"/{written}"],
            )
        return PathError(
            f"{what}.",
            offset=step.offset,
            todo="Use a segment that the message type has.",
            suggestions=difflib.get_close_matches(step.name, sorted(tags), 3, 0.5),
        )

    def _through(self, position: Position) -> int | None:
        """The repeating group's number when the message looks at something below it."""
        repeating = self.message.repeating
        if self.parent is not None or repeating is None:
            return None
        above = position.parent
        while above is not None:
            if above is repeating:
                return repeating.number
            above = above.parent
        return None

    def _chain(self, position: Position) -> list[Position]:
        """The positions from just below the scope down to this one; the scope's own trigger and a single segment are
        always there, once."""
        chain: list[Position] = []
        here: Position | None = position
        while here is not None and here is not self.position:
            chain.append(here)
            here = here.parent
        if (
            len(chain) == 1
            and self.position.parts
            and self.position.group
            and chain[0] is self.position.parts[0]
        ):
            return []
        return chain

    def _occurs_once(self, position: Position) -> bool:
        return all(p.maximum == 1 for p in self._chain(position))

    def _always(self, position: Position) -> bool:
        return all(p.mandatory for p in self._chain(position))

    # ------------------------------------------------------------------ within the segment

    def _select(
        self, position: Position, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]
    ) -> tuple[select.Selection, Element]:
        tests = tuple(self.segment_test(condition, segment) for condition in step.conditions)
        found = self.within(segment, step, rest)
        index = None if found.own_index else step.nth
        # The last step that selects makes everything up to it single; what repeats after it makes many.
        many_segments = not self._occurs_once(position) and not tests and index is None
        many = many_segments and not found.chosen
        many = many or (found.repeats and not found.chosen)
        many = many or (self._through(position) is not None and index is None)
        many = many or (len(found.candidates[0].flats) > 1 and found.element_index is None)
        selection = select.Selection(
            position=position.number,
            through=self._through(position),
            tests=tests,
            segment_index=index - 1 if index else None,
            candidates=found.candidates,
            composite_index=found.composite_index,
            element_index=found.element_index,
            many=many,
        )
        return selection, found.what

    def _certain(self, position: Position, selection: select.Selection, segment: Segment) -> bool:
        """Whether the grammar makes sure that there is a value."""
        if selection.tests or selection.segment_index or selection.composite_index or selection.element_index:
            return False
        if selection.candidates[0].tests or not self._always(position):
            return False
        flat = selection.candidates[0].flats[0]
        for index, part in enumerate(segment.parts):
            inner = part.components if isinstance(part, Composite) else (part,)
            if segment.starts[index] <= flat < segment.starts[index] + len(inner):
                return part.mandatory and inner[flat - segment.starts[index]].mandatory
        return False
