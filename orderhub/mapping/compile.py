"""A parsed mapping to something that runs: checked against the source's grammar and the target's schema on the way.

Everything wrong is noted with its line and column before the mapping is refused; nothing of a wrong mapping runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from orderhub.formats.dialect import (
    BulkScope,
    DeclarationError,
    Dialect,
    PathError,
    ResolvedGroup,
    Scope,
    Unread,
)
from orderhub.mapping.apply import IssuedOn, Uses
from orderhub.mapping.bind import Binder
from orderhub.mapping.bound import Bound, Memo
from orderhub.mapping.checks import CheckBinder, CompiledCheck, compile_check
from orderhub.mapping.conditions import BindError
from orderhub.mapping.fast import FastPlan, FastStep, FastStruct
from orderhub.mapping.fast_layout import inline
from orderhub.mapping.fitting import MISFIT, as_list, chained, constant_value, fitting
from orderhub.mapping.given import NOTHING_GIVEN, Given, names_in
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.language import Constant, FieldMapping, Leaf, MappingFile, Part, normalised
from orderhub.mapping.lookups import Lookups, MemoryLookups, table_hash
from orderhub.mapping.plan import PartPlan, StructPlan
from orderhub.mapping.problems import MappingRefused, Problems, close_to
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.slots import Condition, Slot
from orderhub.mapping.targets import TargetField, TargetStruct, target_document
from orderhub.mapping.tracing import Tracer
from orderhub.yaml_file import Mark, Scalar


def compile_mapping(
    mapping: MappingFile, *, dialects: Mapping[str, Dialect], lookups: Lookups
) -> CompiledMapping:
    """Compile; :class:`MappingRefused` with all findings when something is wrong."""
    problems = Problems(mapping.path)
    compiled = try_compile(mapping, problems, dialects=dialects, lookups=lookups)
    if compiled is None or not problems.ok:
        raise MappingRefused(mapping.name, problems.sorted(), file=mapping.path)
    return compiled


def try_compile(
    mapping: MappingFile,
    problems: Problems,
    *,
    dialects: Mapping[str, Dialect],
    lookups: Lookups,
    given: Given = NOTHING_GIVEN,
) -> CompiledMapping | None:
    """Compile as far as possible, noting problems; ``None`` when there were errors."""
    source = mapping.source
    if mapping.writes:
        problems.add(
            "MAPPING_DIRECTION",
            f"{mapping.name} writes: it makes a payload of a document.",
            "Name a mapping whose target is a document, or use `orderhub mapping write`.",
            mapping.marks.get("source"),
        )
        return None
    dialect = dialects.get(source.format)
    scope: Scope | None = None
    if dialect is None:
        problems.add(
            "MAPPING_SOURCE",
            f"There is no format {source.format!r}.",
            f"The formats are {', '.join(sorted(dialects))}.",
            mapping.marks.get("source.format"),
            suggestions=close_to(source.format, dialects),
        )
    else:
        try:
            scope = dialect.scope(source)
        except DeclarationError as error:
            mark = mapping.marks.get(f"source.{error.key}") or mapping.marks.get("source")
            problems.add(error.code, error.what, error.todo, mark, suggestions=error.suggestions)
    try:
        target = target_document(mapping.target)
    except KeyError as error:
        problems.add(
            "MAPPING_TARGET", f"{error.args[0]}.", "Correct the name.", mapping.marks.get("target.document")
        )
        return None
    if scope is None or dialect is None:
        return None
    return _Compiler(mapping, problems, scope, dialect, target, lookups, given).compile()


class _Compiler:
    def __init__(
        self,
        mapping: MappingFile,
        problems: Problems,
        scope: Scope,
        dialect: Dialect,
        target: TargetStruct,
        lookups: Lookups,
        given: Given,
    ) -> None:
        self.mapping = mapping
        self.problems = problems
        self.scope = scope
        self.target = target
        self.dialect = dialect
        self.numbers = dialect.numbers(mapping.source)
        self.uses = Uses(paths=[], tables={}, agreement=set())
        self.groups: list[ResolvedGroup] = []
        self.lookups = lookups
        self.given = given
        # the document's date is bound without noting problems: they are noted at the field itself
        unnoted = Binder(
            scope,
            numbers=self.numbers,
            lookups=lookups,
            problems=Problems(mapping.path),
            uses=self.uses,
            given=given,
        )
        unnoted.issued_on = IssuedOn(None, None)
        self.issued_on = IssuedOn(unnoted, mapping.fields.get("issued_on"))
        self.binder = Binder(
            scope,
            numbers=self.numbers,
            lookups=lookups,
            problems=problems,
            uses=self.uses,
            given=given,
            issued_on=self.issued_on,
        )

    def compile(self) -> CompiledMapping | None:
        mark = self.mapping.marks.get("fields", (1, 1))
        plan = self.struct(self.target, self.mapping.fields, self.binder, "", 0, mark, root=True)
        checks = self.checks()
        if not self.problems.ok:
            return None
        unread: Callable[[Any], list[Unread]] | None = None
        levels = {self.mapping.unmapped, *self.mapping.unmapped_segments.values()}
        if levels != {"ignore"}:
            segments, default = self.mapping.unmapped_segments, self.mapping.unmapped
            unread = self.scope.unread(
                self.uses.paths, self.groups, lambda segment: segments.get(segment, default) != "ignore"
            )
        return CompiledMapping(
            self.mapping,
            plan=plan,
            checks=checks,
            unread=unread,
            unread_everywhere=partial(self.scope.unread, list(self.uses.paths), list(self.groups)),
            content_hash=self.content_hash(),
            lookups=self.uses.tables,
            agreement=tuple(sorted(self.uses.agreement)),
            values=self.values(),
            with_given=self.with_given,
        )

    def with_given(self, given: Given) -> CompiledMapping:
        """The same mapping with the values of one agreement in it: as constants, so that the fast way has them too."""
        problems = Problems(self.mapping.path)
        # the tables as they were: a mapping and its tables stay one version
        tables = MemoryLookups(self.uses.tables)
        again = _Compiler(self.mapping, problems, self.scope, self.dialect, self.target, tables, given)
        compiled = again.compile()
        if compiled is None:
            raise MappingRefused(self.mapping.name, problems.sorted(), file=self.mapping.path)
        return compiled

    def values(self) -> dict[str, Any]:
        """What was really taken from the agreement."""
        names = sorted(self.uses.agreement)
        return {name: self.given[name] for name in names if self.given.get(name) is not None}

    def content_hash(self) -> str:
        """Over what the mapping says (not how it is laid out), what its lookup tables hold, and what it took from the
        agreement."""
        digest = hashlib.sha256(msgspec.json.encode(normalised(self.mapping), order="deterministic"))
        for name in sorted(self.uses.tables):
            digest.update(f"\n{name}:{table_hash(self.uses.tables[name])}".encode())
        values = self.values()
        if values:
            digest.update(b"\n" + msgspec.json.encode(values, order="deterministic"))
        return digest.hexdigest()

    def checks(self) -> list[CompiledCheck]:
        binder = CheckBinder(
            self.scope,
            numbers=self.numbers,
            lookups=self.lookups,
            problems=self.problems,
            uses=self.uses,
            given=self.given,
            issued_on=self.issued_on,
        )
        binder.target = self.target
        compiled = [compile_check(binder, check) for check in self.mapping.checks]
        return [check for check in compiled if check is not None]

    # --- the target's parts

    def struct(
        self,
        target: TargetStruct,
        fields: Mapping[str, FieldMapping],
        binder: Binder,
        prefix: str,
        depth: int,
        mark: Mark,
        *,
        root: bool = False,
    ) -> StructPlan:
        plan = StructPlan(target, root=root, written=fields, tracer=Tracer(binder))
        for name, written in fields.items():
            field = target.fields.get(name)
            if field is None:
                self.problems.add(
                    "MAPPING_FIELD",
                    f"There is no field {name!r} in {target.name}.",
                    "" if close_to(name, target.fields) else f"Its fields are {', '.join(target.fields)}.",
                    written.key.mark,
                    suggestions=close_to(name, target.fields),
                )
                continue
            template = f"{prefix}{name}"
            if isinstance(written, Constant):
                self.constant(plan, field, written)
            elif isinstance(written, Leaf):
                self.leaf(plan, field, written, binder, template, depth)
            else:
                self.part(plan, field, written, binder, template, depth)
        self.accelerate(plan, binder.scope)
        for name, field in target.fields.items():
            if field.required and name not in fields:
                where = prefix.rstrip(".").replace("[{}]", "") or "fields"
                self.problems.add(
                    "MAPPING_UNFILLED",
                    f"The mandatory field {name} of {target.name} is never filled.",
                    f"Add {name}: to {where}.",
                    mark,
                    field=f"{prefix}{name}".replace("[{}]", "[]"),
                )
        return plan

    def constant(self, plan: StructPlan, field: TargetField, written: Constant) -> None:
        if field.kind is None or field.many:
            self.problems.add(
                "MAPPING_TYPE",
                f"{field.name} is a {'list' if field.many else 'part'}, not one value.",
                "Write its fields indented below it.",
                written.key.mark,
            )
            return
        try:
            value = constant_value(field.kind, written.scalar, written.value)
            why = field.check(value) if field.check is not None else None
        except (Refusal, ValueError):
            why = f"is no {field.kind.value}"
        if why is not None:
            self.problems.add(
                "MAPPING_TYPE",
                f"{written.scalar.text!r} {why}.",
                f"Correct {field.name}.",
                written.scalar.mark,
            )
            return
        plan.constants[field.name] = value

    def leaf(
        self, plan: StructPlan, field: TargetField, written: Leaf, binder: Binder, template: str, depth: int
    ) -> None:
        bound = binder.bind(written.expression, written.scalar)
        if bound is None:
            return
        if field.kind is None:
            inner = ", ".join(field.struct.fields) if field.struct else ""
            self.problems.add(
                "MAPPING_TYPE",
                f"{field.name} is a {'list of parts' if field.many else 'part'}, not one value.",
                f"Write its fields indented below it: {inner}.",
                written.scalar.mark,
            )
            return
        if bound.many and not field.many:
            self.problems.add(
                "MAPPING_LIST",
                f"{written.scalar.text} gives a list, and {field.name} is one value.",
                'Append | first, | last or | join(" "), or choose one with a qualifier or an index.',
                written.scalar.mark,
            )
            return
        convert = fitting(bound, field, written.scalar, numbers=self.numbers, problems=self.problems)
        if convert is MISFIT:
            return
        agreement = tuple(names_in(written.expression))
        slot = Slot(
            field.name, template, depth, field, bound.sources, written.scalar.text, agreement, convert
        )
        plan.slots[field.name] = slot
        self.place(plan, bound, field, convert)

    def place(self, plan: StructPlan, bound: Bound, field: TargetField, convert: Any) -> None:
        """Put the value where it is computed fastest."""
        steps = [step for step in (bound.convert, convert) if step is not None]
        final = chained(steps)
        if field.many:
            final = as_list(bound, final)
        fast: Callable[[Any], Any] | None = final
        if bound.direct is not None and final is None:
            plan.texts.append((field.name, bound.direct))
        elif bound.direct is not None and final is not None and bound.hashable and not field.many:
            memo = Memo(final)
            fast = memo.__getitem__
            plan.memos.append((field.name, bound.direct, memo))
        else:
            finished = msgspec.structs.replace(
                bound, convert=final, hashable=bound.hashable and not field.many
            )
            plan.others.append((field.name, finished.evaluate()))
        if bound.direct is not None and (bound.combine is not None or len(bound.inputs) == 1):
            plan.steps.append(
                FastStep(0, field.name, bound.inputs, bound.combine, fast, bound.alternatives, bound.default)
            )
        else:
            plan.slow.append(plan.others[-1])

    def accelerate(self, plan: StructPlan, scope: Scope) -> None:
        """Give the plan a fast way where the scope can read many paths at one go."""
        if plan.root or not isinstance(scope, BulkScope):
            return
        steps: list[FastStep] = []
        structs: list[FastStruct] = []
        inlined = inline(plan, 0, steps, structs)
        if len(steps) < 2:
            return
        read = scope.reader(FastPlan.paths(steps))
        if read is not None:
            plan.apart = [part for part in plan.parts if part.name not in inlined]
            plan.fast = FastPlan(steps, structs, read, whole=not (plan.apart or plan.slow))

    def part(
        self, plan: StructPlan, field: TargetField, written: Part, binder: Binder, template: str, depth: int
    ) -> None:
        if field.struct is None:
            self.problems.add(
                "MAPPING_TYPE",
                f"{field.name} is {'a list of values' if field.many else 'one value'} ({field.kind}).",
                f"Write an expression: {field.name}: path.",
                written.mark,
            )
            return
        if field.many and written.each is None:
            self.problems.add(
                "MAPPING_LIST",
                f"{field.name} is a list.",
                "Say with 'each' once per what.",
                written.at.mark if written.at is not None else written.mark,
            )
        if not field.many and written.each is not None:
            self.problems.add(
                "MAPPING_LIST",
                f"{field.name} is no list.",
                "Write 'at' instead of 'each'.",
                written.each.mark,
            )
        group: ResolvedGroup | None = None
        where = written.each or written.at
        inner = binder
        if where is not None:
            group = self.enter(binder, where)
            if group is None:
                # paths below cannot be checked without their group; field names can
                self.names(field.struct, written)
                return
            if field.many and not group.many:
                self.problems.add(
                    "MAPPING_LIST",
                    f"{where.text} cannot occur more than once.",
                    "Name the group that repeats.",
                    where.mark,
                )
            inner = binder.within(group.scope)
        when = self.condition(binder, written.when, "when")
        where_true = self.condition(inner, written.where, "where")
        deeper = depth + 1 if field.many else depth
        below = f"{template}[{{}}]." if field.many else f"{template}."
        struct = self.struct(field.struct, written.fields, inner, below, deeper, written.key.mark)
        plan.parts.append(PartPlan(field.name, template, depth, field, group, struct, when, where_true))

    def condition(self, binder: Binder, written: Leaf | None, word: str) -> Condition | None:
        if written is None:
            return None
        try:
            bound = binder.condition(written.expression, written.scalar, word)
        except BindError:
            return None  # noted
        return Condition(written.scalar.text, bound.evaluate(), bound.sources)

    def enter(self, binder: Binder, where: Scalar) -> ResolvedGroup | None:
        try:
            group = binder.scope.enter(where.text)
        except PathError as error:
            self.problems.add(
                error.code,
                error.what,
                error.todo or f"Groups here are those of {binder.scope.description}.",
                where.at(error.offset),
                suggestions=error.suggestions,
            )
            return None
        self.groups.append(group)
        return group

    def names(self, target: TargetStruct, written: Part) -> None:
        for name, inner in written.fields.items():
            if name not in target.fields:
                self.problems.add(
                    "MAPPING_FIELD",
                    f"There is no field {name!r} in {target.name}.",
                    "" if close_to(name, target.fields) else f"Its fields are {', '.join(target.fields)}.",
                    inner.key.mark,
                    suggestions=close_to(name, target.fields),
                )
