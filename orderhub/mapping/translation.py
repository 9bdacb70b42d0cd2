"""A file to canonical documents, message by message, with everything that was found: what ``orderhub translate`` prints.

Needs nothing but files: no ledger, no agreement, no network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from orderhub.documents import Document, canonical_bytes
from orderhub.findings import Finding, Findings, Place, Severity
from orderhub.formats.base import MessageTree
from orderhub.mapping.reading import Opened, mapping_for_message, open_source
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping


class Outcome(StrEnum):
    """What became of a file: all of it translated; some of it; well-formed, but no mapping fits; nothing usable."""

    TRANSLATED = "translated"
    PARTIAL = "partial"
    READ = "read"
    REFUSED = "refused"


class DocumentResult(msgspec.Struct, kw_only=True):
    """One message for which there is a mapping. ``document`` is ``None`` when something hindered it."""

    file: str
    number: str | None
    document: Document | None
    findings: list[Finding]
    mapping: str

    def as_row(self) -> dict[str, Any]:
        """The line of ``orderhub translate``; the document in its canonical form."""
        return {
            "type": "document",
            "file": self.file,
            "number": self.number,
            "document": None if self.document is None else msgspec.Raw(canonical_bytes(self.document)),
            "findings": [finding.as_row() for finding in self.findings],
        }


class FileResult(msgspec.Struct, kw_only=True):
    """The file as a whole. ``findings`` are the first ones of all in it, ``finding_count`` counts them all;
    ``documents`` counts those that were made; ``opened`` is false when the file could not be read at all."""

    file: str
    format: str | None
    message: str | None
    release: str | None
    outcome: Outcome
    documents: int
    findings: list[Finding]
    finding_count: int
    opened: bool = True

    def as_row(self) -> dict[str, Any]:
        """The line of ``orderhub translate``."""
        return {
            "type": "file",
            "file": self.file,
            "format": self.format,
            "message": self.message,
            "release": self.release,
            "outcome": self.outcome.value,
            "documents": self.documents,
            "findings": [finding.as_row() for finding in self.findings],
            "finding_count": self.finding_count,
        }


def label_of(path: Path) -> str:
    """A file's name as text that every encoder takes: bytes that are not UTF-8 are shown as ``\\xe4``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def translate_file(
    path: Path, registry: MappingRegistry, *, mapping: str | None = None
) -> Iterator[DocumentResult | FileResult]:
    """Translate one file: a result per message that a mapping is for, then one for the file.

    Streams; never raises for what the file is or holds.

    :param mapping: the mapping to use; absent, the one that fits each message.
    :raises MappingError: ``mapping`` is unknown or broken.
    """
    named = registry.get(mapping) if mapping is not None else None
    label = label_of(path)
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        if not path.is_file():
            raise FileNotFoundError(
                2, "there is no such file" if not path.exists() else "it is no regular file"
            )
        if path.stat().st_size == 0:
            yield _without_session(
                label, "SOURCE_EMPTY", "The file is empty. Ask the sender to send it again."
            )
            return
        opened = open_source(path, name=label, registry=registry, mapping=named)
    except OSError as error:
        why = error.strerror or str(error)
        yield _without_session(
            label,
            "SOURCE_UNREADABLE",
            f"The file cannot be read: {why}. Check its name and rights.",
            opened=False,
        )
        return
    if opened.session is None:
        yield _no_reader(label, opened)
        return
    yield from _Translation(label, opened, registry, named).run()


def _without_session(
    label: str, code: str, message: str, *, opened: bool = True, format: str | None = None
) -> FileResult:
    finding = Finding(code=code, severity=Severity.ERROR, message=message, place=Place(file=label, offset=0))
    return FileResult(
        file=label,
        format=format,
        message=None,
        release=None,
        outcome=Outcome.REFUSED,
        documents=0,
        findings=[finding],
        finding_count=1,
        opened=opened,
    )


