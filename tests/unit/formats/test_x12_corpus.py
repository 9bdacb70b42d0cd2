"""Real X12 files, where the folder with them is at hand: each has an outcome, and what is broken in it is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orderhub.findings import Severity
from orderhub.formats.detect import HEAD, detect
from orderhub.formats.x12.reader import X12Reader
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import FileOutcome, FileResult, translate_file
from orderhub.project import mappings_folder

CorpusFiles = Callable[[str], list[dict[str, str]]]

#: What the index says of an envelope, and what the reader calls it. The index took another terminator in files whose ISA
#: is damaged, so that it missed their trailers.
EXPECTED = {
    "SE-count": {"X12_SE_COUNT"},
    "SE-ref": {"X12_SE_REFERENCE"},
    "GE-count": {"X12_GE_COUNT"},
    "GE-ref": {"X12_GE_REFERENCE"},
    "IEA-count": {"X12_IEA_COUNT"},
    "IEA-ref": {"X12_IEA_REFERENCE"},
    "ISA-length": {"X12_ISA_LENGTH"},
    "GS!=GE": {"X12_GE_MISSING", "X12_ISA_LENGTH"},
    "ISA!=IEA": {"X12_IEA_MISSING", "X12_ISA_LENGTH"},
}


def test_every_file_is_read_and_its_envelope_errors_are_found(
    corpus: Path, corpus_files: CorpusFiles
) -> None:
    rows = corpus_files("x12")
    assert rows
    for row in rows:
        path = corpus / row["file"]
        session = X12Reader().read(path, name=path.name)
        trees = list(session)
        found = [f for tree in trees for f in tree.findings] + session.summary.findings.kept
        codes = {f.code for f in found}
        for error in filter(None, row["envelope_errors"].split(";")):
            assert codes & EXPECTED[error], (row["file"], error, codes)
        if row["status"] == "envelope-ok":
            assert session.summary.findings.errors == 0, (row["file"], codes)
        assert all(finding.place.offset is not None for finding in found)
        head = detect(path.read_bytes()[:HEAD], path.name)
        assert head is not None
        assert head.format == "x12"
        assert (head.message, head.release) == (trees[0].message_type, trees[0].release), row["file"]


def test_translate_has_an_outcome_for_every_file(corpus: Path, corpus_files: CorpusFiles) -> None:
    registry = MappingRegistry(mappings_folder())
    for row in corpus_files("x12"):
        *_, result = translate_file(corpus / row["file"], registry)
        assert isinstance(result, FileResult)
        assert result.format == "x12"
        clean = row["status"] == "envelope-ok" and not any(
            f.severity is Severity.ERROR for f in result.findings
        )
        if clean:
            assert result.outcome in (FileOutcome.READ, FileOutcome.TRANSLATED), row["file"]
        if row["status"] == "broken":
            assert any(f.severity is Severity.ERROR for f in result.findings), row["file"]
            assert result.outcome in (FileOutcome.REFUSED, FileOutcome.PARTIAL), row["file"]
