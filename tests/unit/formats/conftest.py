"""Real partner files, where the folder with them is at hand. They belong to others and are no part of the project."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest


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


@pytest.fixture
def corpus_files(corpus: Path) -> Callable[[str], list[dict[str, str]]]:
    """The rows of the index about one kind of file."""

    def rows(kind: str) -> list[dict[str, str]]:
        with (corpus / "index.tsv").open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream, delimiter="\t") if row["kind"] == kind]

    return rows
