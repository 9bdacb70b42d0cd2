"""Where in a message a segment stands: the walk through segments and groups (ISO 9735; X12.6 means the same).

A state is a tuple of frames from the message down to the group that the last segment was in; a frame is (index of the
part in its group, how often that part occurred). The next segment is looked for at the same part (a repeat), then
among the parts that follow, then, group by group outward, as a repeat of the group and among what follows it. The first
place found is the right one: that is how the standard resolves a segment that could belong to two groups.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from orderhub.formats.edi.grammar import Message, Position

State: TypeAlias = tuple[tuple[int, int], ...]

START: State = ((0, 0),)

#: A count that the grammar allows to go this far is not kept in an inexact state (which would give endless states).
COUNTED_BELOW = 100


class Problem(NamedTuple):
    """Why a segment does not stand where it may: the ``code`` without the standard's name. ``missing`` is the mandatory
    part that was passed over."""

    code: str
    state: State | None
    position: Position | None = None
    missing: Position | None = None


def _chain(message: Message, state: State) -> list[Position]:
    """The groups that hold each frame: the message itself first."""
    groups = [message.root]
    for part, _ in state[:-1]:
        groups.append(groups[-1].parts[part])
    return groups


def position_of(message: Message, state: State) -> Position:
    """The segment position that a state ends at."""
    return _chain(message, state)[-1].parts[state[-1][0]]


def _enter(state: State, depth: int, index: int, count: int, part: Position) -> State:
    frames = (*state[:depth], (index, count))
    while part.group:
        frames = (*frames, (0, 1))
        part = part.parts[0]
    return frames


def advance(
    message: Message, state: State, tag: str, *, exact: bool = True, skip: bool = False, over: bool = False
) -> tuple[State, bool] | None:
    """The state after a segment with this tag, and whether it opened a group; ``None`` when it may not stand here.

    :param exact: keep every count; without it counts of parts that may occur often stay at 1.
    :param skip: pass over mandatory parts that are missing (to go on after an error).
    :param over: allow more repeats than the grammar does (to go on after an error).
    """
    groups = _chain(message, state)
    for depth in range(len(state) - 1, -1, -1):
        index, count = state[depth]
        parts = groups[depth].parts
        part = parts[index]
        # a trigger too many is a group too many
        trigger = index == 0 and depth == len(state) - 1 and depth > 0
        if part.tag == tag and (count < part.maximum or (over and not trigger)):
            grown = count + 1 if exact or part.maximum < COUNTED_BELOW else 1
            return _enter(state, depth, index, grown, part), part.group is not None
        if count == 0 and part.mandatory and not skip:
            return None
        for later in range(index + 1, len(parts)):
            part = parts[later]
            if part.tag == tag:
                return _enter(state, depth, later, 1, part), part.group is not None
            if part.mandatory and not skip:
                return None
    return None


def explain(message: Message, state: State, tag: str) -> Problem:
    """What is wrong with this segment here, and where to go on from (``state`` None: leave the segment out)."""
    positions = message.by_tag.get(tag)
    if not positions:
        return Problem("SEGMENT_UNKNOWN", None)
    crowded = advance(message, state, tag, over=True)
    if crowded is not None:
        position = position_of(message, crowded[0])
        owner = position.parent if crowded[1] else position
        return Problem("GROUP_REPEAT" if crowded[1] else "SEGMENT_REPEAT", crowded[0], owner)
    skipped = advance(message, state, tag, skip=True)
    if skipped is not None:
        missing = _first_missing(message, state, skipped[0])
        return Problem("SEGMENT_MISSING", skipped[0], position_of(message, skipped[0]), missing)
    return Problem("SEGMENT_ORDER", None, positions[0])


def _first_missing(message: Message, state: State, target: State) -> Position | None:
    """The first mandatory part between two states."""
    groups = _chain(message, state)
    for depth in range(len(state) - 1, -1, -1):
        index, count = state[depth]
        parts = groups[depth].parts
        if count == 0 and parts[index].mandatory:
            return parts[index]
        reached = len(target) > depth and target[:depth] == state[:depth]
        end = target[depth][0] if reached else len(parts)
        for part in parts[index + 1 : end]:
            if part.mandatory:
                return part
        if reached:
            return None
    return None
