"""JSON's side of the mapping language; how paths are written stands in :mod:`orderhub.formats.json.paths`.

JSON has no grammar: any key can be there. A path is refused for how it is written, and where it begins with a declared key
in other letters (capital or small).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from orderhub.findings import Place
from orderhub.formats.dialect import (
    BulkReader,
    NumberFormat,
    PathError,
    ResolvedGroup,
    ResolvedPath,
    Scope,
    SeveralValues,
    SourceDeclaration,
    Unread,
)
from orderhub.formats.json import select, unread
from orderhub.formats.json.bulk import bulk_reader
from orderhub.formats.json.layout import JsonLayout
from orderhub.formats.json.paths import All, Index, Key, ParsedPath, Step, parse_path, written
from orderhub.formats.json.tree import Node


class JsonDialect:
    """See the module."""

    @property
    def format(self) -> str:
        return "json"

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        return NumberFormat()

    def scope(self, source: SourceDeclaration) -> Scope:
        return JsonScope(JsonLayout.from_declaration(source), ())


class JsonScope:
    """The record, or what ``at`` and ``each`` stop at. ``way`` leads here from the record."""

    def __init__(self, layout: JsonLayout, way: tuple[Step, ...]) -> None:
        self.layout = layout
        self.way = way

    @property
    def description(self) -> str:
        return "a value within the record" if self.way else "the record"

    def resolve(self, text: str) -> ResolvedPath:
        path = self._parsed(text)
        steps = path.steps
        many = any(isinstance(step, All) for step in steps)
        get: Callable[[Node], Any] = select.several(steps) if many else select.single(steps)
        return ResolvedPath(
            text=text,
            get=get,
            where=_where(steps),
            type="value",
            many=many,
            optional=not (len(steps) == 1 and self._declared(path)),
            from_root=path.from_root,
            internal=steps if path.from_root else self.way + steps,
        )

    def enter(self, text: str) -> ResolvedGroup:
        path = self._parsed(text)
        steps = path.steps
        way = steps if path.from_root else self.way + steps
        return ResolvedGroup(
            text=text,
            nodes=select.nodes(steps),
            where=Node.place,
            scope=JsonScope(self.layout, (*way, All())),
            many=not (steps and isinstance(steps[-1], Index)),
            optional=not (len(steps) == 1 and self._declared(path)),
            from_root=path.from_root,
            internal=way,
        )

    def reader(self, paths: Sequence[ResolvedPath]) -> BulkReader | None:
        """See :class:`orderhub.formats.dialect.BulkScope`."""
        return bulk_reader(paths, len(self.way))

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Any], list[Unread]]:
        if self.way:
            raise NotImplementedError("only the record's own scope knows what is left")
        return unread.finder([path.internal for path in paths], [group.internal for group in groups], wanted)

    def _parsed(self, text: str) -> ParsedPath:
        path = parse_path(text)
        if path.steps and isinstance(path.steps[0], Key) and (path.from_root or not self.way):
            self._known(path.steps[0].name, 1 if path.from_root else 0)
        return path

    def _declared(self, path: ParsedPath) -> bool:
        first = path.steps[0]
        at_record = path.from_root or not self.way
        return at_record and isinstance(first, Key) and first.name in self.layout.keys

    def _known(self, name: str, offset: int) -> None:
        """A key that is a declared one but for capital letters is a slip of the pen."""
        if name in self.layout.keys:
            return
        meant = next((key for key in self.layout.keys if key.casefold() == name.casefold()), None)
        if meant is not None:
            raise PathError(
                f"The source declares the key {meant!r}, not {name!r}.",
                offset=offset,
                suggestions=[written((Key(meant),))],
            )


def _where(steps: tuple[Step, ...]) -> Callable[[Node], list[Place]]:
    def where(node: Node) -> list[Place]:
        try:
            found = select.scalars(node.value, steps)
        except SeveralValues:
            found = list(select.select(node.value, steps))
        # the same value twice is one value; where there is none, the place where it was expected
        different = {value if isinstance(value, str) else "": way for value, way in reversed(found)}
        ways = (
            sorted(different.values(), key=str) if len(different) < len(found) else [way for _, way in found]
        )
        if not ways:
            ways = [tuple(step.name for step in steps if isinstance(step, Key))]
        return [node.record.place(node.steps + way) for way in ways]

    return where