def _no_reader(label: str, opened: Opened) -> FileResult:
    if opened.detected is None:
        return _without_session(
            label,
            "FORMAT_UNKNOWN",
            "The file is in no format that the hub knows. Ask the sender what it is.",
        )
    result = _without_session(
        label,
        "FORMAT_NO_READER",
        f"The file looks like {opened.detected.format}, which cannot be read yet. Ask for EDIFACT or CSV.",
        format=opened.detected.format,
    )
    result.message = opened.detected.message
    result.release = opened.detected.release
    return result


class _Translation:
    def __init__(
        self, label: str, opened: Opened, registry: MappingRegistry, named: CompiledMapping | None
    ) -> None:
        self.label = label
        self.opened = opened
        self.registry = registry
        self.named = named
        self.findings = Findings()
        self.mapped = self.good = self.bad = self.unmapped = 0
        self._chosen: dict[tuple[str, str | None], CompiledMapping | None] = {}

    def run(self) -> Iterator[DocumentResult | FileResult]:
        session = self.opened.session
        if session is None:
            return
        problem: Finding | None = None
        try:
            for tree in session:
                result = self.message(tree)
                if result is not None:
                    yield result
        except OSError as error:
            problem = Finding(
                code="SOURCE_UNREADABLE",
                severity=Severity.ERROR,
                message=f"Reading broke off: {error.strerror or error}. Try again, or ask the sender.",
                place=Place(file=self.label),
            )
        summary = session.summary
        findings = Findings()
        findings.extend(summary.findings.kept)
        findings.extend(self.findings.kept)
        count = summary.findings.count + self.findings.count
        if problem is not None:
            findings.add(problem)
            count += 1
        refused = summary.refused or problem is not None
        detected = self.opened.detected
        yield FileResult(
            file=self.label,
            format=summary.format,
            message=summary.message_type or (detected.message if detected else None),
            release=summary.release or (detected.release if detected else None),
            outcome=self.outcome(refused=refused, well_formed=summary.well_formed),
            documents=0 if refused else self.good,
            findings=findings.kept,
            finding_count=count,
        )

    def outcome(self, *, refused: bool, well_formed: bool) -> Outcome:
        if refused:
            return Outcome.REFUSED
        if self.good:
            return Outcome.PARTIAL if self.bad or self.unmapped or not well_formed else Outcome.TRANSLATED
        if self.bad:
            return Outcome.REFUSED
        return Outcome.READ if well_formed else Outcome.REFUSED

    def message(self, tree: MessageTree) -> DocumentResult | None:
        mapping = self.choose(tree)
        if mapping is None:
            self.unmapped += 1
            self.findings.extend(tree.findings)
            return None
        findings = list(tree.findings)
        document: Document | None = None
        number: str | None = None
        try:
            translated = mapping.run(tree)
        except Exception as error:
            # a defect of the translation itself must not hold up the other messages, and shows as a finding
            findings.append(
                Finding(
                    code="TRANSLATE_FAILED",
                    severity=Severity.ERROR,
                    message=f"The translation broke off ({type(error).__name__}: {error}). Report it with the file.",
                    place=Place(file=self.label, message=tree.reference),
                )
            )
        else:
            document = translated.document
            number = document.number if document is not None else None
            if tree.usable:
                findings.extend(translated.findings)
            else:
                document = None
        if document is None:
            self.bad += 1
        else:
            self.good += 1
        self.findings.extend(findings)
        return DocumentResult(
            file=self.label, number=number, document=document, findings=findings, mapping=mapping.name
        )

    def choose(self, tree: MessageTree) -> CompiledMapping | None:
        key = (tree.message_type, tree.release)
        if key not in self._chosen:
            self._chosen[key] = mapping_for_message(
                self.opened,
                self.registry,
                self.named,
                tree.interchange.format,
                tree.message_type,
                tree.release,
            )
        return self._chosen[key]
