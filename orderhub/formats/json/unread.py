"""What of a record no path of a mapping reads. Runs for every record, so what is wholly read is seen by sets of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from orderhub.findings import Place
from orderhub.formats.dialect import Unread
from orderhub.formats.json.decode import text_of
from orderhub.formats.json.paths import All, Index, Key, Step, Where, written
from orderhub.formats.json.select import holds
from orderhub.formats.json.tree import Node, Record


class _Known:
    """What is read at one place of the record. Lists do not count as places: their elements have the list's own."""

    __slots__ = ("inner", "keys", "leaves", "names", "read", "tests")

    def __init__(self) -> None:
        self.keys: dict[str, _Known] = {}
        #: paths that choose among the elements of a list
        self.tests: list[tuple[Index | Where, _Known]] = []
        self.read = False
        self.names: frozenset[str] = frozenset()
        #: keys below which something is read, and those that hold a value
        self.inner: list[tuple[str, _Known]] = []
        self.leaves: list[tuple[str, _Known]] = []

    def claim(self, steps: tuple[Step, ...]) -> None:
        if not steps:
            self.read = True
            return
        step, rest = steps[0], steps[1:]
        if isinstance(step, All):
            self.claim(rest)
        elif isinstance(step, Key):
            self.keys.setdefault(step.name, _Known()).claim(rest)
        else:
            if isinstance(step, Where):
                self.claim(tuple(Key(key) for key in step.keys))
            known = next((known for test, known in self.tests if test == step), None)
            if known is None:
                known = _Known()
                self.tests.append((step, known))
            known.claim(rest)

    def finish(self) -> None:
        self.names = frozenset(self.keys)
        for known in self.keys.values():
            known.finish()
        self.inner = [(key, known) for key, known in self.keys.items() if known.keys or known.tests]
        self.leaves = [(key, known) for key, known in self.keys.items() if not (known.keys or known.tests)]


#: A part of the record that is not plainly read, what is known there, and the way to it.
_Suspect: TypeAlias = tuple[Any, _Known, tuple[str | int, ...]]


def finder(
    paths: Iterable[tuple[Step, ...]],
    groups: Iterable[tuple[Step, ...]],
    wanted: Callable[[str], bool] | None,
) -> Callable[[Node], list[Unread]]:
    """A function of the record that lists what none of the paths (from the record down) reads."""
    top = _Known()
    for steps in paths:
        top.claim(steps)
    for steps in groups:
        top.claim((*steps, Key("")))  # the way there is known, what stands there is not read
    top.finish()

    def unread(root: Node) -> list[Unread]:
        suspects: list[_Suspect] = []
        _suspect(root.value, top, (), suspects)
        if not suspects:
            return []
        walk = _Walk(root.record, wanted)
        for value, known, steps in suspects:
            walk.value(value, [known], steps, None)
        return walk.found

    return unread


def _suspect(
    value: dict[str, Any], known: _Known, steps: tuple[str | int, ...], found: list[_Suspect]
) -> None:
    """Find the parts of an object that have to be looked at closely; the rest is read, as sets of keys show."""
    if not value.keys() <= known.names:
        found.append((value, known, steps))
        return
    kinds = list(map(type, value.values()))
    nested = kinds.count(dict) + kinds.count(list)
    if not nested:
        return
    for key, inner in known.inner:
        held: Any = value.get(key)
        kind = type(held)
        nested -= kind in _CONTAINERS
        if inner.tests:
            if held is not None:
                found.append((held, inner, (*steps, key)))
        elif kind is dict:
            _suspect(held, inner, (*steps, key), found)
        elif kind is list:
            for number, element in enumerate(held):
                if type(element) is dict:
                    _suspect(element, inner, (*steps, key, number), found)
                else:
                    found.append((element, inner, (*steps, key, number)))
        elif held is not None:
            found.append((held, inner, (*steps, key)))
    if nested:
        for key, leaf in known.leaves:
            if type(value.get(key)) in _CONTAINERS:
                found.append((value[key], leaf, (*steps, key)))


_CONTAINERS = (dict, list)


class _Walk:
    """Looks at every value."""

    def __init__(self, record: Record, wanted: Callable[[str], bool] | None) -> None:
        self.record = record
        self.wanted = wanted
        self.found: list[Unread] = []

    def value(self, value: Any, known: list[_Known], steps: tuple[str | int, ...], name: str | None) -> None:
        """``name``: of the outermost thing on the way that nothing reads, once there is one."""
        if type(value) is dict:
            for key, held in value.items():
                below = [one.keys[key] for one in known if key in one.keys]
                deeper = (*steps, key)
                self.value(held, below, deeper, name or (None if below else _name(deeper)))
        elif type(value) is list:
            for number, held in enumerate(value):
                chosen = [
                    inner
                    for one in known
                    for test, inner in one.tests
                    if (test.number == number if isinstance(test, Index) else holds(test, held))
                ]
                self.value(held, known + chosen, (*steps, number), name)
        elif not any(one.read for one in known):
            text = text_of(value)
            name = name or _name(steps)
            if text is not None and (self.wanted is None or self.wanted(name)):
                pattern = tuple(Key(step) if isinstance(step, str) else All() for step in steps)
                self.found.append(Unread(written(pattern), name, text, _placer(self.record, steps)))


def _name(steps: tuple[str | int, ...]) -> str:
    """What an author writes under ``unmapped``."""
    return ".".join(step for step in steps if isinstance(step, str))


def _placer(record: Record, steps: tuple[str | int, ...]) -> Callable[[], Place]:
    return lambda: record.place(steps)
