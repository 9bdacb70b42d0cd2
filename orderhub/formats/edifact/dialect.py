"""EDIFACT's side of the mapping language: paths and groups, resolved against the grammar of a message."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence

from orderhub.findings import Place
from orderhub.formats.dialect import (
    BulkReader,
    DeclarationError,
    NumberFormat,
    PathError,
    ResolvedGroup,
    ResolvedPath,
    SourceDeclaration,
    Unread,
)
from orderhub.formats.edifact import paths, select
from orderhub.formats.edifact.bulk import bulk_reader
from orderhub.formats.edifact.grammar import (
    GRAMMAR_FOLDER,
    Composite,
    Element,
    Message,
    Position,
    Segment,
    directory,
    releases,
)
from orderhub.formats.edifact.tree import GroupNode
from orderhub.formats.edifact.unread import unread


class EdifactDialect:
    """Stateless. ``release`` of a source is the directory (``D.96A``), ``message`` the type (``ORDERS``)."""

    format = "edifact"

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        """ISO 9735 10.1: point and comma are decimal marks, there is no grouping."""
        return NumberFormat(marks=".,")

    def scope(self, source: SourceDeclaration) -> EdifactScope:
        if not source.release:
            raise DeclarationError(
                "An EDIFACT source needs the release of its directory.",
                key="release",
                todo="Write release: D.96A, or the one that UNH names.",
                suggestions=releases(),
            )
        tables = directory(source.release)
        if tables is None:
            raise DeclarationError(
                f"There is no grammar for the directory {source.release!r}.",
                key="release",
                todo=f"There are {', '.join(releases())} in {GRAMMAR_FOLDER.parent.name}/{GRAMMAR_FOLDER.name}.",
                suggestions=difflib.get_close_matches(source.release, releases(), 3, 0.5),
            )
        message = tables.message(source.message or "")
        if message is None:
            raise DeclarationError(
                f"The directory {source.release} has no message {source.message!r} here."
                if source.message
                else "An EDIFACT source needs the message type.",
                key="message",
                todo=f"There are {', '.join(tables.message_names)}.",
                suggestions=difflib.get_close_matches(source.message or "", tables.message_names, 3, 0.5),
            )
        return EdifactScope(message, message.root, None, None)


class EdifactScope:
    """The message, a group, or a single segment of it (``position`` is then the segment's)."""

    def __init__(
        self,
        message: Message,
        position: Position,
        parent: EdifactScope | None,
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
        path = paths.parse(text)
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
            type="number" if what.kind == "n" else "text",
            many=selection.many,
            optional=not scope._certain(position, selection, segment),
            from_root=path.from_root,
            max_length=what.maximum,
            code_list=what.codes,
            internal=(scope, selection),
        )

    def enter(self, text: str) -> ResolvedGroup:
        path = paths.parse(text)
        scope = self._root() if path.from_root else self
        position, step, rest = scope._locate(path, group=True)
        if rest:
            raise PathError(
                f"{rest[0].name} is no group.",
                offset=rest[0].offset,
                todo="A group is named by the segment that opens it (LIN, NAD[BY]) or by its number (SG25).",
            )
        owner = position if position.group else position.parent
        assert owner is not None  # every position but the message's has one  # noqa: S101
        if not position.group and owner is not scope.position and owner.parts[0] is position:
            position = owner
        trigger = self.message.segments[position.tag]
        tests = tuple(self._test(condition, trigger) for condition in step.conditions)
        nth = step.nth
        through = scope._through(position)
        nodes = _group_nodes(position, through, tests, nth)
        inner = EdifactScope(self.message, position, scope, nodes)
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
        """All at one go; not for the message itself, whose index is a new one each time."""
        if self.parent is None:
            return None
        return bulk_reader(paths, [path.internal[1] for path in paths])

    def unread(
        self, paths: Iterable[ResolvedPath], groups: Iterable[ResolvedGroup]
    ) -> Callable[[GroupNode], list[Unread]]:
        return unread(self.message, [p.internal for p in paths], [g.internal for g in groups])

    # ------------------------------------------------------------------ where in the grammar

    def _root(self) -> EdifactScope:
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
                    todo="Write segment, composite and element after it.",
                    suggestions=[f"{step.name}/{here.tag}"],
                )
        step = steps.pop(0)
        if step.kind != "segment":
            raise PathError(
                f"A path begins with a segment, and {step.name} is {'a composite' if step.kind == 'composite' else 'an element'}.",
                offset=step.offset,
                todo="Write segment/composite/element.",
                suggestions=self._holders(step.name),
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

    def _holders(self, name: str) -> list[str]:
        found = []
        for tag, segment in self.message.segments.items():
            for part in segment.parts:
                if part.number == name:
                    found.append(f"{tag}/{name}")
                elif isinstance(part, Composite) and any(c.number == name for c in part.components):
                    found.append(f"{tag}/{part.number}/{name}")
        return list(dict.fromkeys(found))[:3]

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

    def _test(self, condition: paths.Condition, segment: Segment) -> select.Test:
        if condition.element is None:
            if not segment.qualifier:
                raise PathError(
                    f"{segment.tag} has no qualifier of its own.",
                    offset=condition.offset,
                    todo=f"Name the element: {segment.tag}[1234={condition.value}].",
                )
            flats = segment.qualifier
            number = segment.qualifier_number
        else:
            number = condition.element
            flats = tuple(flat for flat, _, _, what in segment.components() if what.number == number)
            if not flats:
                raise PathError(
                    f"{segment.tag} has no element {number}.",
                    offset=condition.offset,
                    todo="Name an element of the segment.",
                    suggestions=difflib.get_close_matches(
                        number, sorted({what.number for *_, what in segment.components()}), 3, 0.5
                    ),
                )
        codes = next(what.codes for *_, what in segment.components() if what.number == number)
        _check_code(condition, number or "", codes)
        return select.Test(flats, condition.value)

    def _select(
        self, position: Position, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]
    ) -> tuple[select.Selection, Element]:
        tests = tuple(self._test(condition, segment) for condition in step.conditions)
        if not rest:
            raise PathError(
                f"{segment.tag} is a segment; a value needs its element.",
                offset=step.offset,
                todo="Write every step: segment/composite/element.",
                suggestions=_value_paths(segment, step.name)[:3],
            )
        if rest[0].kind == "composite":
            composite, nth, candidates, what = _composite_candidates(segment, step, rest)
            last = rest[1]
            repeats = len(candidates) > 1
        else:
            composite, nth, last = None, None, rest[0]
            candidates, what = _element_candidates(segment, step, last)
            repeats = False
            if len(rest) > 1:
                raise PathError(
                    f"{last.name} is an element; nothing comes below it.",
                    offset=rest[1].offset,
                    todo="Stop there.",
                )
        # The last step that selects makes everything up to it single; what repeats after it makes many.
        composite_tests = composite is not None and bool(composite.conditions)
        many_segments = not self._occurs_once(position) and not tests and step.nth is None
        selected = composite_tests or nth is not None or last.nth is not None
        many = many_segments and not selected
        many = (
            many or (repeats and not selected) or (self._through(position) is not None and step.nth is None)
        )
        many = many or (len(candidates[0].flats) > 1 and last.nth is None)
        return (
            select.Selection(
                position=position.number,
                through=self._through(position),
                tests=tests,
                segment_index=step.nth - 1 if step.nth else None,
                candidates=candidates,
                composite_index=nth - 1 if nth else None,
                element_index=last.nth - 1 if last.nth else None,
                many=many,
            ),
            what,
        )

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


