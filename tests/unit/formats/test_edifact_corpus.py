"""Real partner files, where the folder with them is at hand.

They belong to others and are no part of the project; see the fixture ``corpus`` for where they are looked for.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from orderhub.formats.detect import HEAD, detect
from orderhub.formats.edifact.reader import EdifactReader

EXPECTED = {
    "UNT-count": {"EDIFACT_UNT_COUNT"},
    "UNZ-ref": {"EDIFACT_UNZ_REFERENCE"},
    "UNB!=UNZ": {"EDIFACT_UNZ_MISSING", "EDIFACT_GARBAGE"},
    "UNH!=UNT": {"EDIFACT_UNT_MISSING"},
    "bad-tag": {"EDIFACT_GARBAGE"},
    "no-final-terminator": {"EDIFACT_UNT_MISSING", "EDIFACT_UNZ_MISSING"},
}


@pytest.fixture
def corpus(pytestconfig: pytest.Config) -> Path:
    """The folder with the files and their ``index.tsv``: what ORDERHUB_CORPUS names, else ``shared/corpus`` beside the
    project's folder (outside the repository). Skips when there is none."""
    named = os.environ.get("ORDERHUB_CORPUS")
    folder = Path(named) if named else pytestconfig.rootpath.parent / "shared" / "corpus"
    if not (folder / "index.tsv").is_file():
        pytest.skip(
            f"no index.tsv in {folder} ({'ORDERHUB_CORPUS' if named else 'ORDERHUB_CORPUS is not set'}); "
            "partner files are not part of the repository"
        )
    return folder


def edifact_files(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "index.tsv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream, delimiter="\t") if row["kind"] == "edifact"]


def test_every_file_is_read_and_its_envelope_errors_are_found(corpus: Path) -> None:
    rows = edifact_files(corpus)
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
