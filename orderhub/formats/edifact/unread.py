"""What of a message no path of a mapping reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from orderhub.formats.dialect import Unread
from orderhub.formats.edifact import select
from orderhub.formats.edifact.grammar import Composite, Message, Segment
from orderhub.formats.edifact.tree import GroupNode

#: Checked or used by the reader itself.
SERVICE = frozenset({"UNH", "UNT", "UNS", "UGH", "UGT"})
#: They say whose code a value is; with the value read, they count as read.
CODE_LISTS = frozenset({"1131", "3055"})


def unread(
    message: Message, paths: Sequence[Any], groups: Sequence[Any]
) -> Callable[[GroupNode], list[Unread]]:
    """:param paths: scope and selection of each resolved path. :param groups: scope and tests of each group."""
    outlines = {tag: _outline(segment) for tag, segment in message.segments.items()}

    def find(root: GroupNode) -> list[Unread]:
        read: dict[int, set[int]] = {}
        for scope, selection in paths:
            for node in scope.instances(root):
                for owner, at, flat in select.visit(selection, node):
                    read.setdefault(owner[2] + at, set()).add(flat)
        for inner, tests in groups:
            for node in inner.instances(root) if tests else ():
                named = read.setdefault(node[2], set())
                named.update(flat for test in tests for flat in test.flats)
        return _collect(message, outlines, root, read)

    return find


_Outline = list[tuple[int, str, int, int, tuple[int, ...]]]


def _outline(segment: Segment) -> _Outline:
    """For each flat index: path below the segment, element, component, the flat indexes of its composite."""
    rows: _Outline = []
    for index, part in enumerate(segment.parts):
        start = segment.starts[index]
        if isinstance(part, Composite):
            mates = tuple(range(start, start + len(part.components)))
            for inner, component in enumerate(part.components):
                rows.append((start + inner, f"{part.number}/{component.number}", index + 1, inner + 1, mates))
        else:
            rows.append((start, part.number, index + 1, 0, ()))
    return rows


def _collect(
    message: Message, outlines: dict[str, _Outline], root: GroupNode, read: dict[int, set[int]]
) -> list[Unread]:
    found: list[Unread] = []
    source = root[3]
    for at, segment in enumerate(root[1]):
        tag = segment[0]
        definition = message.segments.get(tag)
        if tag in SERVICE or definition is None:
            continue
        known = read.get(at)
        qualifier = next((segment[flat] for flat in definition.qualifier if segment[flat]), "")
        prefix = f"{tag}[{qualifier}]" if qualifier else tag
        for flat, path, element, component, mates in outlines[tag]:
            value = segment[flat]
            if not value or (known is not None and flat in known):
                continue
            number = path[-4:]
            if flat in definition.qualifier and (
                known is not None or any(segment[f] for f, *_ in outlines[tag] if f != flat)
            ):
                continue
            if number in CODE_LISTS and known is not None and any(mate in known for mate in mates):
                continue
            if known is not None and _names_composite(definition, flat, known):
                continue
            found.append(
                Unread(f"{prefix}/{path}", tag, value, partial(source.place, at, element, component))
            )
    return found


def _names_composite(definition: Segment, flat: int, known: set[int]) -> bool:
    """Whether this is the qualifier of a composite that something was read of."""
    for index, part in enumerate(definition.parts):
        if isinstance(part, Composite) and part.qualifier is not None:
            start = definition.starts[index]
            if flat == start + part.qualifier:
                return any(start <= other < start + len(part.components) for other in known)
    return False
