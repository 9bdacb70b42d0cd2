"""The how-to pages for developers name files that are there, and their code is Python."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = {name: PROJECT / "docs" / "how-to" / f"{name}.md" for name in ("add-a-page", "add-a-warehouse-table")}
#: What the pages themselves make.
MADE = {"exchange_rate", "partners"}
_PATH = re.compile(r"`((?:orderhub|connectors|mappings|schemas|tests|docs)/[\w./-]+)`")
_IMPORT = re.compile(r"orderhub(?:\.\w+)+")


@pytest.mark.parametrize("name", PAGES)
def test_files_that_a_page_names_are_there(name: str) -> None:
    text = PAGES[name].read_text(encoding="utf-8")
    paths = [path for path in _PATH.findall(text) if not any(made in path for made in MADE)]
    assert len(paths) > 5
    assert [path for path in paths if not (PROJECT / path).exists()] == []
    links = re.findall(r"\]\(([^)#:]+)", text)
    assert [link for link in links if not (PAGES[name].parent / link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_code_of_a_page_imports_what_is_there(name: str) -> None:
    for code in re.findall(r"^```python\n(.*?)^```$", PAGES[name].read_text(encoding="utf-8"), re.M | re.S):
        whole = code if not code.startswith("    ") else f"def within() -> None:\n{code}"
        if ": _fields(" in whole:
            continue  # a line of a dictionary
        for node in ast.walk(ast.parse(whole)):
            if not isinstance(node, ast.ImportFrom) or not _IMPORT.match(node.module or ""):
                continue
            if any(made in str(node.module) for made in MADE):
                continue
            for one in node.names:
                # a name of the module, or a module below it
                module = importlib.import_module(str(node.module))
                found = hasattr(module, one.name) or importlib.util.find_spec(f"{node.module}.{one.name}")
                assert found, f"{node.module} has no {one.name}"
