"""What ``orderhub mapping check | test`` do, as functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orderhub.findings import Finding
from orderhub.formats.dialect import Dialect
from orderhub.mapping.compile import try_compile
from orderhub.mapping.dialects import Dialects
from orderhub.mapping.examples import ExampleResult, run_examples
from orderhub.mapping.lookups import FolderLookups, Lookups
from orderhub.mapping.parse import parse_mapping_file
from orderhub.mapping.problems import Problems
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.writing.compile import try_compile_writing
from orderhub.mapping.writing.examples import run_writing_examples


def check_mapping(
    path: Path, *, dialects: Mapping[str, Dialect] | None = None, lookups: Lookups | None = None
) -> list[Finding]:
    """Everything that is wrong with a mapping file, in the order of the file; empty when it is good.

    Lookup tables are those of the folder ``lookups`` beside the file, unless others are handed in.
    """
    problems = Problems(str(path))
    mapping = parse_mapping_file(path, problems, label=str(path))
    tables = lookups if lookups is not None else FolderLookups(path.parent / "lookups")
    if mapping is not None and mapping.writes:
        try_compile_writing(mapping, problems, lookups=tables)
    elif mapping is not None:
        try_compile(
            mapping, problems, dialects=dialects if dialects is not None else Dialects(), lookups=tables
        )
    return problems.sorted()


def test_mapping(path: Path) -> list[ExampleResult]:
    """Run the golden pairs of a mapping file (``examples/<name>/`` beside it).

    :raises MappingRefused: the mapping itself is wrong.
    """
    registry = MappingRegistry(path.parent)
    folder = path.parent / "examples" / path.stem
    if registry.file(path.stem).writes:
        return run_writing_examples(registry.writing(path.stem), folder)
    return run_examples(registry.get(path.stem), registry, folder)


#: pytest takes every function in its namespace whose name begins so for a test
test_mapping.__test__ = False  # type: ignore[attr-defined]  # functions have no such attribute for mypy
