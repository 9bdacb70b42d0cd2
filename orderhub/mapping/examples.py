"""Golden pairs: what a mapping makes of real input, kept beside it.

``mappings/examples/<mapping>/<case>.<ext>`` is the input (one that is itself JSON: ``<case>.source.json``; of several
files: a folder ``<case>``, or a ZIP). ``<case>.json`` is the expected canonical form: one document, or a list with one
entry per message (``null`` where none can be made). ``<case>.findings.json`` lists the expected errors and warnings in
order; each entry names what matters (``code``, ``field``, ``segment``, ``line`` …) and leaves out the rest. At least
one of the two is there; without findings none of severity error may occur. What the agreement gives
(``agreement(currency)``) stands in ``<case>.agreement.yaml``, or for all cases in ``agreement.yaml``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from orderhub.documents import canonical_bytes
from orderhub.errors import ConfigError, SourceError
from orderhub.findings import Finding, Severity
from orderhub.formats.bundle import pack_folder
from orderhub.mapping.given import NOTHING_GIVEN, Given, read_given
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import open_session

_FINDINGS = ".findings.json"
_AGREEMENT = "agreement.yaml"
_SOURCE = ".source.json"


class ExampleResult(msgspec.Struct, frozen=True):
    """One case. ``difference`` says what differs, ready to be shown; empty when nothing does."""

    case: str
    ok: bool
    difference: str = ""


def run_examples(mapping: CompiledMapping, registry: MappingRegistry, folder: Path) -> list[ExampleResult]:
    """All cases in a folder, in the order of their names."""
    return [_run(mapping, registry, folder, source) for source in inputs(folder)]


def inputs(folder: Path) -> Iterator[Path]:
    """The inputs of all cases in a folder, in the order of their names."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            expected = path.suffix == ".json" and not path.name.endswith(_SOURCE)
            agreement = path.name == _AGREEMENT or path.name.endswith(f".{_AGREEMENT}")
            if path.is_dir() or (path.is_file() and not expected and not agreement):
                yield path


def given_of(folder: Path, case: str) -> Given:
    """What the agreement gives in this case; :class:`ConfigError` when its file is wrong."""
    for name in (f"{case}.{_AGREEMENT}", _AGREEMENT):
        if (folder / name).is_file():
            return read_given(folder / name)
    return NOTHING_GIVEN


def _run(mapping: CompiledMapping, registry: MappingRegistry, folder: Path, source: Path) -> ExampleResult:
    case = source.name.removesuffix(_SOURCE) if source.name.endswith(_SOURCE) else source.stem
    documents_file = folder / f"{case}.json"
    findings_file = folder / f"{case}{_FINDINGS}"
    if not documents_file.is_file() and not findings_file.is_file():
        return ExampleResult(case, False, f"There is neither {documents_file.name} nor {findings_file.name}.")
    try:
        wanted_documents = read_expectation(documents_file)
        wanted_findings = read_expectation(findings_file)
    except ValueError as error:
        return ExampleResult(case, False, f"The expectation is no JSON: {error}")
    try:
        given = given_of(folder, case)
    except ConfigError as error:
        return ExampleResult(case, False, str(error))
    documents, findings = translate_example(mapping, registry, source, given)
    differences: list[str] = []
    if wanted_documents is not None:
        wanted = wanted_documents if isinstance(wanted_documents, list) else [wanted_documents]
        differences.extend(_unequal(wanted, documents, documents_file.name))
    if wanted_findings is not None:
        differences.extend(unmatched(wanted_findings, findings, findings_file.name))
    else:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        differences.extend(
            f"unexpected: {finding.code} at {finding.place}: {finding.message}" for finding in errors
        )
    return ExampleResult(case, not differences, "\n".join(differences))


def translate_example(
    mapping: CompiledMapping, registry: MappingRegistry, source: Path, given: Given = NOTHING_GIVEN
) -> tuple[list[Any], list[Finding]]:
    """The canonical documents of a file as plain JSON values (``None`` where there is none), and the errors and
    warnings: those of each message, then those of the file."""
    documents: list[Any] = []
    findings: list[Finding] = []
    try:
        given_source = pack_folder(source) if source.is_dir() else source
        session = open_session(registry, given_source, name=source.name, mapping=mapping)
    except SourceError as error:
        return documents, [error.as_finding()]
    for tree in session:
        findings.extend(tree.findings)
        translated = mapping.run(tree, given)
        if tree.usable:
            findings.extend(translated.findings)
        made = translated.document if tree.usable else None
        documents.append(None if made is None else json.loads(canonical_bytes(made)))
    findings.extend(session.summary.findings.kept)
    return documents, [finding for finding in findings if finding.severity is not Severity.INFO]


def read_expectation(path: Path) -> Any:
    """What a file of JSON expects; ``None`` when there is none, ``ValueError`` when it is no JSON."""
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _pretty(value: Any) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False).splitlines()


def _unequal(wanted: list[Any], made: list[Any], name: str) -> list[str]:
    if wanted == made:
        return []
    lines = difflib.unified_diff(_pretty(wanted), _pretty(made), name, "made now", lineterm="", n=2)
    return ["\n".join(lines)]


def unmatched(wanted: Any, findings: list[Finding], name: str) -> list[str]:
    """How findings differ from the expected ones (empty when they do not)."""
    if not isinstance(wanted, list) or not all(isinstance(item, dict) for item in wanted):
        return [f"{name} is no list of objects."]
    made = [{"file": finding.place.file, **finding.as_row()} for finding in findings]
    keys = sorted({key for item in wanted for key in item} | {"code"})
    shown = [
        {key: row.get(key) for key in (list(item) if item else keys)} for row, item in _pairs(made, wanted)
    ]
    return _unequal(wanted, shown, name)


def _pairs(
    made: list[dict[str, Any]], wanted: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each finding with the expectation at its position; beyond those, by code, field and place."""
    extra = {"code": None, "field": None, "segment": None, "line": None, "value": None}
    for index, row in enumerate(made):
        yield row, wanted[index] if index < len(wanted) else extra
