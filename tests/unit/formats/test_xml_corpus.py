"""Real XML files of others (cXML, IDocs as XML), where the folder with them is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orderhub.findings import Severity
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import DocumentResult, FileOutcome, FileResult, translate_file

PROJECT = Path(__file__).resolve().parents[3]


def test_every_file_has_an_outcome_and_broken_ones_name_their_fault(
    corpus: Path, corpus_files: Callable[[str], list[dict[str, str]]]
) -> None:
    registry = MappingRegistry(PROJECT / "mappings")
    found = corpus_files("cxml") + corpus_files("idoc")
    assert len(found) >= 34
    for row in found:
        *documents, result = translate_file(corpus / row["file"], registry)
        assert isinstance(result, FileResult)
        assert all(isinstance(document, DocumentResult) for document in documents)
        assert result.format == "xml", row["file"]
        codes = {finding.code for finding in result.findings}
        assert "TRANSLATE_FAILED" not in codes, (row["file"], result.findings)
        errors = [finding for finding in result.findings if finding.severity is Severity.ERROR]
        if row["status"] != "envelope-ok":
            assert result.outcome is FileOutcome.REFUSED, row["file"]
            assert errors[0].place.line is not None
            continue
        assert not any(code.startswith("XML_") and code != "XML_DTD_NOT_LOADED" for code in codes), row[
            "file"
        ]
        assert ("XML_DTD_NOT_LOADED" in codes) == ("doctype" in row["features"].split(";")), row["file"]
        if result.outcome is FileOutcome.READ:
            assert not errors
            assert result.message == row["features"].partition("root=")[2].partition(";")[0]
        else:
            assert row["message"] in ("OrderRequest", "ORDERS05"), (row["file"], errors)
