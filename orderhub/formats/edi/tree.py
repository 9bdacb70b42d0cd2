"""The tree of a message: nodes are groups, and a node is a plain tuple, for speed.

``(index, segments, first, source)``: ``segments`` are the parsed segments of the group, each a flat tuple (tag, then
every component in the order of its definition, empty when absent); ``first`` is the number of the first of them in the
message, from 0; ``source`` knows the bytes. ``index`` maps the number of a position in the grammar, of the group itself
or of anything below it, to where it occurs: for a segment a tuple of indexes into ``segments``, for a group a tuple of
``(start, end, index)``. Only the message's own node knows nothing of what lies below its repeating group
(``Message.repeating``): there it has the nodes themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from orderhub.formats.edi.grammar import Message
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edi.structure import State

Index: TypeAlias = dict[int, Any]
ParsedSegment: TypeAlias = tuple[str, ...]
GroupNode: TypeAlias = tuple[Index, list[ParsedSegment], int, MessageSource]

#: Where a segment stands (and whether it opened a group), ``None`` for one that was left out.
Step: TypeAlias = tuple[State, bool] | None


class OwnIndex(dict[int, Any]):
    """The message's own index where it was made from one that all messages with the same tags share: ``shared``, which has
    everything but the nodes of the repeating group."""

    __slots__ = ("shared",)

    shared: Index


class Arranged:
    """Steps put in order: the message's own index, and start, end and index of each repeating group."""

    __slots__ = ("index", "repeating")

    def __init__(self, message: Message, steps: Sequence[Step]) -> None:
        self.index: Index = {}
        self.repeating: list[tuple[int, int, Index]] = []
        own = message.repeating.number if message.repeating else -1
        # Each open group: its index in the making, where it starts, its number. The first is the message.
        stack: list[tuple[Index, int, int]] = [({}, 0, 0)]

        def close(end: int) -> None:
            index, start, number = stack.pop()
            done = {key: tuple(value) for key, value in index.items()}
            if number == own:
                self.repeating.append((start, end, done))
                return
            for outer, outer_start, outer_number in reversed(stack):
                outer.setdefault(number, []).append((start - outer_start, end - outer_start, done))
                if outer_number == own:
                    break

        for at, step in enumerate(steps):
            if step is None:
                continue
            state, opened = step
            depth = len(state) - 1
            while len(stack) > (depth if opened else depth + 1):
                close(at)
            group = message.root
            for part, _ in state[:-1]:
                group = group.parts[part]
            if opened:
                stack.append(({}, at, group.number))
            number = group.parts[state[-1][0]].number
            for index, start, owner in reversed(stack):
                index.setdefault(number, []).append(at - start)
                if owner == own:
                    break
        while len(stack) > 1:
            close(len(steps))
        self.index = {key: tuple(value) for key, value in stack[0][0].items()}


def root_node(
    message: Message, steps: Sequence[Step], segments: list[ParsedSegment], source: MessageSource
) -> GroupNode:
    """The tree of a message whose segments were placed one by one."""
    arranged = Arranged(message, steps)
    index = arranged.index
    if message.repeating is not None and arranged.repeating:
        index[message.repeating.number] = [
            (inner, segments[start:end], start, source) for start, end, inner in arranged.repeating
        ]
    return index, segments, 0, source
