"""Running a compiled mapping that writes: one canonical document in, the bytes of one payload or the reasons why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderhub.documents import Document
from orderhub.errors import MappingError, PayloadRefused
from orderhub.findings import Finding, Findings, Severity
from orderhub.formats.target import TargetFormat, Unwritable
from orderhub.mapping.kinds import Refusal
from orderhub.mapping.language import MappingFile
from orderhub.mapping.lookup_table import LookupTable
from orderhub.mapping.writing.bind import WriteRun
from orderhub.mapping.writing.plan import ObjectPlan, Position


class Written:
    """A payload. ``data`` are its bytes; ``tree`` is the same for a program that wants no bytes: of JSON a dict (numbers
    are ``int`` and ``Decimal``), of XML the bytes. ``content_hash`` is the mapping's."""

    __slots__ = ("_format", "_tree", "content_hash", "data", "mapping", "media_type", "version")

    def __init__(self, data: bytes, target: TargetFormat, mapping: CompiledWriting) -> None:
        self.data = data
        self.media_type = target.media_type
        self.mapping = mapping.name
        self.version = mapping.version
        self.content_hash = mapping.content_hash
        self._format = target
        self._tree: Any = None

    @property
    def tree(self) -> Any:
        if self._tree is None:
            self._tree = self._format.tree(self.data)
        return self._tree


class CompiledWriting:
    """A mapping that was checked and is ready to write. Safe to share between threads."""

    __slots__ = ("_names", "_plan", "content_hash", "file", "lookups", "reads", "target", "values")

    def __init__(
        self,
        file: MappingFile,
        *,
        plan: ObjectPlan,
        target: TargetFormat,
        content_hash: str,
        lookups: Mapping[str, LookupTable],
        names: tuple[str, ...],
        reads: frozenset[tuple[str, ...]],
    ) -> None:
        self.file = file
        #: the canonical fields that it takes, each by the names on its way: ``("lines", "item", "gtin")``
        self.reads = reads
        self.target = target
        self.content_hash = content_hash
        #: its lookup tables as they were when it was compiled
        self.lookups = lookups
        #: what it took from an agreement: nothing
        self.values: dict[str, Any] = {}
        self._plan = plan
        self._names = names

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def version(self) -> int:
        return self.file.version

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its lookup tables."""
        return tuple(sorted(self.lookups))

    @property
    def document(self) -> str:
        """The name of the document that it takes."""
        return self.file.source.message or ""

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the values that may be handed in beside the document."""
        return self._names

    def write(self, document: Document, given: Mapping[str, str] | None = None) -> Written:
        """The payload of a document: the same bytes for the same document, given values and mapping.

        :param given: what ``given(name)`` stands for; a name that is left out is absent.
        :raises PayloadRefused: a value cannot be written, or is mandatory and absent.
        :raises MappingError: it is another kind of document, or a name was given that the mapping does not declare.
        """
        self._fits(document, given or {})
        run = WriteRun(document, dict(given or {}))
        try:
            data = self.target.encode(self._plan.build(document, run))
        except (Refusal, Unwritable) as error:
            raise PayloadRefused(self.name, self._explained(document, run, error)) from None
        return Written(data, self.target, self)

    def _fits(self, document: Document, given: Mapping[str, str]) -> None:
        if document.document_name != self.document:
            raise MappingError(
                f"The mapping {self.name} writes documents of type {self.document}, not {document.document_name}.",
                todo="Name another mapping.",
            )
        unknown = sorted(set(given) - set(self._names))
        if unknown:
            raise MappingError(
                f"The mapping {self.name} declares no value {unknown[0]!r}.",
                todo=f"It declares: {', '.join(self._names) or 'none'} (source: given).",
            )

    def _explained(self, document: Document, run: WriteRun, error: Refusal | Unwritable) -> list[Finding]:
        findings = Findings()
        self._plan.explain(document, run, Position(), findings)
        if not findings.kept:
            code = error.code if isinstance(error, Refusal) else "VALUE_CHARACTER"
            findings.add(Finding(code=code, severity=Severity.ERROR, message=f"{error.what} {error.todo}"))
        return findings.kept
