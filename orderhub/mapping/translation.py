"""Translates one file with nothing running: what ``orderhub translate`` and ``orderhub mapping run`` do."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import msgspec

from orderhub.documents import Document
from orderhub.errors import HubError
from orderhub.findings import Finding, Findings, Place, Severity, graded
from orderhub.formats.base import EnvelopeInfo, MessageTree
from orderhub.formats.bundle import pack_folder
from orderhub.formats.detect import HEAD, DetectedFormat, detect
from orderhub.mapping.given import NOTHING_GIVEN, Given
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import NoMappingFits, declared_mapping, fitting_mapping, open_session

log = logging.getLogger(__name__)


class FileOutcome(StrEnum):
    """``translated``: every message became a document and nothing is wrong. ``partial``: some did, or all did and the
    envelope has an error, so that the hub would not accept the file. ``read``: well-formed, but no mapping fits.
    ``refused``: nothing could be used."""

    TRANSLATED = "translated"
    PARTIAL = "partial"
    READ = "read"
    REFUSED = "refused"


class DocumentResult(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a file, with the findings of its message."""

    file: str
    number: str
    document: Document
    findings: list[Finding]

    def as_row(self) -> dict[str, object]:
        return {
            "type": "document",
            "file": self.file,
            "number": self.number,
            "document": self.document,
            "findings": [finding.as_row() for finding in self.findings],
        }


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``findings`` are those of the file and of all its messages, bounded; ``finding_count`` counts all.
    ``opened`` is False when the file could not be looked at."""

    file: str
    format: str | None
    message: str | None
    release: str | None
    outcome: FileOutcome
    documents: int
    findings: list[Finding]
    finding_count: int
    opened: bool = True

    def as_row(self) -> dict[str, object]:
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


#: How bad the findings of an envelope are, by code, as was agreed with who sent it; what it does not name stays.
SeveritiesOf = Callable[[EnvelopeInfo], Mapping[str, Severity]]


def nothing_agreed(_: EnvelopeInfo) -> Mapping[str, Severity]:
    """Every finding keeps the severity of its kind."""
    return {}


def translate_file(
    path: Path,
    mappings: MappingRegistry,
    *,
    mapping: str | None = None,
    given: Given = NOTHING_GIVEN,
    severities: SeveritiesOf = nothing_agreed,
) -> Iterator[DocumentResult | FileResult]:
    """The documents of a file as they are read, then one :class:`FileResult`. Never raises for what a file contains.

    :param mapping: a mapping's name; without it, each message's own one is looked for.
    :param given: what ``agreement(…)`` stands for.
    :param severities: what was agreed about findings.
    :raises MappingUnknown: there is none of that name.
    :raises MappingRefused: the named one is wrong.
    """
    named = mappings.get(mapping) if mapping is not None else None
    translation = _Translation(path, mappings, named, given, severities)
    try:
        with open_source(path) as stream:
            yield from translation.documents(stream)
    except OSError as error:
        translation.opened = False
        translation.fail(
            "FILE_UNREADABLE", f"It cannot be read: {error.strerror or error}. Check its name and rights."
        )
    except HubError as error:
        severity = Severity.INFO if isinstance(error, NoMappingFits) else Severity.ERROR
        translation.findings.add(error.as_finding(severity))
        translation.no_mapping = isinstance(error, NoMappingFits)
    except Exception as error:
        # whatever a stranger's file brings to light must not end the other files' translation
        log.debug("translation of %s broke off", path, exc_info=True)
        translation.fail(
            "TRANSLATE_FAILED",
            f"The translation broke off ({type(error).__name__}: {error}). Report it with the file.",
        )
    yield translation.result()


def open_source(path: Path) -> BinaryIO:
    """Open a regular file without waiting on anything else (a pipe without a writer would hang). A folder stands for the
    bundle of its files."""
    if path.is_dir():
        return BytesIO(pack_folder(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no regular file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


class _Translation:
    def __init__(
        self,
        path: Path,
        mappings: MappingRegistry,
        named: CompiledMapping | None,
        given: Given,
        severities: SeveritiesOf,
    ) -> None:
        # a name that is no valid text must still be printable
        self.name = os.fsencode(path).decode("utf-8", "backslashreplace")
        self.mappings = mappings
        self.named = named
        self.given = given
        self.severities = severities
        #: What was agreed about each envelope, by its reference.
        self.agreed: dict[str | None, Mapping[str, Severity]] = {}
        self.envelope: EnvelopeInfo | None = None
        self.findings = Findings()
        self.detected: DetectedFormat | None = None
        self.message: str | None = None
        self.release: str | None = None
        self.made = self.failed = self.unmapped = 0
        self.well_formed = True
        self.opened = True
        self.no_mapping = False
        self.fitting: dict[tuple[str, str | None], CompiledMapping | None] = {}

    def fail(self, code: str, message: str) -> None:
        self.findings.add(
            Finding(code=code, severity=Severity.ERROR, message=message, place=Place(file=self.name))
        )

    def documents(self, stream: BinaryIO) -> Iterator[DocumentResult]:
        head = stream.read(HEAD)
        stream.seek(0)
        if not head:
            self.fail("SOURCE_EMPTY", "The file is empty. Ask the sender to send it again.")
            return
        self.detected = detect(head, self.name)
        if self.detected is not None:
            self.message, self.release = self.detected.message, self.detected.release
        named = self.named
        if named is None:
            named = declared_mapping(self.mappings, stream, self.detected)
        session = open_session(self.mappings, stream, name=self.name, mapping=named, detected=self.detected)
        for tree in session:
            result = self._message(tree, named)
            if result is not None:
                yield result
        summary = session.summary
        self.findings.count += summary.findings.count - len(summary.findings.kept)
        about = [self._graded(finding) for finding in summary.findings.kept]
        self.findings.extend(about)
        forgiven = about != summary.findings.kept and self.findings.ok
        self.well_formed = summary.well_formed and (forgiven or not summary.refused)
        self.detected = DetectedFormat(summary.format) if self.detected is None else self.detected
        self.message = summary.message_type or self.message
        self.release = summary.release or self.release

    def _agreed(self, envelope: EnvelopeInfo) -> Mapping[str, Severity]:
        if envelope is not self.envelope:
            self.envelope = envelope
            self.agreed[envelope.control_reference] = self.severities(envelope)
        return self.agreed[envelope.control_reference]

    def _graded(self, finding: Finding) -> Finding:
        """A finding of the file as a whole: by the agreement of its envelope, or of the only one there is."""
        agreed = self.agreed.get(finding.place.interchange)
        if agreed is None:
            agreed = next(iter(self.agreed.values())) if len(self.agreed) == 1 else {}
        return graded([finding], agreed)[0]

    def _message(self, tree: MessageTree, named: CompiledMapping | None) -> DocumentResult | None:
        agreed = self._agreed(tree.interchange)
        found = graded(tree.findings, agreed) if agreed else tree.findings
        self.findings.extend(found)
        mapping = self._fitting(named, tree)
        if mapping is None:
            self.unmapped += 1
            return None
        if any(finding.severity is Severity.ERROR for finding in found):
            self.failed += 1
            return None
        translated = mapping.run(tree, self.given)
        mapped = graded(translated.findings, agreed) if agreed else translated.findings
        self.findings.extend(mapped)
        if translated.document is None or any(f.severity is Severity.ERROR for f in mapped):
            self.failed += 1
            return None
        self.made += 1
        return DocumentResult(
            file=self.name,
            number=translated.document.number,
            document=translated.document,
            findings=[*found, *mapped],
        )

    def _fitting(self, named: CompiledMapping | None, tree: MessageTree) -> CompiledMapping | None:
        """Looked for once per kind of message: the registry looks at the folder each time it is asked."""
        kind = (tree.message_type, tree.release)
        if kind not in self.fitting:
            self.fitting[kind] = fitting_mapping(self.mappings, named, tree)
        return self.fitting[kind]

    def result(self) -> FileResult:
        return FileResult(
            file=self.name,
            format=self.detected.format if self.detected else None,
            message=self.message,
            release=self.release,
            outcome=self._outcome(),
            documents=self.made,
            findings=self.findings.kept,
            finding_count=self.findings.count,
            opened=self.opened,
        )

    def _outcome(self) -> FileOutcome:
        if self.made:
            clean = self.findings.ok and not self.failed and not self.unmapped
            return FileOutcome.TRANSLATED if clean else FileOutcome.PARTIAL
        if self.findings.ok and self.well_formed and (self.unmapped or self.no_mapping):
            return FileOutcome.READ
        return FileOutcome.REFUSED
