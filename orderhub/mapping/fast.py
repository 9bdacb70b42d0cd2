"""The fast way to build a part of the target: all values of a node at one go.

It only ever says yes. Whatever it meets that is not plain (a value that refuses, several values, a mandatory one that is
absent) makes it give up, and the reference in :mod:`orderhub.mapping.plan` does the whole part again and explains. The
reference is the definition: both must agree on everything that the fast way accepts, and a test shows that they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from orderhub.formats.dialect import BulkReader, Node, ResolvedPath

#: Shapes of nodes whose programs are kept.
SHAPES = 1_000


class FastStep(NamedTuple):
    """One value: the field of which struct (an index into :attr:`FastPlan.structs`), the paths it needs, what combines
    them (``None``: there is one path, and its value is meant), and its conversion. ``alternatives``: the value is that
    of the first path that has one."""

    struct: int
    name: str
    inputs: tuple[ResolvedPath, ...]
    combine: Callable[..., Any] | None
    convert: Callable[[Any], Any] | None
    alternatives: bool = False


class FastStruct(NamedTuple):
    """A Struct that is built from the same node: itself (index 0) or a part without ``at`` and ``each`` within
    ``parent``."""

    build: Callable[..., Any]
    name: str
    parent: int
    constants: dict[str, Any]


class _Program(NamedTuple):
    """What to do with the values of one shape of nodes. ``plain``: position of the value, struct, field. ``converted``:
    the same with the conversion. ``others``: struct, field, what combines the inputs, conversion, and the positions of
    the inputs (-1: absent)."""

    present: tuple[int, ...]
    plain: tuple[tuple[int, int, str], ...]
    converted: tuple[tuple[int, int, str, Callable[[Any], Any]], ...]
    others: tuple[tuple[int, str, Callable[..., Any], Callable[[Any], Any] | None, tuple[int, ...]], ...]


class FastPlan:
    """Gathers the values of one node."""

    __slots__ = ("_programs", "_read", "_steps", "inlined", "structs")

    def __init__(
        self,
        steps: Sequence[FastStep],
        structs: Sequence[FastStruct],
        read: BulkReader,
        inlined: frozenset[str],
    ) -> None:
        self._steps = tuple(steps)
        self.structs = tuple(structs)
        #: the names of the parts that are built here and not by their own plan
        self.inlined = inlined
        self._read = read
        self._programs: dict[int, _Program] = {}

    @staticmethod
    def paths(steps: Sequence[FastStep]) -> list[ResolvedPath]:
        """The paths in the order in which the reader must be asked for them."""
        return [path for step in steps for path in step.inputs]

    def gather(self, node: Node) -> dict[str, Any]:
        """The values of struct 0, parts within it built.

        :raises Refusal, SeveralValues, TypeError: it is not that easy; ask the reference.
        """
        present, values = self._read(node)
        program = self._programs.get(id(present))
        if program is None or program.present is not present:
            program = self._program(present)
        structs = self.structs
        made: list[dict[str, Any]] = [{} for _ in structs]
        for at, struct, name in program.plain:
            value = values[at]
            if value:
                made[struct][name] = value
        for at, struct, name, convert in program.converted:
            value = values[at]
            if value:
                final = convert(value)
                if final is not None:
                    made[struct][name] = final
        for struct, name, combine, finish, positions in program.others:
            value = combine(*[values[at] if at >= 0 else None for at in positions])
            if value or value is False:
                final = value if finish is None else finish(value)
                if final is not None:
                    made[struct][name] = final
        for at in range(len(structs) - 1, 0, -1):
            found = made[at]
            if found:
                build, name, parent, constants = structs[at]
                if constants:
                    found.update(constants)
                made[parent][name] = build(**found)
        return made[0]

    def _program(self, present: tuple[int, ...]) -> _Program:
        if len(self._programs) >= SHAPES:
            self._programs.clear()
        where = {at: position for position, at in enumerate(present)}
        plain: list[tuple[int, int, str]] = []
        converted: list[tuple[int, int, str, Callable[[Any], Any]]] = []
        others = []
        first = 0
        for step in self._steps:
            convert = step.convert
            positions = tuple(where.get(first + offset, -1) for offset in range(len(step.inputs)))
            first += len(step.inputs)
            there = [at for at in positions if at >= 0]
            combine = step.combine
            if combine is not None and not (step.alternatives and len(there) == 1):
                # with nothing there, it may still be a constant
                if there or combine(*[None] * len(positions)) not in (None, "", []):
                    others.append((step.struct, step.name, combine, step.convert, positions))
            elif there and convert is None:
                plain.append((there[0], step.struct, step.name))
            elif there and convert is not None:
                converted.append((there[0], step.struct, step.name, convert))
        program = _Program(present, tuple(plain), tuple(converted), tuple(others))
        self._programs[id(present)] = program
        return program
