"""Running a compiled mapping: one message tree in, one canonical document or the reasons why not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orderhub.documents import Document
from orderhub.findings import Finding, Place, Severity
from orderhub.formats.base import MessageTree
from orderhub.formats.dialect import Node, SeveralValues, SourceDeclaration, Unread
from orderhub.mapping.checks import CheckRun, CompiledCheck
from orderhub.mapping.given import NOTHING_GIVEN, Given
from orderhub.mapping.kinds import Refusal, shown
from orderhub.mapping.language import MappingFile
from orderhub.mapping.lookup_table import LookupTable
from orderhub.mapping.plan import FAILED, PartPlan, StructPlan
from orderhub.mapping.slots import Run, Undecided, place_of, values_of

_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[([0-9]{1,9})\])?\Z")
#: Agreements whose values are kept compiled into one mapping.
AGREEMENTS = 200
_LEVELS = {"warn": Severity.WARNING, "error": Severity.ERROR}


class Translated:
    """The outcome for one message.

    ``document`` is ``None`` when an error kept it from being built; a document that was built and failed a check is
    there, with an error among the findings. ``findings`` are those of the mapping (the reader's own stay with the
    tree), bounded; ``finding_count`` counts all. Keeps the tree alive, so drop it when the places are no longer needed.
    """

    __slots__ = ("_mapping", "_tree", "document", "finding_count", "findings")

    def __init__(
        self,
        document: Document | None,
        findings: list[Finding],
        mapping: CompiledMapping,
        tree: MessageTree,
        finding_count: int = 0,
    ) -> None:
        self.document = document
        self.findings = findings
        self.finding_count = finding_count
        self._mapping = mapping
        self._tree = tree

    def places(self, field: str) -> Place | None:
        """Where in the source the value of a canonical field (``lines[0].quantity``) came from, or was expected;
        ``None`` for a constant and for a field that the mapping does not fill."""
        return self._mapping.place(self._tree, field)


class CompiledMapping:
    """A mapping that was checked and is ready to run. Safe to share between threads: its memos only ever gain equal
    entries."""

    __slots__ = (
        "_checks",
        "_given",
        "_plan",
        "_unread",
        "_unread_everywhere",
        "_with_given",
        "agreement",
        "content_hash",
        "file",
        "lookups",
        "values",
    )

    def __init__(
        self,
        file: MappingFile,
        *,
        plan: StructPlan,
        checks: list[CompiledCheck],
        unread: Callable[[Node], list[Unread]] | None,
        unread_everywhere: Callable[[], Callable[[Node], list[Unread]]],
        content_hash: str,
        lookups: Mapping[str, LookupTable],
        agreement: tuple[str, ...],
        values: Given,
        with_given: Callable[[Given], CompiledMapping],
    ) -> None:
        self.file = file
        self.content_hash = content_hash
        #: its lookup tables as they were when it was compiled
        self.lookups = lookups
        #: what it takes from the agreement (``currency``)
        self.agreement = agreement
        #: what it took from one (:meth:`given`)
        self.values = values
        self._with_given = with_given
        self._given: dict[tuple[Any, ...], CompiledMapping] = {}
        self._plan = plan
        self._checks = checks
        self._unread = unread
        self._unread_everywhere = unread_everywhere

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its lookup tables."""
        return tuple(sorted(self.lookups))

    @property
    def version(self) -> int:
        return self.file.version

    @property
    def source(self) -> SourceDeclaration:
        return self.file.source

    @property
    def target(self) -> str:
        """The name of the document that it makes."""
        return self.file.target

    def given(self, given: Given) -> CompiledMapping:
        """The mapping with these values of an agreement in it; itself when it asks for none of them. Kept, so asking
        again costs nothing. Its content hash covers the values, too."""
        key = tuple([given.get(name) for name in self.agreement])
        if not any(value is not None for value in key):
            return self
        found = self._given.get(key)
        if found is None:
            if len(self._given) >= AGREEMENTS:
                self._given.clear()
            found = self._given[key] = self._with_given(given)
        return found

    def run(self, tree: MessageTree, given: Given = NOTHING_GIVEN) -> Translated:
        """Translate one message. Never raises for what the source holds.

        :param given: what ``agreement(…)`` stands for (:data:`orderhub.mapping.given.AGREEMENT`), by name.
        """
        if given and self.agreement:
            mapping = self.given(given)
            if mapping is not self:
                return mapping.run(tree)
        root = tree.root
        run = Run(root, tree.interchange, tree.reference)
        document = self._plan.build(root, run)
        if document is None or document is FAILED:
            document = None
        elif self._checks:
            self._check(document, tree, run)
        if self._unread is not None:
            left = self._unread(root)
            if left:
                self._leftover(left, run)
        if run.findings is None:
            return Translated(document, [], self, tree)
        return Translated(document, _bounded(run), self, tree, run.findings.count)

    def _check(self, document: Any, tree: MessageTree, run: Run) -> None:
        root = tree.root
        context = CheckRun(run, document, partial(self.place, tree))
        for check in self._checks:
            try:
                check.run(root, context)
            except Refusal as refusal:
                context.add(
                    refusal.code,
                    f"The check {check.name} cannot be made: {refusal.what} {refusal.todo}",
                    place_of(check.condition.sources, root, run, refusal.value),
                    value=refusal.value,
                    rule=check.name,
                )
            except SeveralValues:
                where = [place for source in check.condition.sources for place in source.where(root)]
                context.add(
                    "VALUE_SEVERAL",
                    f"The check {check.name} cannot be made: the source has several different values for what it "
                    "compares. Ask the sender which of them is right.",
                    where[-1] if where else Place(message=run.message),
                    rule=check.name,
                )
        run.findings = context.findings

    def _leftover(self, left: list[Unread], run: Run) -> None:
        """One finding per path, however often it occurs."""
        first: dict[str, Unread] = {}
        count: dict[str, int] = {}
        for unread in left:
            first.setdefault(unread.path, unread)
            count[unread.path] = count.get(unread.path, 0) + 1
        for path, unread in first.items():
            level = self.file.unmapped_segments.get(unread.segment, self.file.unmapped)
            severity = _LEVELS.get(level)
            if severity is None:
                continue
            more = f" and {count[path] - 1} more" if count[path] > 1 else ""
            run.add(
                "UNMAPPED",
                f"The mapping does not read {path} ({shown(unread.value)}{more}). Map it, or set "
                f"unmapped: {{{unread.segment}: ignore}}.",
                unread.place(),
                severity=severity,
                value=unread.value[:200],
            )

    def unread_everywhere(self) -> Callable[[Node], list[Unread]]:
        """A function of a message's root: all that nothing reads, also what ``unmapped`` lets pass."""
        return self._unread_everywhere()

    def text(self, tree: MessageTree, field: str) -> str | None:
        """What the source says for a field of the document itself (``number``), before any conversion: the first value
        that the field's paths find. For showing which document it is that could not be built."""
        slot = self._plan.slots.get(field)
        if slot is None:
            return None
        for source in slot.sources:
            values = values_of(source, tree.root)
            if values:
                return values[0]
        return None

    def place(self, tree: MessageTree, field: str) -> Place | None:
        """See :meth:`Translated.places`."""
        run = Run(tree.root, tree.interchange, tree.reference)
        plan, node = self._plan, tree.root
        steps = field.split(".")
        for position, text in enumerate(steps):
            match = _STEP.match(text)
            if match is None:
                return None
            name, index = match[1], int(match[2]) if match[2] is not None else None
            slot = plan.slots.get(name)
            if slot is not None:
                if position < len(steps) - 1 or not slot.sources:
                    return None
                return _indexed(slot.sources, node, run, index)
            part = next((part for part in plan.parts if part.name == name), None)
            if part is None:
                return None
            found = _node_of(part, node, run, index)
            if found is None:
                return None
            node, plan = found, part.plan
            if position == len(steps) - 1:
                return _part_place(part, node, run)
        return None