def _check_code(condition: paths.Condition, number: str, codes: frozenset[str] | None) -> None:
    """A qualifier that the directory does not list is most probably a slip; guides may add codes, so ``=`` is let pass."""
    if codes is not None and condition.element is None and condition.value not in codes:
        raise PathError(
            f"{condition.value!r} is not in the code list of {number}.",
            offset=condition.offset,
            todo=f"Use a listed code; for a code that a guide adds write [{number}={condition.value}].",
            suggestions=difflib.get_close_matches(condition.value, sorted(codes), 3, 0.5),
        )


def _value_paths(segment: Segment, prefix: str) -> list[str]:
    found = []
    for part in segment.parts:
        if isinstance(part, Composite):
            found += [f"{prefix}/{part.number}/{c.number}" for c in part.components]
        else:
            found.append(f"{prefix}/{part.number}")
    return list(dict.fromkeys(found))


def _nothing_named(segment: Segment, step: paths.Step, wanted: paths.Step) -> PathError:
    known = _value_paths(segment, step.name)
    inside = [path for path in known if path.endswith(f"/{wanted.name}")]
    close = difflib.get_close_matches(
        wanted.name, sorted({p for path in known for p in path.split("/")[1:]}), 3, 0.5
    )
    near = [path for name in close for path in known if f"/{name}/" in f"{path}/"]
    return PathError(
        f"{segment.tag} has no {wanted.name}" + (" at this level." if inside else "."),
        offset=wanted.offset,
        todo="Write every step: segment/composite/element." if inside else "Use an element of the segment.",
        suggestions=list(dict.fromkeys(inside or near or known))[:3],
    )


