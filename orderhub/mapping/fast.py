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
    of the first path that has one, or else ``default``."""

    struct: int
    name: str
    inputs: tuple[ResolvedPath, ...]
    combine: Callable[..., Any] | None
    convert: Callable[[Any], Any] | None
    alternatives: bool = False
    default: Any = None


class FastStruct(NamedTuple):
    """A Struct that is built from the same node: itself (index 0) or a part without ``at`` and ``each`` within
    ``parent``."""

    build: Callable[..., Any]
    name: str
    parent: int
    constants: dict[str, Any]
    required: frozenset[str] = frozenset()


class StructProgram(NamedTuple):
    """What to do for one Struct with the values of one shape of nodes. ``plain``: field, position of the value.
    ``converted``: the same with the conversion and what is taken when the value is absent. ``others``: field, what
    combines the inputs, conversion, and the positions of the inputs (-1: absent)."""

    number: int
    plain: tuple[tuple[str, int], ...]
    converted: tuple[tuple[str, int, Callable[[Any], Any], Any], ...]
    others: tuple[tuple[str, Callable[..., Any], Callable[[Any], Any] | None, tuple[int, ...]], ...]
    struct: FastStruct


class _Program:
    """For one shape of nodes: the Structs to be built, inner ones before those that hold them."""

    __slots__ = ("present", "structs")

    def __init__(self, present: tuple[int, ...], structs: tuple[StructProgram, ...]) -> None:
        self.present = present
        self.structs = structs


class FastPlan:
    """Gathers the values of one node."""

    __slots__ = ("_programs", "_read", "_steps", "structs", "whole")

    def __init__(
        self,
        steps: Sequence[FastStep],
        structs: Sequence[FastStruct],
        read: BulkReader,
        *,
        whole: bool,
    ) -> None:
        #: whether nothing but these steps makes the Struct, so that it can be built here
        self.whole = whole
        self._steps = tuple(steps)
        self.structs = tuple(structs)
        self._read = read
        self._programs: dict[int, _Program] = {}

    @staticmethod
    def paths(steps: Sequence[FastStep]) -> list[ResolvedPath]:
        """The paths in the order in which the reader must be asked for them."""
        return [path for step in steps for path in step.inputs]

    def gather(self, node: Node) -> Any:
        """Struct 0 where it is ``whole``, else a dictionary of its values, parts within it built; ``None`` when the node
        has nothing for it.

        :raises Refusal, SeveralValues, TypeError: it is not that easy; ask the reference.
        """
        present, values = self._read(node)
        program = self._programs.get(id(present))
        if program is None or program.present is not present:
            program = self._program(present)
        made: dict[int, dict[str, Any]] = {}
        found: dict[str, Any] = {}
        for number, plain, converted, others, struct in program.structs:
            found = made.get(number) or {}
            for name, at in plain:
                value = values[at]
                if value:
                    found[name] = value
            for name, at, convert, default in converted:
                value = values[at] or default
                if value:
                    final = convert(value)
                    if final is not None:
                        found[name] = final
            for name, combine, finish, positions in others:
                value = combine(*[values[at] if at >= 0 else None for at in positions])
                if value or value is False:
                    final = value if finish is None else finish(value)
                    if final is not None:
                        found[name] = final
            if number and found:
                build, name, parent, constants, _ = struct
                if constants:
                    found.update(constants)
                made.setdefault(parent, {})[name] = build(**found)
        if not found:
            return None
        if not self.whole:
            return found
        own = self.structs[0]
        if own.constants:
            found.update(own.constants)
        return own.build(**found)

    def _program(self, present: tuple[int, ...]) -> _Program:
        if len(self._programs) >= SHAPES:
            self._programs.clear()
        where = {at: position for position, at in enumerate(present)}
        count = len(self.structs)
        plain: list[list[tuple[str, int]]] = [[] for _ in range(count)]
        converted: list[list[tuple[str, int, Callable[[Any], Any], Any]]] = [[] for _ in range(count)]
        others: list[list[tuple[str, Callable[..., Any], Callable[[Any], Any] | None, tuple[int, ...]]]] = [
            [] for _ in range(count)
        ]
        first = 0
        for step in self._steps:
            convert, combine, at = step.convert, step.combine, step.struct
            positions = tuple(where.get(first + offset, -1) for offset in range(len(step.inputs)))
            first += len(step.inputs)
            there = [position for position in positions if position >= 0]
            alone = len(there) == 1 and (combine is None or step.alternatives)
            if alone and convert is None and step.default is None:
                plain[at].append((step.name, there[0]))
            elif alone and convert is not None:
                converted[at].append((step.name, there[0], convert, step.default))
            elif combine is not None and (there or combine(*[None] * len(positions)) not in (None, "", [])):
                # with nothing there, it may still be a constant
                others[at].append((step.name, combine, convert, positions))
        structs = tuple(
            StructProgram(at, tuple(plain[at]), tuple(converted[at]), tuple(others[at]), self.structs[at])
            for at in range(count - 1, -1, -1)
        )
        program = _Program(present, structs)
        self._programs[id(present)] = program
        return program