def _indexed(sources: Any, node: Node, run: Run, index: int | None) -> Place | None:
    if index is None:
        return place_of(sources, node, run)
    places: list[Place] = []
    for source in sources:
        at = run.root if source.from_root else node
        if values_of(source, at):
            places.extend(source.where(at))
    return places[index] if index < len(places) else None


def _node_of(part: PartPlan, node: Node, run: Run, index: int | None) -> Node | None:
    try:
        nodes = part.nodes(node, run)
    except Undecided:
        return None
    position = index or 0
    return nodes[position] if position < len(nodes) else None


def _part_place(part: PartPlan, node: Node, run: Run) -> Place | None:
    if part.group is not None:
        return part.group.where(node)
    for slot in part.plan.slots.values():
        if slot.sources and any(values_of(s, run.root if s.from_root else node) for s in slot.sources):
            return place_of(slot.sources, node, run)
    return None


def _position(finding: Finding) -> tuple[bool, int]:
    place = finding.place
    return (place.offset is None and place.line is None, place.offset or place.line or 0)


def _bounded(run: Run) -> list[Finding]:
    findings = run.findings
    if findings is None:
        return []
    kept = sorted(findings.kept, key=_position)
    if findings.count > len(findings.kept):
        kept.append(
            Finding(
                code="FINDINGS_CUT",
                severity=Severity.INFO,
                message=f"{findings.count} findings in this message; the first {len(findings.kept)} are kept.",
                place=Place(message=run.message),
            )
        )
    return kept
