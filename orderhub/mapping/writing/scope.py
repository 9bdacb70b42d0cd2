"""The canonical document as the source of a mapping: its paths, its parts and its lists.

A path is written as everywhere in the hub: ``supplier.gln``, ``lines[0].quantity``, ``lines.quantity`` (of all lines, a
list); ``/number`` starts at the document. Within ``at`` and ``each`` a path sees its part and what is below it; ``.`` is the
value itself where ``each`` goes over values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from operator import attrgetter
from typing import Any

import msgspec

from orderhub.findings import Place
from orderhub.formats.dialect import PathError, ResolvedGroup, ResolvedPath, SourceType, Unread
from orderhub.mapping.kinds import Kind
from orderhub.mapping.problems import close_to
from orderhub.mapping.targets import TargetField, TargetStruct

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([0-9]{0,6})\])?\Z")
#: Far more digits than any number has that a mapping takes: nothing is rounded.
_NORMAL = Context(prec=100)

_TYPES: dict[Kind, SourceType] = {
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.VALUE: "value",
    Kind.INTEGER: "integer",
    Kind.DECIMAL: "decimal",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.DATETIME: "datetime",
}
#: One step of a path: the field, the index into its list (``None``: all of it, or no list).
_Step = tuple[TargetField, int | None]


class DocumentPath(msgspec.Struct, frozen=True):
    """A path that was understood. ``many`` when a list stands on the way, or at its end."""

    steps: tuple[_Step, ...]
    from_root: bool
    many: bool
    optional: bool

    @property
    def last(self) -> TargetField:
        return self.steps[-1][0]

    @property
    def listed(self) -> bool:
        """Whether the last step is a whole list."""
        return self.last.many and self.steps[-1][1] is None


class DocumentScope:
    """A document, a part of it, or the values of a list (``struct`` is ``None`` then, and ``kind`` theirs)."""

    def __init__(
        self,
        struct: TargetStruct | None,
        where: str,
        kind: Kind = Kind.TEXT,
        root: DocumentScope | None = None,
        way: tuple[str, ...] = (),
    ) -> None:
        self.struct = struct
        self.where = where
        self.kind = kind
        #: the document's own scope, for paths with a leading slash
        self.root = root if root is not None else self
        #: the fields on the way from the document to here
        self.way = way

    @property
    def description(self) -> str:
        return self.where

    def resolve(self, text: str) -> ResolvedPath:
        if text == "." and self.struct is None:
            return ResolvedPath(
                text=text,
                get=_itself,
                where=_place("."),
                type=_TYPES[self.kind],
                optional=False,
                internal=".",
            )
        path = self.path(text)
        field = path.last
        if field.kind is None:
            inner = ", ".join(field.struct.fields) if field.struct is not None else ""
            raise PathError(
                f"{text} is a {'list of parts' if path.listed else 'part'}, not one value.",
                todo=f"Name one of its fields: {inner}.",
            )
        get: Callable[[Any], Any] = _several(path.steps) if path.many else _single(path.steps, field.kind)
        return ResolvedPath(
            text=text,
            get=get,
            where=_place(text),
            type=_TYPES[field.kind],
            many=path.many,
            optional=path.optional,
            from_root=path.from_root,
            internal=self.absolute(path),
        )

    def enter(self, text: str) -> ResolvedGroup:
        path = self.path(text)
        field = path.last
        if any(step.many and index is None for step, index in path.steps[:-1]):
            raise PathError(
                f"On the way to {text} stands a list.",
                todo="Name the outer list, and the inner one within it.",
            )
        if field.struct is not None:
            way = self.absolute(path)
            scope = DocumentScope(field.struct, f"{field.struct.name} ({text})", root=self.root, way=way)
        elif field.kind is not None and path.listed:
            scope = DocumentScope(None, f"the values of {text}", field.kind, root=self.root)
        else:
            raise PathError(f"{text} is one value, not a part or a list.", todo="Write an expression.")
        reach = _reach(path.steps)

        def nodes(node: Any) -> Sequence[Any]:
            found = reach(node)
            if path.listed:
                return found or ()
            return () if found is None else (found,)

        return ResolvedGroup(
            text=text,
            nodes=nodes,
            where=lambda _node: Place(path=text),
            scope=scope,
            many=path.listed,
            optional=path.optional,
            from_root=path.from_root,
            internal=self.absolute(path),
        )

    def absolute(self, path: DocumentPath) -> tuple[str, ...]:
        """The fields on the way from the document to the end of the path."""
        names = tuple(field.name for field, _ in path.steps)
        return names if path.from_root else (*self.way, *names)

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Any], list[Unread]]:
        raise NotImplementedError("a mapping that writes leaves out what it does not want")

    def path(self, text: str) -> DocumentPath:
        """Understand a path to anything, a part and a list too; :class:`PathError` when it cannot occur."""
        from_root = text.startswith("/")
        offset = 1 if from_root else 0
        struct = self.root.struct if from_root else self.struct
        if struct is None:
            raise PathError("Here are values, without fields.", todo="The value itself is written '.'.")
        steps: list[_Step] = []
        optional = False
        rest = text[offset:].split(".")
        for number, word in enumerate(rest):
            match = _STEP.match(word)
            if match is None:
                raise PathError(
                    f"{word!r} is no field.",
                    offset=offset,
                    todo="Paths are written supplier.gln, lines[0].quantity or /number.",
                )
            field = struct.fields.get(match[1])
            if field is None:
                close = close_to(match[1], struct.fields)
                raise PathError(
                    f"There is no field {match[1]!r} in {struct.name}.",
                    offset=offset,
                    todo="" if close else f"Its fields are {', '.join(struct.fields)}.",
                    suggestions=close,
                )
            if match[2] is not None and not field.many:
                raise PathError(f"{match[1]} is no list.", offset=offset, todo="Remove the brackets.")
            index = int(match[2]) if match[2] else None
            steps.append((field, index))
            optional = optional or field.optional or index is not None
            offset += len(word) + 1
            if number < len(rest) - 1:
                if field.struct is None:
                    raise PathError(
                        f"{match[1]} is a value, without fields.", offset=offset, todo="Remove what follows."
                    )
                struct = field.struct
        many = any(field.many and index is None for field, index in steps)
        return DocumentPath(tuple(steps), from_root, many, optional)


def _itself(value: Any) -> Any:
    return value


def _place(text: str) -> Callable[[Any], list[Place]]:
    return lambda _node: [Place(path=text)]


def present(path: DocumentPath) -> Callable[[Any], Any]:
    """node -> what stands at the path, a part and a list too."""
    return _several(path.steps) if path.many and not path.listed else _reach(path.steps)


def _reach(steps: Sequence[_Step]) -> Callable[[Any], Any]:
    """node -> the value, part or list at the end; ``None`` where something on the way is absent."""
    way = [(field.name, index) for field, index in steps]

    def reach(node: Any) -> Any:
        for name, index in way:
            node = getattr(node, name)
            if node is None:
                return None
            if index is not None:
                if index >= len(node):
                    return None
                node = node[index]
        return node

    if all(index is None for _, index in way) and not any(field.optional for field, _ in steps[:-1]):
        return attrgetter(".".join(name for name, _ in way))
    return reach


def _single(steps: Sequence[_Step], kind: Kind) -> Callable[[Any], Any]:
    reach = _reach(steps)
    # an empty text counts as absent
    return (lambda node: reach(node) or None) if kind is Kind.TEXT else reach


def normal(value: Decimal) -> Decimal:
    """The number without zeros at the end and without exponent: what it looks like must not depend on who made it."""
    whole = int(value)
    return Decimal(whole) if whole == value else _NORMAL.normalize(value)


def _several(steps: Sequence[_Step]) -> Callable[[Any], list[Any]]:
    kind = steps[-1][0].kind

    def gather(node: Any, position: int, found: list[Any]) -> None:
        for at in range(position, len(steps)):
            field, index = steps[at]
            node = getattr(node, field.name)
            if node is None:
                return
            if field.many and index is None:
                for item in node:
                    gather(item, at + 1, found)
                return
            if index is not None:
                if index >= len(node):
                    return
                node = node[index]
        found.append(normal(node) if kind is Kind.DECIMAL else node)

    def several(node: Any) -> list[Any]:
        found: list[Any] = []
        gather(node, 0, found)
        return [value for value in found if value != ""]

    return several
