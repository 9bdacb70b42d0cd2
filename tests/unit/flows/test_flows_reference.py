"""docs/reference/flows.md is true: its files are accepted, and its tables name every entry that a file may have."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orderhub.errors import ConfigError
from orderhub.findings import Severity
from orderhub.flows.definition import parse_flow
from orderhub.partners.agreement import parse_agreement

PROJECT = Path(__file__).resolve().parents[3]
PAGE = (PROJECT / "docs" / "reference" / "flows.md").read_text(encoding="utf-8")
READERS: dict[str, Callable[[Path], object]] = {"flow": parse_flow, "agreement": parse_agreement}
#: Parts whose entries stand in a table of their own.
PARTS = {
    "flow": ("trigger", "pull", "translate", "validate", "load", "acknowledge"),
    "agreement": ("identifiers", "limits", "answers"),
}


def example(kind: str) -> str:
    (text,) = re.findall(rf"^```yaml {kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def read(kind: str, text: str, folder: Path) -> object:
    path = folder / f"{text.split(maxsplit=2)[1]}.yaml"
    path.write_text(text, encoding="utf-8")
    return READERS[kind](path)


def known(kind: str, text: str, folder: Path) -> set[str]:
    """The entries that the refusal of one that nobody knows lists."""
    with pytest.raises(ConfigError) as refused:
        read(kind, text, folder)
    listed = re.fullmatch(r"Known here: (.+)\.", refused.value.todo)
    assert listed, refused.value
    return set(listed.group(1).split(", ")) - {"qqqq"}


def described(kind: str, heading: str) -> set[str]:
    section = PAGE.split(f"\n## A{'n' if kind == 'agreement' else ''} {kind}\n")[1].split("\n## ")[0]
    table = section.split(f"| {heading} |")[1].split("\n\n")[0]
    first = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    return {name for cell in first for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("kind", READERS)
def test_the_files_of_the_page_are_accepted(kind: str, tmp_path: Path) -> None:
    assert read(kind, example(kind), tmp_path)


@pytest.mark.parametrize("kind", READERS)
def test_every_entry_stands_in_the_table(kind: str, tmp_path: Path) -> None:
    assert described(kind, "Entry") == known(kind, example(kind) + "qqqq: 1\n", tmp_path)


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind, parts in PARTS.items() for part in parts])
def test_every_entry_of_a_part_stands_in_its_table(kind: str, part: str, tmp_path: Path) -> None:
    text = re.sub(rf"^({part}: *(?:\n  - )?\{{)", r"\1qqqq: 1, ", example(kind), flags=re.MULTILINE)
    assert "qqqq" in text
    heading = f"In each of `{part}`" if part in ("load", "identifiers") else f"In `{part}`"
    assert described(kind, heading) == known(kind, text, tmp_path)


def test_the_severities_that_it_names_are_all() -> None:
    (row,) = re.findall(r"^\| `severities` .*$", PAGE, re.MULTILINE)
    assert [severity.value for severity in Severity] == re.findall(r"\(([^)]+)\)", row)[0].replace(
        "`", ""
    ).split(", ")
