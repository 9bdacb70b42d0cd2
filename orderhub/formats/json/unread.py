"""What of a record no path of a mapping reads. Runs for every record, so what is wholly read is seen by sets of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from orderhub.findings import Place
from orderhub.formats.dialect import Unread
from orderhub.formats.json.decode import text_of
from orderhub.formats.json.paths import All, Index, Key, Step, Where, written
from orderhub.formats.json.select import holds
from orderhub.formats.json.tree import Node, Record


class _Known:
    """What is read at one place of the record. Lists do not count as places: their elements have the list's own."""

    __slots__ = ("inner", "keys", "names", "plain", "read", "tests")

    def __init__(self) -> None:
        self.keys: dict[str, _Known] = {}
        #: paths that choose among the elements of a list
        self.tests: list[tuple[Index | Where, _Known]] = []
        self.read = False
        self.names: frozenset[str] = frozenset()
        self.inner: list[tuple[str, _Known]] = []
        #: no path chooses, here or below
        self.plain = True

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
        for _, known in (*self.keys.items(), *self.tests):
            known.finish()
        self.inner = [(key, known) for key, known in self.keys.items() if known.keys or known.tests]
        self.plain = not self.tests and all(known.plain for known in self.keys.values())


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
        if top.plain and _all_read(root.value, top):
            return []
        found: list[Unread] = []
        walk = _Walk(root.record, found, wanted)
        walk.value(root.value, [top], (), (), None)
        return found

    return unread


def _all_read(value: dict[str, Any], known: _Known) -> bool:
    """Whether nothing in an object is unread; False where it has to be looked at closely."""
    if not value.keys() <= known.names:
        return False
    kinds = list(map(type, value.values()))
    nested = kinds.count(dict) + kinds.count(list)
    if not nested:
        return True
    for key, inner in known.inner:
        held = value.get(key)
        if type(held) is dict:
            nested -= 1
            if not _all_read(held, inner):
                return False
        elif type(held) is list:
            nested -= 1
            for element in held:
                if type(element) is not dict or not _all_read(element, inner):
                    return False
    # another list or object stands where a value was expected
    return not nested


class _Walk:
    """Looks at every value of one record."""

    def __init__(self, record: Record, found: list[Unread], wanted: Callable[[str], bool] | None) -> None:
        self.record = record
        self.found = found
        self.wanted = wanted

    def value(
        self,
        value: Any,
        known: list[_Known],
        steps: tuple[str | int, ...],
        pattern: tuple[Step, ...],
        name: str | None,
    ) -> None:
        """``name``: of the outermost thing on the way that nothing reads, once there is one."""
        if type(value) is dict:
            for key, held in value.items():
                below = [one.keys[key] for one in known if key in one.keys]
                deeper = (*pattern, Key(key))
                self.value(held, below, (*steps, key), deeper, name or (None if below else _name(deeper)))
        elif type(value) is list:
            for number, held in enumerate(value):
                chosen = [
                    inner
                    for one in known
                    for test, inner in one.tests
                    if (test.number == number if isinstance(test, Index) else holds(test, held))
                ]
                self.value(held, known + chosen, (*steps, number), (*pattern, All()), name)
        elif not any(one.read for one in known):
            text = text_of(value)
            name = name or _name(pattern)
            if text is not None and (self.wanted is None or self.wanted(name)):
                self.found.append(Unread(written(pattern), name, text, _placer(self.record, steps)))


def _name(pattern: tuple[Step, ...]) -> str:
    """What an author writes under ``unmapped``."""
    return ".".join(step.name for step in pattern if isinstance(step, Key))


def _placer(record: Record, steps: tuple[str | int, ...]) -> Callable[[], Place]:
    return lambda: record.place(steps)
