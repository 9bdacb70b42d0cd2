"""Reads many paths of an object at one go: what most lines of orders need, in few steps of the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from orderhub.formats.dialect import BulkReader, ResolvedPath
from orderhub.formats.json.paths import Key
from orderhub.formats.json.tree import Node


def bulk_reader(paths: Sequence[ResolvedPath], above: int) -> BulkReader | None:
    """A reader for these paths, whose steps begin behind the first ``above`` ones; ``None`` where one of them is more
    than a key, or a key in an object."""
    ways = []
    for path in paths:
        steps = path.internal[above:]
        keys = [step.name for step in steps if isinstance(step, Key)]
        if len(keys) != len(steps) or not 1 <= len(keys) <= 2:
            return None
        ways.append(keys)
    if len(ways) < 2:
        return None
    every = tuple(range(len(ways)))
    own = [at for at in every if len(ways[at]) == 1]
    own_keys = [ways[at][0] for at in own]
    parts = []
    order = list(own)
    for name in dict.fromkeys(way[0] for way in ways if len(way) == 2):
        members = [at for at in every if len(ways[at]) == 2 and ways[at][0] == name]
        order += members
        parts.append((name, [ways[at][1] for at in members], [None] * len(members)))
    # from the order of reading to the order of the paths
    sort = itemgetter(*[order.index(at) for at in every])
    getters = [path.get for path in paths]

    def read(node: Node) -> tuple[tuple[int, ...], Sequence[Any]]:
        value = node.value
        if type(value) is dict:
            found = list(map(value.get, own_keys))
            for name, keys, nothing in parts:
                part = value.get(name)
                if type(part) is dict:
                    found += map(part.get, keys)
                elif part is None:
                    found += nothing
                else:
                    return every, [get(node) for get in getters]
            kinds = set(map(type, found))
            if kinds <= _AS_THEY_ARE:
                return every, sort(found)
            if kinds <= _WITH_NUMBERS:
                return every, sort([str(one) if type(one) is int else one for one in found])
        return every, [get(node) for get in getters]

    return read


_AS_THEY_ARE = {str, type(None)}
_WITH_NUMBERS = {str, type(None), int}
