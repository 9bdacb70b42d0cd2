"""Generated orders are what the mappings of the project take, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orderhub.errors import ConfigError
from orderhub.formats.generate import generate, generate_files
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import DocumentResult, FileResult, translate_file
from orderhub.project import mappings_folder


@pytest.mark.parametrize(
    ("format", "release", "message"),
    [
        ("edifact", None, "ORDERS"),
        ("edifact", "D.96A", "ORDERS"),
        ("edifact", "D.01B", "ORDERS"),
        ("json", None, "record"),
        ("ubl", None, "Order"),
    ],
)
def test_generated_orders_translate_without_a_finding(
    format: str, release: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "orders"
    path.write_bytes(b"".join(generate(format, orders=25, lines=7, seed=3, release=release)))
    *documents, result = translate_file(path, MappingRegistry(mappings_folder()))
    assert isinstance(result, FileResult)
    assert (result.outcome, result.findings, result.message) == ("translated", [], message)
    usual = {"edifact": "D.96A", "ubl": "urn:oasis:names:specification:ubl:schema:xsd:Order-2"}
    assert result.release == (release or usual.get(format))
    numbers = [row.number for row in documents if isinstance(row, DocumentResult)]
    assert len(set(numbers)) == 25
    again = b"".join(generate(format, orders=25, lines=7, seed=3, release=release))
    assert again == path.read_bytes()
    names = [name for name, _ in generate_files(format, orders=25, lines=7, seed=3, release=release)]
    assert [name.partition(".")[0] for name in names] == numbers


@pytest.mark.parametrize(("format", "release"), [("pdf", None), ("json", "D.96A"), ("edifact", "D.1999Z")])
def test_what_cannot_be_generated_is_said(format: str, release: str | None) -> None:
    with pytest.raises(ConfigError):
        generate(format, orders=1, lines=1, seed=1, release=release)
