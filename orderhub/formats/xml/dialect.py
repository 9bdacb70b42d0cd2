"""XML's side of the mapping language: child steps, attributes, an index, equality predicates; see ``paths.py``.

Where the source declares a schema table, a path that cannot occur is an error; without one every path is taken.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence

from orderhub.findings import Place
from orderhub.formats.dialect import (
    BulkReader,
    NumberFormat,
    PathError,
    ResolvedGroup,
    ResolvedPath,
    Scope,
    SourceDeclaration,
    Unread,
)
from orderhub.formats.xml import paths, select
from orderhub.formats.xml.bulk import bulk_reader
from orderhub.formats.xml.declaration import XmlSource
from orderhub.formats.xml.names import NAME, XML, joined
from orderhub.formats.xml.schema import Child, SchemaTable
from orderhub.formats.xml.select import CompiledStep, Selection
from orderhub.formats.xml.tree import XmlNode, prefixes_by_namespace
from orderhub.formats.xml.unread import Reads, UnreadFinder

#: How far below an element a name is looked for when something is to be suggested.
_SUGGESTION_DEPTH = 4


class XmlDialect:
    """Stateless."""

    format = "xml"

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        """``xsd:decimal`` has a point; a source may declare something else."""
        return XmlSource.from_declaration(source).numbers

    def scope(self, source: SourceDeclaration) -> Scope:
        declared = XmlSource.from_declaration(source)
        kind = declared.schema.root if declared.schema is not None else None
        return XmlScope(declared, kind, ())


class _Walked:
    """What became of the steps of a path: compiled, and what the schema says about where they lead."""

    def __init__(self) -> None:
        self.steps: list[CompiledStep] = []
        self.names: list[str] = []
        self.many = False
        self.repeats = False
        self.optional = False
        self.kind: str | None = None
        self.last: Child | None = None
        #: whether the schema still knows where we are
        self.known = True


class XmlScope:
    """The message (``steps`` empty) or a group at the end of ``steps``. ``kind`` is its type in the schema table, ``None``
    where there is no table or it says nothing about it; ``value`` the schema's entry of a group that is a value."""

    def __init__(
        self,
        source: XmlSource,
        kind: str | None,
        steps: tuple[CompiledStep, ...],
        *,
        name: str = "",
        value: Child | None = None,
    ) -> None:
        self.source = source
        self.kind = kind
        self.steps = steps
        self.name = name
        self.value = value

    @property
    def description(self) -> str:
        return f"{self.name} of {self.source.message}" if self.name else self.source.message

    # ------------------------------------------------------------------ values

    def resolve(self, text: str) -> ResolvedPath:
        path = paths.parse(text)
        scope, walked = self._walk(path)
        attribute: str | None = None
        number = False
        if path.attribute is not None:
            attribute = self._attribute(path.attribute, walked.last)
            walked.optional = True
        elif walked.known and walked.last is not None and walked.last.type is not None:
            raise PathError(
                f"{path.steps[-1].name.text} has no text of its own.",
                offset=path.steps[-1].name.offset,
                todo="Name the element below it that has the value.",
                suggestions=[f"{path.text}/{child.name}" for child in self._values(walked.last.type)][:3],
            )
        elif not path.steps and scope.kind is not None and self.source.schema is not None:
            raise PathError(
                f"{self.description} has no text of its own.", todo="Name the element that has the value."
            )
        elif walked.last is not None:
            number = walked.last.number
        selection = Selection(tuple(walked.steps), attribute, walked.many, path.start == "file")
        names = [*walked.names, *([f"@{path.attribute.text}"] if path.attribute else [])]
        absolute = (*scope.steps, *walked.steps)
        return ResolvedPath(
            text=path.text,
            get=select.getter(selection),
            where=select.locator(selection, names),
            type="number" if number else "text",
            many=walked.many,
            optional=walked.optional or not walked.known or self.source.schema is None,
            from_root=path.start != "here",
            internal=(selection, None if path.start == "file" else absolute),
        )

    def enter(self, text: str) -> ResolvedGroup:
        path = paths.parse(text)
        if path.attribute is not None:
            raise PathError(
                f"@{path.attribute.text} is no group.",
                offset=path.attribute.offset,
                todo="A group is an element.",
            )
        if not path.steps:
            raise PathError("A group is an element below.", todo="Write its child steps.")
        if path.start == "file":
            raise PathError(
                "A group stands within the message.", todo="Read single values with // where they are needed."
            )
        scope, walked = self._walk(path)
        steps = tuple(walked.steps)
        last = path.steps[-1]
        known = self.source.schema is not None and walked.known
        many = walked.many or (walked.repeats if known else last.nth is None)
        start = path.start

        def nodes(node: XmlNode) -> Sequence[XmlNode]:
            message = node.message
            if len(steps) == 1 and steps[0].plain and start == "here":
                found = node.by_name().get(steps[0].tag, ())
                return [message.node(element) for element in found]
            return [message.node(element) for element in select.elements(node.element, steps)]

        def where(node: XmlNode) -> Place:
            return node.message.place(node.element)

        value = walked.last if walked.last is not None and walked.last.type is None else None
        inner = XmlScope(
            self.source,
            walked.kind if walked.known else None,
            (*scope.steps, *steps),
            name="/".join(walked.names),
            value=value if value is not None and not value.open else None,
        )
        return ResolvedGroup(
            text=path.text,
            nodes=nodes,
            where=where,
            scope=inner,
            many=many,
            optional=walked.optional or not known,
            from_root=path.start != "here",
            internal=(*scope.steps, *steps),
        )

    def reader(self, paths: Sequence[ResolvedPath]) -> BulkReader | None:
        if len(paths) < 2:
            return None
        return bulk_reader(paths, [path.internal[0] for path in paths])

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[XmlNode], list[Unread]]:
        reads = Reads()
        for path in paths:
            selection, absolute = path.internal
            if absolute is not None:
                reads.add(absolute, selection.attribute)
        for group in groups:
            reads.add(group.internal, None, value=False)
        prefixes = {**self._table_prefixes(), **self.source.prefixes}
        return UnreadFinder(reads, prefixes_by_namespace(prefixes), self.source.namespace, wanted)

    # ------------------------------------------------------------------ steps

    def _table_prefixes(self) -> dict[str, str]:
        return self.source.schema.prefixes if self.source.schema is not None else {}

    def _walk(self, path: paths.Path) -> tuple[XmlScope, _Walked]:
        """The scope at which the path begins, and its steps from there."""
        scope = self
        if path.start != "here":
            kind = self.source.schema.root if self.source.schema is not None else None
            scope = XmlScope(self.source, kind if path.start == "message" else None, ())
        walked = _Walked()
        walked.kind = scope.kind
        walked.known = scope.kind is not None
        walked.last = scope.value if not path.steps else None
        if scope.value is not None and path.steps:
            raise PathError(
                f"There is nothing below {self.description}.",
                offset=path.steps[0].name.offset,
                todo="Begin with / to start at the message.",
            )
        for step in path.steps:
            self._step(step, walked, path)
        return scope, walked

    def _step(self, step: paths.Step, walked: _Walked, path: paths.Path) -> None:
        tag = self._tag(step.name, self.source.namespace)
        child: Child | None = None
        table = self.source.schema
        if walked.known and table is not None:
            if walked.kind is None:
                raise PathError(
                    f"{walked.names[-1]} is a value; nothing stands below it.",
                    offset=step.name.offset,
                    todo="End the path there.",
                )
            child = table.children(walked.kind).get(tag)
            if child is None:
                raise self._no_such(step.name, walked, table, path)
            walked.kind = child.type
            walked.known = not child.open
            walked.optional = walked.optional or not child.mandatory
        tests = tuple(self._test(predicate, child, walked) for predicate in step.predicates)
        repeats = child is not None and child.repeats and step.nth is None
        walked.repeats = walked.repeats or repeats
        if step.every:
            walked.many = True
        elif tests or step.same:
            walked.many = False
        elif repeats:
            walked.many = True
        walked.optional = walked.optional or bool(tests) or step.nth is not None
        walked.last = child
        walked.steps.append(CompiledStep(tag, step.nth, tests))
        walked.names.append(step.name.text)

    def _test(self, predicate: paths.Predicate, child: Child | None, walked: _Walked) -> select.Test:
        inner = XmlScope(
            self.source,
            child.type if child is not None else None,
            (),
            name="the condition",
            value=child if child is not None and child.type is None and not child.open else None,
        )
        _, found = inner._walk(predicate.path)
        attribute = None
        if predicate.path.attribute is not None:
            attribute = self._attribute(
                predicate.path.attribute, found.last if predicate.path.steps else inner.value
            )
        return select.Test(tuple(found.steps), attribute, predicate.value)

    def _tag(self, word: paths.Word, default: str | None) -> str:
        match = NAME.match(word.text)
        if match is None:
            raise PathError(
                f"{word.text!r} is no name.",
                offset=word.offset,
                todo="A name has letters, digits, '_', '-', '.'.",
            )
        prefix, local = match.groups()
        if prefix is None:
            return joined(default, local)
        if prefix == "xml":
            return joined(XML, local)
        namespace = self.source.prefixes.get(prefix)
        if namespace is None:
            close = difflib.get_close_matches(prefix, self.source.prefixes, 3, 0.5)
            raise PathError(
                f"The prefix {prefix} is not declared.",
                offset=word.offset,
                todo=f"Add it to the source: prefixes: {{{prefix}: urn:…}}.",
                suggestions=[f"{known}:{local}" for known in close],
            )
        return joined(namespace, local)

    def _attribute(self, word: paths.Word, holder: Child | None) -> str:
        """The attribute's full name. Without a prefix it is in no namespace, whatever the elements are in."""
        name = self._tag(word._replace(text=word.text), None)
        if (
            holder is not None
            and holder.attributes
            and name not in holder.attributes
            and ":" not in word.text
        ):
            close = difflib.get_close_matches(name, sorted(holder.attributes), 3, 0.5)
            raise PathError(
                f"{holder.name} has no attribute {name}.",
                offset=word.offset,
                todo=f"It has {', '.join(sorted(holder.attributes))}.",
                suggestions=[f"@{found}" for found in close],
            )
        return name

    # ------------------------------------------------------------------ suggestions

    def _no_such(self, word: paths.Word, walked: _Walked, table: SchemaTable, path: paths.Path) -> PathError:
        kind = walked.kind or table.root
        where = "/".join(walked.names) or self.description
        children = table.children(kind)
        known = {child.name: child for child in children.values()}
        before = "/" if path.start == "message" else ""
        head = before + "".join(f"{name}/" for name in walked.names)
        local = word.text.rpartition(":")[2]
        deeper = [found for found in self._deeper(table, kind) if found.rpartition(":")[2] == local]
        close = difflib.get_close_matches(word.text, known, 3, 0.6)
        close += difflib.get_close_matches(local, [name.rpartition(":")[2] for name in known], 2, 0.75)
        named = [
            name if name in known else next(n for n in known if n.endswith(f":{name}")) for name in close
        ]
        suggestions = list(dict.fromkeys([*deeper[:2], *named]))[:3]
        return PathError(
            f"{word.text} does not occur in {where} ({table.title}).",
            offset=word.offset,
            todo="" if suggestions else f"It has {', '.join(list(known)[:12])} …",
            suggestions=[head + suggestion for suggestion in suggestions],
        )

    def _deeper(self, table: SchemaTable, kind: str) -> Iterator[str]:
        """Paths to values below a type, nearest first."""
        level: list[tuple[str, str]] = [("", kind)]
        seen: set[str] = set()
        for _ in range(_SUGGESTION_DEPTH):
            below: list[tuple[str, str]] = []
            for prefix, name in level:
                if name in seen:
                    continue
                seen.add(name)
                for child in table.children(name).values():
                    yield f"{prefix}{child.name}"
                    if child.type is not None:
                        below.append((f"{prefix}{child.name}/", child.type))
            level = below

    def _values(self, kind: str) -> list[Child]:
        table = self.source.schema
        return [] if table is None else [c for c in table.children(kind).values() if c.type is None]
