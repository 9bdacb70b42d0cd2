"""Real partner files, where the folder with them is at hand.

They belong to others and are no part of the project; see the fixture ``corpus`` for where they are looked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orderhub.formats.detect import HEAD, detect
from orderhub.formats.edifact.reader import EdifactReader

CorpusFiles = Callable[[str], list[dict[str, str]]]

EXPECTED = {
    "UNT-count": {"EDIFACT_UNT_COUNT"},
    "UNZ-ref": {"EDIFACT_UNZ_REFERENCE"},
    "UNB!=UNZ": {"EDIFACT_UNZ_MISSING", "EDIFACT_GARBAGE"},
    "UNH!=UNT": {"EDIFACT_UNT_MISSING"},
    "bad-tag": {"EDIFACT_GARBAGE"},
    "no-final-terminator": {"EDIFACT_UNT_MISSING", "EDIFACT_UNZ_MISSING"},
}


def test_every_file_is_read_and_its_envelope_errors_are_found(
    corpus: Path, corpus_files: CorpusFiles
) -> None:
    rows = corpus_files("edifact")
    assert rows
    for row in rows:
        path = corpus / row["file"]
        session = EdifactReader().read(path, name=path.name)
        trees = list(session)
        found = [f for tree in trees for f in tree.findings] + session.summary.findings.kept
        codes = {f.code for f in found}
        for error in filter(None, row["envelope_errors"].split(";")):
            assert codes & EXPECTED[error], (row["file"], error, codes)
        if row["status"] == "envelope-ok":
            assert not session.summary.refused, row["file"]
            assert all(tree.usable for tree in trees), row["file"]
        for finding in found:
            assert finding.place.offset is not None
            if finding.code.startswith(
                ("EDIFACT_UNT_COUNT", "EDIFACT_UNT_REF", "EDIFACT_UNZ_COUNT", "EDIFACT_UNZ_REF")
            ):
                assert finding.place.segment == finding.code[8:11]
        head = detect(path.read_bytes()[:HEAD], path.name)
        assert head is not None
        assert head.format == "edifact"
        if trees:
            assert (head.message, head.release) == (trees[0].message_type, trees[0].release)
