"""docs/reference/mapping-language.md is true: its mappings are accepted, its wrong one is refused as printed, and its
table of functions is the registry's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orderhub.mapping import FolderLookups
from orderhub.mapping.compile import try_compile
from orderhub.mapping.dialects import Dialects
from orderhub.mapping.functions import function_named, function_names, signature
from orderhub.mapping.parse import parse_mapping
from orderhub.mapping.problems import Problems
from orderhub.mapping.writing import try_compile_writing

PROJECT = Path(__file__).resolve().parents[3]
PAGE = (PROJECT / "docs" / "reference" / "mapping-language.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def findings(text: str) -> list[str]:
    name = text.split("\n", 1)[0].split()[1]
    problems = Problems(f"{name}.yaml")
    file = parse_mapping(text, name=name, problems=problems)
    lookups = FolderLookups(PROJECT / "mappings" / "lookups")
    if file is not None and file.writes:
        try_compile_writing(file, problems, lookups=lookups)
    elif file is not None:
        try_compile(file, problems, dialects=Dialects(), lookups=lookups)
    return [f"{f.place.line}:{f.place.column} {f.code} {f.message}" for f in problems.sorted()]


@pytest.mark.parametrize("text", blocks("yaml file"), ids=lambda text: text.split()[1])
def test_mappings_of_the_page_are_accepted(text: str) -> None:
    assert findings(text) == []


def test_the_wrong_mapping_is_refused_as_printed() -> None:
    (wrong,) = blocks("yaml refused")
    (printed,) = blocks("text")
    assert findings(wrong) == printed.splitlines()


def test_every_function_stands_in_the_table() -> None:
    rows = dict(
        re.findall(
            r"^\| `([^`]+)` \| (.+?) \|$", PAGE.split("## Functions")[1].split("\n## ")[0], re.MULTILINE
        )
    )
    expected = {}
    for name in function_names():
        function = function_named(name)
        assert function is not None
        if function.help:  # those that tests register have none
            expected[signature(function)] = function.help
    assert rows == expected