def _element_candidates(
    segment: Segment, step: paths.Step, wanted: paths.Step
) -> tuple[tuple[select.Candidate, ...], Element]:
    if wanted.conditions:
        raise PathError(
            "A qualifier belongs to a segment or composite, not to an element.",
            offset=wanted.conditions[0].offset,
            todo="Move it one step up.",
        )
    found = [(segment.starts[i], part) for i, part in enumerate(segment.parts) if part.number == wanted.name]
    if not found or wanted.kind != "element":
        raise _nothing_named(segment, step, wanted)
    flats = tuple(flat for flat, _ in found)
    what = found[0][1]
    assert isinstance(what, Element)  # a part with an element's number is one  # noqa: S101
    _check_nth(wanted, len(flats))
    return (select.Candidate((), flats),), what


def _composite_candidates(
    segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]
) -> tuple[paths.Step, int | None, tuple[select.Candidate, ...], Element]:
    composite = rest[0]
    found = [
        (segment.starts[i], part)
        for i, part in enumerate(segment.parts)
        if isinstance(part, Composite) and part.number == composite.name
    ]
    if not found:
        raise _nothing_named(segment, step, composite)
    components = found[0][1].components
    if len(rest) < 2:
        raise PathError(
            f"{composite.name} is a composite; a value needs its element.",
            offset=composite.offset,
            todo="Write the element after it.",
            suggestions=list(dict.fromkeys(f"{step.name}/{composite.name}/{c.number}" for c in components))[
                :3
            ],
        )
    wanted = rest[1]
    inner = [i for i, component in enumerate(components) if component.number == wanted.name]
    if not inner:
        raise _nothing_named(segment, step, wanted)
    if wanted.conditions or len(rest) > 2:
        offset = wanted.conditions[0].offset if wanted.conditions else rest[2].offset
        raise PathError(
            f"{wanted.name} is an element; nothing comes below it.", offset=offset, todo="Stop there."
        )
    _check_nth(wanted, len(inner))
    _check_nth(composite, len(found))
    candidates = []
    for start, part in found:
        tests = tuple(_composite_test(condition, part, start) for condition in composite.conditions)
        candidates.append(select.Candidate(tests, tuple(start + i for i in inner)))
    return composite, composite.nth, tuple(candidates), components[inner[0]]


def _composite_test(condition: paths.Condition, part: Composite, start: int) -> select.Test:
    numbers = [c.number for c in part.components]
    if condition.element is None:
        if part.qualifier is None:
            raise PathError(
                f"{part.number} has no qualifier of its own.",
                offset=condition.offset,
                todo=f"Name the element: {part.number}[{numbers[-1]}={condition.value}].",
            )
        index = part.qualifier
    elif condition.element in numbers:
        index = numbers.index(condition.element)
    else:
        raise PathError(
            f"{part.number} has no element {condition.element}.",
            offset=condition.offset,
            todo="Name an element of the composite.",
            suggestions=difflib.get_close_matches(condition.element, numbers, 3, 0.5) or numbers[:3],
        )
    _check_code(condition, numbers[index], part.components[index].codes)
    return select.Test((start + index,), condition.value)


def _check_nth(step: paths.Step, available: int) -> None:
    if step.nth is not None and step.nth > available:
        raise PathError(
            f"{step.name} occurs {available} time{'s' if available != 1 else ''} there, so #{step.nth} cannot be.",
            offset=step.offset,
            todo="Use an index that can occur.",
        )


def _group_nodes(
    position: Position, through: int | None, tests: tuple[select.Test, ...], nth: int | None
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
