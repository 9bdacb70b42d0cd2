"""A parsed mapping that writes, to something that runs: checked against the document's definition and the format's rules.

Everything wrong is noted with its line and column before the mapping is refused; nothing of a wrong mapping runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from orderhub.documents import DOCUMENT_TYPES
from orderhub.formats.dialect import DeclarationError, PathError
from orderhub.formats.target import KeyProblem, TargetFormat, Unwritable, Wire
from orderhub.mapping.apply import Uses
from orderhub.mapping.bound import Bound, Memo
from orderhub.mapping.conditions import BindError
from orderhub.mapping.expressions import Call, Expression, Path, Pipe
from orderhub.mapping.fitting import chained
from orderhub.mapping.kinds import Refusal, shown
from orderhub.mapping.language import Constant, FieldMapping, Leaf, MappingFile, normalised
from orderhub.mapping.language import Part as WrittenPart
from orderhub.mapping.lookups import Lookups, table_hash
from orderhub.mapping.problems import MappingRefused, Problems, close_to
from orderhub.mapping.targets import target_document
from orderhub.mapping.writing.bind import WriteRun, WritingBinder
from orderhub.mapping.writing.formats import TARGETS
from orderhub.mapping.writing.parse import constant_kind
from orderhub.mapping.writing.plan import LEFT_OUT, Condition, Evaluate, ObjectPlan, Part, Several, Value
from orderhub.mapping.writing.run import CompiledWriting
from orderhub.mapping.writing.scope import DocumentScope
from orderhub.yaml_file import Scalar

#: What can stand last behind a value: what happens where there is none.
LAST_WORDS = ("required", "or_null", "or_empty")


def compile_writing(mapping: MappingFile, *, lookups: Lookups) -> CompiledWriting:
    """Compile; :class:`MappingRefused` with all findings when something is wrong."""
    problems = Problems(mapping.path)
    compiled = try_compile_writing(mapping, problems, lookups=lookups)
    if compiled is None or not problems.ok:
        raise MappingRefused(mapping.name, problems.sorted(), file=mapping.path)
    return compiled


def try_compile_writing(
    mapping: MappingFile, problems: Problems, *, lookups: Lookups
) -> CompiledWriting | None:
    """Compile as far as possible, noting problems; ``None`` when there were errors."""
    if mapping.payload is None:
        problems.add(
            "MAPPING_DIRECTION",
            f"{mapping.name} reads: it makes a document of a message.",
            "Name a mapping whose source is a document.",
            mapping.marks.get("source"),
        )
        return None
    target = _target(mapping, problems)
    name = mapping.source.message or ""
    try:
        scope = DocumentScope(target_document(name), name)
    except KeyError as error:
        problems.add(
            "MAPPING_SOURCE",
            f"{error.args[0]}.",
            "Correct the name.",
            mapping.marks.get("source.document"),
            suggestions=close_to(name, DOCUMENT_TYPES),
        )
        return None
    if target is None:
        return None
    return _Compiler(mapping, problems, scope, target, lookups).compile()


def _target(mapping: MappingFile, problems: Problems) -> TargetFormat | None:
    payload = mapping.payload
    if payload is None:
        return None
    make = TARGETS.get(payload.format)
    if make is None:
        problems.add(
            "MAPPING_TARGET",
            f"The format {payload.format!r} cannot be written.",
            f"The formats are {', '.join(sorted(TARGETS))}.",
            mapping.marks.get("target.format"),
            suggestions=close_to(payload.format, TARGETS),
        )
        return None
    try:
        return make(payload.options)
    except DeclarationError as error:
        mark = mapping.marks.get(f"target.{error.key}") or mapping.marks.get("target")
        problems.add("MAPPING_TARGET", error.what, error.todo, mark, suggestions=error.suggestions)
        return None


class _Compiler:
    def __init__(
        self,
        mapping: MappingFile,
        problems: Problems,
        scope: DocumentScope,
        target: TargetFormat,
        lookups: Lookups,
    ) -> None:
        self.mapping = mapping
        self.problems = problems
        self.target = target
        self.uses = Uses(paths=[], tables={}, agreement=set())
        #: lists of values that are gone through
        self.lists: set[tuple[str, ...]] = set()
        given = mapping.source.options.get("given")
        self.names = tuple(str(name) for name in given) if isinstance(given, list) else ()
        self.binder = WritingBinder(
            scope, lookups=lookups, problems=problems, uses=self.uses, names=self.names
        )

    def compile(self) -> CompiledWriting | None:
        plan = self.object(self.mapping.fields, self.binder, root=True)
        if not self.problems.ok:
            return None
        return CompiledWriting(
            self.mapping,
            plan=plan,
            target=self.target,
            content_hash=self.content_hash(),
            lookups=self.uses.tables,
            names=self.names,
            reads=frozenset(path.internal for path in self.uses.paths) | frozenset(self.lists),
        )

    def content_hash(self) -> str:
        """Over what the mapping says (not how it is laid out) and what its lookup tables hold."""
        digest = hashlib.sha256(msgspec.json.encode(normalised(self.mapping), order="deterministic"))
        for name in sorted(self.uses.tables):
            digest.update(f"\n{name}:{table_hash(self.uses.tables[name])}".encode())
        return digest.hexdigest()

    # --- the payload's parts

    def object(
        self, fields: dict[str, FieldMapping], binder: WritingBinder, *, root: bool = False
    ) -> ObjectPlan:
        plan = ObjectPlan(root=root)
        try:
            self.target.names({name: isinstance(field, WrittenPart) for name, field in fields.items()})
        except KeyProblem as error:
            self.problems.add("MAPPING_FIELD", error.what, error.todo, fields[error.key].key.at(error.offset))
        for name, field in fields.items():
            evaluate, otherwise, value = self.step(field, binder)
            plan.steps.append((name, evaluate, otherwise))
            if value is not None:
                plan.values.append(value)
        plan.finish(self.target.own)
        return plan

    def step(
        self, field: FieldMapping, binder: WritingBinder
    ) -> tuple[Evaluate | None, Any, Value | Part | Several | None]:
        """What gives the value, what stands there without one, and what can explain it."""
        if isinstance(field, Constant):
            return None, self.constant(field), None
        if isinstance(field, Leaf):
            return self.leaf(field, binder)
        if field.items:
            return self.several(field, binder)
        part = self.part(field, binder)
        if part is None:
            return None, LEFT_OUT, None
        if part.plan.fixed and part.nodes is None and part.when is None:
            # constants alone: made once
            return None, part.plan.build(None, WriteRun(None, {})), None
        return part.build, LEFT_OUT, part

    def constant(self, written: Constant) -> Any:
        wire = self.target.wire(written.key.text, constant_kind(written.value).value)
        try:
            return written.value if wire is None else wire(written.value)
        except Unwritable as error:
            self.problems.add("MAPPING_TYPE", error.what, error.todo, written.scalar.mark)
            return LEFT_OUT

    def leaf(self, written: Leaf, binder: WritingBinder) -> tuple[Evaluate | None, Any, Value | None]:
        expression, word = self.last_word(written)
        if expression is None:
            return None, LEFT_OUT, None
        bound = binder.bind(expression, written.scalar)
        if bound is None:
            return None, LEFT_OUT, None
        if bound.many:
            self.problems.add(
                "MAPPING_LIST",
                f"{written.scalar.text} gives a list, and {written.key.text} is one value.",
                'Append | first, | last or | join(" "), or write each: and the list.',
                written.scalar.mark,
            )
            return None, LEFT_OUT, None
        otherwise: Any = "" if word == "or_empty" else LEFT_OUT
        if word == "or_null":
            try:
                otherwise = self.target.null(written.key.text)
            except KeyProblem as error:
                self.problems.add("MAPPING_FIELD", error.what, error.todo, written.key.mark)
        evaluate = self.evaluate(bound, self.target.wire(written.key.text, bound.kind.value))
        if word == "required":
            evaluate = _required(evaluate, written.scalar.text)
        value = Value(written.key.text, evaluate, written.scalar.text, bound.sources)
        return evaluate, otherwise, value

    def last_word(self, written: Leaf) -> tuple[Expression | None, str | None]:
        """The expression without the last word, and that word."""
        expression = written.expression
        if not isinstance(expression, Pipe):
            return expression, None
        wrong = next((call for call in expression.calls[:-1] if call.name in LAST_WORDS), None)
        last: Call = expression.calls[-1]
        if wrong is None and last.name in LAST_WORDS and last.arguments:
            wrong = last
        if wrong is not None:
            self.problems.add(
                "MAPPING_FUNCTION",
                f"{wrong.name} stands last, and without arguments.",
                f"Write it at the end: … | {wrong.name}.",
                written.scalar.at(wrong.offset),
            )
            return None, None
        if last.name not in LAST_WORDS:
            return expression, None
        calls = expression.calls[:-1]
        return (Pipe(expression.head, calls, expression.offset) if calls else expression.head), last.name

    @staticmethod
    def evaluate(bound: Bound, wire: Wire | None) -> Evaluate:
        """(node, run) -> what the tree holds; conversions are remembered."""
        convert = chained([step for step in (bound.convert, _refusing(wire)) if step is not None])
        direct = bound.direct
        if direct is None or not bound.hashable:
            return msgspec.structs.replace(bound, convert=convert).evaluate()
        if convert is None:
            return lambda node, _run: direct(node)
        remembered = Memo(convert).__getitem__

        def evaluate(node: Any, _run: WriteRun) -> Any:
            value = direct(node)
            return None if value is None else remembered(value)

        return evaluate

    def several(
        self, written: WrittenPart, binder: WritingBinder
    ) -> tuple[Evaluate | None, Any, Several | None]:
        steps: list[tuple[Evaluate | None, Any]] = []
        items: list[Value | Part] = []
        for item in written.items:
            if isinstance(item, WrittenPart) and item.items:
                self.problems.add(
                    "MAPPING_SHAPE", "A list within a list.", "Give the inner one a name.", item.mark
                )
                continue
            evaluate, otherwise, value = self.step(item, binder)
            steps.append((evaluate, otherwise))
            if isinstance(value, (Value, Part)):
                items.append(value)
        if all(evaluate is None for evaluate, _ in steps):
            return None, [fixed for _, fixed in steps if fixed is not LEFT_OUT], None
        several = Several(written.key.text, steps, items)
        return several.build, LEFT_OUT, several

    def part(self, written: WrittenPart, binder: WritingBinder) -> Part | None:
        path: str | None = None
        nodes: Callable[[Any, WriteRun], Sequence[Any]] | None = None
        inner = binder
        over = written.over
        if over is not None and not isinstance(over.expression, Path):
            bound = binder.bind(over.expression, over.scalar)
            if bound is None:
                return None
            if not bound.many:
                self.no_list(over.scalar)
                return None
            nodes = _values(bound.evaluate())
            path = bound.sources[0].text if bound.sources else None
            inner = binder.below(
                DocumentScope(
                    None, f"the values of {over.scalar.text}", bound.kind, root=binder.document.root
                )
            )
        elif (where := written.each or written.at) is not None:
            entered = self.enter(where, binder, many=written.each is not None)
            if entered is None:
                return None
            nodes, scope = entered
            path, inner = where.text, binder.below(scope)
        when = self.condition(binder, written.when, "when")
        where_true = self.condition(inner, written.where, "where")
        plan = self.object(written.fields, inner)
        return Part(
            written.key.text,
            plan,
            path=path,
            counted=over is None or isinstance(over.expression, Path),
            nodes=nodes,
            many=written.each is not None,
            when=when,
            where=where_true,
        )

    def enter(
        self, where: Scalar, binder: WritingBinder, *, many: bool
    ) -> tuple[Callable[[Any, WriteRun], Sequence[Any]], DocumentScope] | None:
        try:
            group = binder.document.enter(where.text)
        except PathError as error:
            self.problems.add(
                error.code, error.what, error.todo, where.at(error.offset), suggestions=error.suggestions
            )
            return None
        if group.many is not many:
            if many:
                self.no_list(where)
            else:
                self.problems.add("MAPPING_LIST", f"{where.text} is a list.", "Write 'each'.", where.mark)
            return None
        get = group.nodes
        nodes: Callable[[Any, WriteRun], Sequence[Any]] = (
            (lambda _node, run: get(run.root)) if group.from_root else (lambda node, _run: get(node))
        )
        scope = group.scope
        if not isinstance(scope, DocumentScope):
            raise TypeError(f"a document has no scope {scope!r}")
        if scope.struct is None:
            self.lists.add(group.internal)
        return nodes, scope

    def no_list(self, where: Scalar) -> None:
        self.problems.add(
            "MAPPING_LIST",
            f"{where.text} is no list.",
            "Write 'at', or a list such as lines or note | split(\"; \").",
            where.mark,
        )

    @staticmethod
    def condition(binder: WritingBinder, written: Leaf | None, word: str) -> Condition | None:
        if written is None:
            return None
        try:
            bound = binder.condition(written.expression, written.scalar, word)
        except BindError:
            return None  # noted
        return Condition(written.scalar.text, bound.evaluate(), bound.sources)


def _values(evaluate: Callable[[Any, Any], Any]) -> Callable[[Any, WriteRun], Sequence[Any]]:
    def nodes(node: Any, run: WriteRun) -> Sequence[Any]:
        found: Sequence[Any] | None = evaluate(node, run)
        return () if found is None else found

    return nodes


def _refusing(wire: Wire | None) -> Wire | None:
    """What the format cannot write is refused like any other value."""
    if wire is None:
        return None

    def refusing(value: Any) -> Any:
        try:
            return wire(value)
        except Unwritable as error:
            raise Refusal("VALUE_CHARACTER", error.what, error.todo, shown(value, 200)) from None

    return refusing


def _required(evaluate: Evaluate, text: str) -> Evaluate:
    expression = text.rpartition("|")[0].strip()

    def required(node: Any, run: WriteRun) -> Any:
        value = evaluate(node, run)
        if value is None:
            raise Refusal(
                "VALUE_MISSING",
                f"The payload needs it, and {expression} gives nothing.",
                "Complete the document or what is handed in beside it, or give the mapping a fallback ('?').",
            )
        return value

    return required
