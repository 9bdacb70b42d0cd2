"""Golden pairs of mappings that write: what a mapping makes of real documents, kept beside it.

``mappings/examples/<mapping>/<case>.source.json`` is a canonical document. Beside it stands the expected payload
``<case>.json`` or ``<case>.xml`` (white space between tags and tokens does not count, the order and the digits of numbers
do), or ``<case>.findings.json``, the expected errors, each with the keys that matter (``code``, ``field``, ``value`` …).
What is handed in beside the document (``given(key)``) stands in ``<case>.given.yaml``, or for all cases in ``given.yaml``.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import msgspec

from orderhub.config_file import read_config
from orderhub.documents import Document
from orderhub.documents.serialise import from_canonical
from orderhub.errors import ConfigError, MappingError, PayloadRefused, SourceError
from orderhub.findings import Finding, Place
from orderhub.mapping.examples import ExampleResult, read_expectation, unmatched
from orderhub.mapping.writing.run import CompiledWriting

_SOURCE = ".source.json"
_FINDINGS = ".findings.json"
_GIVEN = "given.yaml"


def run_writing_examples(mapping: CompiledWriting, folder: Path) -> list[ExampleResult]:
    """All cases in a folder, in the order of their names."""
    return [_run(mapping, folder, path) for path in sorted(folder.glob(f"*{_SOURCE}"))]


def read_document(data: bytes, type_name: str, *, file: str) -> Document:
    """A canonical document from its JSON.

    :raises SourceError: it is no JSON, or not a document of this type.
    """
    try:
        return from_canonical(type_name, data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{file} is no {type_name}: {error}.",
            todo="Take a canonical document, such as the `document` of a row that `orderhub translate` prints.",
            place=Place(file=file),
        ) from None


def read_given(folder: Path, case: str) -> dict[str, str]:
    """What is handed in beside the document in this case; :class:`ConfigError` when its file is wrong."""
    for name in (f"{case}.{_GIVEN}", _GIVEN):
        if (folder / name).is_file():
            section = read_config(folder / name)
            names = section.keys()
            return {name: section.text(name) for name in names}
    return {}


def pretty(data: bytes, format: str) -> str:
    """A payload for people: a line for each value (of CSV as it is), nothing else changed."""
    if format == "json":
        return msgspec.json.format(data, indent=2).decode()
    if format == "csv":
        return data.decode("utf-8-sig", "backslashreplace").replace("\r\n", "\n")
    from lxml import etree

    parser = etree.XMLParser(remove_blank_text=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(data, parser)
    etree.indent(root, "  ")
    return etree.tostring(root, encoding="unicode")


def _run(mapping: CompiledWriting, folder: Path, source: Path) -> ExampleResult:
    case = source.name.removesuffix(_SOURCE)
    payload_file = folder / f"{case}.{mapping.target.format}"
    findings_file = folder / f"{case}{_FINDINGS}"
    if not payload_file.is_file() and not findings_file.is_file():
        return ExampleResult(case, False, f"There is neither {payload_file.name} nor {findings_file.name}.")
    findings: list[Finding] = []
    made = ""
    try:
        wanted_findings = read_expectation(findings_file)
        document = read_document(source.read_bytes(), mapping.document, file=source.name)
        written = mapping.write(document, read_given(folder, case))
        made = pretty(written.data, mapping.target.format)
    except PayloadRefused as refused:
        findings = refused.findings
    except (ValueError, ConfigError, MappingError, SourceError) as error:
        return ExampleResult(case, False, str(error))
    differences: list[str] = []
    if payload_file.is_file() and not findings:
        differences.extend(_unequal(payload_file, made, mapping.target.format))
    elif payload_file.is_file() or wanted_findings is None:
        differences.extend(f"unexpected: {one.code} at {one.field}: {one.message}" for one in findings)
    if wanted_findings is not None:
        differences.extend(unmatched(wanted_findings, findings, findings_file.name))
    return ExampleResult(case, not differences, "\n".join(differences))


def _unequal(file: Path, made: str, format: str) -> list[str]:
    data = file.read_bytes()
    try:
        wanted = pretty(data, format)
    except (ValueError, SyntaxError) as error:
        return [f"The expectation {file.name} is no {format.upper()}: {error}"]
    if wanted == made:
        return []
    lines = difflib.unified_diff(
        wanted.splitlines(), made.splitlines(), file.name, "made now", lineterm="", n=2
    )
    return ["\n".join(lines)]
