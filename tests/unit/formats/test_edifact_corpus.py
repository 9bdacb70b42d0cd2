"""Real partner files, where the folder with them is at hand."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from orderhub.formats.detect import HEAD, detect
from orderhub.formats.edifact.reader import EdifactReader

CORPUS = Path(os.environ.get("ORDERHUB_CORPUS", Path(__file__).resolve().parents[4] / "shared" / "corpus"))
EXPECTED = {
    "UNT-count": {"EDIFACT_UNT_COUNT"},
    "UNZ-ref": {"EDIFACT_UNZ_REFERENCE"},
    "UNB!=UNZ": {"EDIFACT_UNZ_MISSING", "EDIFACT_GARBAGE"},
    "UNH!=UNT": {"EDIFACT_UNT_MISSING"},
    "bad-tag": {"EDIFACT_GARBAGE"},
    "no-final-terminator": {"EDIFACT_UNT_MISSING", "EDIFACT_UNZ_MISSING"},
}


def rows() -> list[dict[str, str]]:
    index = CORPUS / "index.tsv"
    if not index.is_file():
        return []
    with index.open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream, delimiter="\t") if row["kind"] == "edifact"]


@pytest.mark.skipif(not rows(), reason="the corpus is not at hand (ORDERHUB_CORPUS)")
def test_every_file_is_read_and_its_envelope_errors_are_found() -> None:
    for row in rows():
        path = CORPUS / row["file"]
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
