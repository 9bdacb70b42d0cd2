"""Values at the end of a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orderhub.formats.dialect import SeveralValues
from orderhub.formats.json.decode import text_of
from orderhub.formats.json.paths import All, Index, Key, Step, Where
from orderhub.formats.json.tree import Node

#: A value and the way to it.
Found = tuple[Any, tuple[str | int, ...]]


def holds(test: Where, value: Any) -> bool:
    """Whether an element of a list is one that a condition means."""
    for key in test.keys:
        if type(value) is not dict:
            return False
        value = value.get(key)
    return text_of(value) == (test.value or None)


def select(value: Any, steps: tuple[Step, ...], way: tuple[str | int, ...] = ()) -> Iterator[Found]:
    """What stands at the end of the steps; null and what is not there is left out.

    A key goes through a list into each of its elements; ``[]``, ``[0]`` and a condition take a single value for a list
    of one, because many senders write it so.
    """
    if value is None:
        return
    if not steps:
        yield value, way
        return
    step, rest = steps[0], steps[1:]
    if isinstance(step, Key):
        if type(value) is dict:
            if step.name in value:
                yield from select(value[step.name], rest, (*way, step.name))
        elif type(value) is list:
            for number, element in enumerate(value):
                yield from select(element, steps, (*way, number))
        return
    if type(value) is not list:
        if not (isinstance(step, Index) and step.number) and not (
            isinstance(step, Where) and not holds(step, value)
        ):
            yield from select(value, rest, way)
        return
    for number, element in enumerate(value):
        if isinstance(step, All) or (
            step.number == number
            if isinstance(step, Index)
            else isinstance(step, Where) and holds(step, element)
        ):
            yield from select(element, rest, (*way, number))


def scalars(value: Any, steps: tuple[Step, ...]) -> list[Found]:
    """The same down to single values: a list at the end gives its elements. Empty texts are left out.

    :raises SeveralValues: an object stands where a value was expected.
    """
    found: list[Found] = []
    for held, way in select(value, steps):
        for one, at in _elements(held, way):
            text = text_of(one)
            if text is not None:
                found.append((text, at))
            elif type(one) is dict:
                raise SeveralValues
    return found


def _elements(value: Any, way: tuple[str | int, ...]) -> Iterator[Found]:
    if type(value) is list:
        for number, element in enumerate(value):
            yield from _elements(element, (*way, number))
    else:
        yield value, way


def single(steps: tuple[Step, ...]) -> Callable[[Node], str | None]:
    """The getter of a path that gives one value."""

    def slow(node: Node) -> str | None:
        found = scalars(node.value, steps)
        if not found:
            return None
        first: str = found[0][0]
        if any(text != first for text, _ in found):
            raise SeveralValues
        return first

    keys = [step.name for step in steps if isinstance(step, Key)]
    if len(keys) != len(steps) or not 1 <= len(keys) <= 2:
        return slow
    first_key, last_key = keys[0], keys[-1]
    if len(keys) == 1:

        def one(node: Node) -> str | None:
            value = node.value
            if type(value) is dict:
                value = value.get(first_key)
                if type(value) is str:
                    return value or None
                if value is None:
                    return None
            return slow(node)

        return one

    def two(node: Node) -> str | None:
        value = node.value
        if type(value) is dict:
            value = value.get(first_key)
            if value is None:
                return None
            if type(value) is dict:
                value = value.get(last_key)
                if type(value) is str:
                    return value or None
                if value is None:
                    return None
        return slow(node)

    return two


def several(steps: tuple[Step, ...]) -> Callable[[Node], list[str]]:
    """The getter of a path that gives a list."""
    return lambda node: [text for text, _ in scalars(node.value, steps)]


def nodes(steps: tuple[Step, ...]) -> Callable[[Node], list[Node]]:
    """The nodes of a group: the elements of a list, or the one value that stands there."""

    def slow(node: Node) -> list[Node]:
        found: list[Node] = []
        for held, way in select(node.value, steps):
            at = node.steps + way
            if type(held) is list:
                found.extend(Node(one, node.record, (*at, number)) for number, one in enumerate(held))
            else:
                found.append(Node(held, node.record, at))
        return found

    if len(steps) != 1 or not isinstance(steps[0], Key):
        return slow
    key = steps[0].name

    def plain(node: Node) -> list[Node]:
        value = node.value
        held = value.get(key) if type(value) is dict else None
        if type(held) is list:
            record, at = node.record, (*node.steps, key)
            return [Node(one, record, (*at, number)) for number, one in enumerate(held)]
        return slow(node)

    return plain
