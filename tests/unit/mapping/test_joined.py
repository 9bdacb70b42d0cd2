"""Mappings over several joined files: checked at the line, tried on folders and ZIPs, found by the members' names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orderhub.cli.translate import main as translate
from orderhub.documents import PurchaseOrder
from orderhub.formats.bundle import pack, pack_folder
from orderhub.mapping import check_mapping
from orderhub.mapping import test_mapping as run_pairs
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import DocumentResult, translate_file

MAPPING = """mapping: joined
version: 1
source:
  format: csv
  delimiter: ";"
  files:
    head:
      file: head.csv
      key: no
      columns: [no, vendor]
    line:
      file: line.csv
      many: true
      join: no
      columns: [no, pos, item, qty]
    vendor:
      file: vendor.csv
      key: id
      join: {head: vendor}
      columns: [id, name]
target: {document: purchase_order}
fields:
  number:    no
  issued_on: {const: 2026-01-30}
  currency:  {const: EUR}
  buyer:     {name: vendor.name}
  supplier:  {name: vendor.name}
  lines:
    each:    line
    number:  pos | integer
    item:    {buyer_code: item}
    quantity: qty | decimal
    unit:    {const: C62}
    note:    /vendor.name
checks:
  - count(lines) == count(line.pos)
"""
FILES = {
    "head.csv": "no;vendor\n1;7\n",
    "line.csv": "no;pos;item;qty\n1;1;A;10\n1;2;B;2.5\n",
    "vendor.csv": "id;name\n7;Nord\n",
}


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    (tmp_path / "joined.yaml").write_text(MAPPING, encoding="utf-8")
    return tmp_path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "examples" / "joined" / "one"
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("join: {head: vendor}", "join: {head: vender}", 19, "vendor"),
        ("key: id", "key: ident", 18, "no column 'ident'"),
        ("      many: true", "      many: perhaps", 13, "true or false"),
        ('delimiter: ";"', 'delimiter: ";"\n  rows: any', 6, "rows"),
        ("supplier:  {name: vendor.name}", "supplier:  {name: vendor.nam}", 27, "vendor.name"),
        ("each:    line", "each:    lines", 29, "line"),
        ("/vendor.name", "vendor.name", 34, "/vendor.name"),
    ],
)
def test_a_mistake_is_found_at_its_line(mappings: Path, old: str, new: str, line: int, says: str) -> None:
    path = mappings / "joined.yaml"
    assert check_mapping(path) == []
    assert old in MAPPING
    path.write_text(MAPPING.replace(old, new, 1), encoding="utf-8")
    finding = check_mapping(path)[0]
    assert (finding.place.line, says in finding.message) == (line, True), finding


def test_a_folder_or_a_zip_is_an_example(mappings: Path, tables: Path) -> None:
    expected = tables.with_name("one.json")
    expected.write_text("{}", encoding="utf-8")
    [result] = run_pairs(mappings / "joined.yaml")
    assert not result.ok
    rows = list(translate_file(tables, MappingRegistry(mappings), mapping="joined"))
    assert isinstance(rows[0], DocumentResult)
    assert isinstance(rows[0].document, PurchaseOrder)
    assert rows[0].document.lines[1].note == "Nord"
    (tables.with_name("two.zip")).write_bytes(pack_folder(tables))
    text = (
        '{"number":"1","issued_on":"2026-01-30","currency":"EUR","buyer":{"name":"Nord"},"supplier":{"name":"Nord"},'
        '"lines":[{"number":1,"item":{"buyer_code":"A"},"quantity":"10","unit":"C62","note":"Nord"},'
        '{"number":2,"item":{"buyer_code":"B"},"quantity":"2.5","unit":"C62","note":"Nord"}]}'
    )
    for name in ("one.json", "two.json"):
        tables.with_name(name).write_text(text, encoding="utf-8")
    assert [(each.case, each.difference) for each in run_pairs(mappings / "joined.yaml")] == [
        ("one", ""),
        ("two", ""),
    ]


def test_a_zip_finds_its_mapping_by_its_members(
    mappings: Path, tables: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "sent.zip").write_bytes(pack_folder(tables))
    (tmp_path / "other.zip").write_bytes(pack([("letter.txt", b"hello")]))
    (tmp_path / "cut.zip").write_bytes(pack_folder(tables)[:-40])
    names = [str(tmp_path / name) for name in ("sent.zip", "other.zip", "cut.zip")]
    assert translate(["--mappings", str(mappings), *names]) == 0
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [row.get("outcome") for row in rows] == [None, "translated", "read", "refused"]
    assert rows[3]["findings"][0]["code"] == "BUNDLE_DAMAGED"
    assert translate(["--mappings", str(mappings), "--mapping", "joined", str(tables)]) == 0
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [row["type"] for row in rows] == ["document", "file"]
