"""Every mapping of the repository is right, and makes of its examples what stands beside them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orderhub.mapping import check_mapping
from orderhub.mapping import test_mapping as run_pairs
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import FileResult, translate_file
from orderhub.project import mappings_folder, project_folder

MAPPINGS = sorted((Path(__file__).resolve().parents[2] / "mappings").glob("*.yaml"))


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_mapping_is_accepted(path: Path) -> None:
    assert check_mapping(path) == []


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: path.stem)
def test_examples_translate_as_expected(path: Path) -> None:
    results = run_pairs(path)
    assert [f"{result.case}: {result.difference}" for result in results if not result.ok] == []
    folder = path.parent / "examples" / path.stem
    failing = [result for result in results if (folder / f"{result.case}.findings.json").is_file()]
    assert len(failing) >= 5, "examples of what is refused are missing"
    assert len(results) - len(failing) >= 2


def test_a_pair_that_differs_is_shown(tmp_path: Path) -> None:
    source = next(path for path in MAPPINGS if path.stem == "csv_orders__purchase_order")
    case = tmp_path / "examples" / source.stem
    case.mkdir(parents=True)
    (tmp_path / source.name).write_bytes(source.read_bytes())
    lookups = tmp_path / "lookups"
    lookups.mkdir()
    for table in (source.parent / "lookups").glob("*.csv"):
        (lookups / table.name).write_bytes(table.read_bytes())
    original = source.parent / "examples" / source.stem
    example = next(path for path in sorted(original.iterdir()) if path.suffix != ".json")
    (case / example.name).write_bytes(example.read_bytes())
    assert "neither" in run_pairs(tmp_path / source.name)[0].difference
    (case / f"{example.stem}.json").write_text('{"number": "wrong"}')
    result = run_pairs(tmp_path / source.name)[0]
    assert not result.ok
    assert '-    "number": "wrong"' in result.difference
    (case / f"{example.stem}.json").unlink()
    (case / f"{example.stem}.findings.json").write_text('[{"code": "VALUE_DATE"}, {"code": "VALUE_DATE"}]')
    assert not run_pairs(tmp_path / source.name)[0].ok


@pytest.mark.parametrize("name", ["json_orders__purchase_order", "ubl_order_2__purchase_order"])
def test_what_stands_behind_a_date_is_not_cut_off(name: str, tmp_path: Path) -> None:
    samples = {"json": "json_orders/02_good_bom_single.json", "ubl_": "ubl_orders/01_good_order.xml"}
    sample = project_folder() / "samples/inbox" / samples[name[:4]]
    text = sample.read_text(encoding="utf-8-sig")
    wrong = re.sub(r'("orderedAt": "|<cbc:IssueDate>)(\d{4}-\d\d-\d\d)', r"\g<1>\g<2>5", text, count=1)
    assert wrong != text
    path = tmp_path / sample.name
    path.write_text(wrong, encoding="utf-8")
    result = list(translate_file(path, MappingRegistry(mappings_folder())))[-1]
    assert isinstance(result, FileResult)
    assert [(finding.code, finding.field) for finding in result.findings if finding.severity == "error"] == [
        ("VALUE_DATE", "issued_on")
    ]
