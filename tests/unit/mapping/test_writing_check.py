"""What `orderhub mapping check` says of a mapping that writes: at the line and column, before anything runs."""

from __future__ import annotations

import csv
import io
import json
import random
from collections import Counter
from pathlib import Path

import pytest
from lxml import etree

from orderhub.documents.serialise import from_canonical
from orderhub.errors import PayloadRefused
from orderhub.mapping import FolderLookups, MappingRefused, check_mapping
from orderhub.mapping.parse import parse_mapping
from orderhub.mapping.problems import Problems
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.writing import try_compile_writing
from orderhub.project import mappings_folder

HEAD = "mapping: sample\nversion: 1\nsource: {document: purchase_order}\ntarget: {format: json}\nfields:\n"
XML = 'mapping: sample\nversion: 1\nsource: {document: purchase_order}\ntarget: {format: xml, root: O, namespaces: {x: "urn:x"}}\nfields:\n'


def said(text: str, folder: Path) -> list[str]:
    path = folder / "sample.yaml"
    path.write_text(text, encoding="utf-8")
    return [f"{one.place.line}:{one.place.column} {one.code} {one.message}" for one in check_mapping(path)]


@pytest.mark.parametrize(
    ("fields", "at", "says"),
    [
        ("  a: numbr", "6:6 MAPPING_PATH", "no field 'numbr' in purchase_order. Did you mean number?"),
        ("  a: supplier.gnl", "6:15 MAPPING_PATH", "Did you mean gln?"),
        ("  a: note ? supplier.gnl", "6:22 MAPPING_PATH", "Did you mean gln?"),
        ("  a: number.x", "6:13 MAPPING_PATH", "number is a value"),
        ("  a: supplier", "6:6 MAPPING_PATH", "supplier is a part"),
        ("  a: lines", "6:6 MAPPING_PATH", "lines is a list of parts"),
        ("  a: lines.unit", "6:6 MAPPING_LIST", "gives a list, and a is one value"),
        ("  a: number[0]", "6:6 MAPPING_PATH", "number is no list"),
        ("  a: {at: lines, b: number}", "6:11 MAPPING_LIST", "lines is a list. Write 'each'"),
        ("  a: {each: buyer, b: name}", "6:13 MAPPING_LIST", "buyer is no list"),
        ("  a: {each: note | trim, b: .}", "6:13 MAPPING_LIST", "is no list"),
        ("  a: {at: number, b: .}", "6:11 MAPPING_PATH", "number is one value"),
        ("  a: {each: lines, b: issued_on}", "6:23 MAPPING_PATH", "no field 'issued_on' in Line"),
        ("  a: {each: note | pieces(3), b: number}", "6:34 MAPPING_PATH", "Here are values"),
        ("  a: number | uper", "6:15 MAPPING_FUNCTION", "Did you mean upper?"),
        ("  a: number | decimals(2)", "6:15 MAPPING_TYPE", "here comes text"),
        ("  a: issued_on | format(\"%q\")", "6:18 MAPPING_FUNCTION", "%q"),
        ("  a: issued_on | format(number)", "6:18 MAPPING_FUNCTION", "written out"),
        ("  a: price ? 0", "6:6 MAPPING_PATH", "no field 'price'"),
        ("  a: total_amount ? \"0\"", "6:6 MAPPING_TYPE", "One side of '?' is decimal"),
        ("  a: number | required | upper", "6:15 MAPPING_FUNCTION", "required stands last"),
        ("  a: note | or_null(1)", "6:13 MAPPING_FUNCTION", "without arguments"),
        ("  a: unit | lookup(units)", "6:6 MAPPING_PATH", "no field 'unit'"),
        ("  a: function | lookup(units)", "6:24 MAPPING_LOOKUP_TABLE", "There is no lookup table"),
        ("  a: given(key)", "6:12 MAPPING_FUNCTION", "key is not declared"),
        ("  a: agreement(currency)", "6:6 MAPPING_FUNCTION", "sees the document alone"),
        ("  a: interchange(sender)", "6:6 MAPPING_FUNCTION", "sees the document alone"),
        ("  a: sum(total_amount)", "6:10 MAPPING_FUNCTION", "sum needs the numbers of a list"),
        ("  a: {when: number, b: number}", "6:13 MAPPING_TYPE", "After 'when' stands a condition"),
        ("  a: {at: buyer, where: present(gln), b: gln}", "6:18 MAPPING_SHAPE", "here is none"),
        ("  a: {at: buyer, each: lines, b: number}", "6:6 MAPPING_SHAPE", "both 'at' and 'each'"),
        ("  a: {at: buyer}", "6:6 MAPPING_SHAPE", "a has no fields"),
        ("  a: {at: {b: name}, c: number}", "6:11 MAPPING_SHAPE", "a name 'at' of the payload stands in quotes"),
        ("  a: []", "6:6 MAPPING_SHAPE", "empty list"),
        ("  a: [[number]]", "6:7 MAPPING_SHAPE", "A list within a list"),
        ('  a: "x\'y\'"', "6:8 MAPPING_SYNTAX", "does not belong here"),
        ('  a: {each: lines, "#value": number, b: number}', "6:21 MAPPING_FIELD", "#value is the whole item"),
        ("  a: number\nchecks: [number == \"1\"]", "7:9 MAPPING_SHAPE", "no checks"),
        ("  a: number\nunmapped: warn", "7:11 MAPPING_SHAPE", "no 'unmapped'"),
    ],
)  # fmt: skip
def test_json(fields: str, at: str, says: str, tmp_path: Path) -> None:
    found = said(f"{HEAD}{fields}\n", tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith(f"{at} "), found
    assert says in found[0]


@pytest.mark.parametrize(
    ("fields", "at", "says"),
    [
        ("  1a: number", "6:3 MAPPING_FIELD", "no name of XML"),
        ("  y:A: number", "6:3 MAPPING_FIELD", "prefix y is not declared"),
        ("  A\u0665\u00b2: number", "6:3 MAPPING_FIELD", "no name of XML"),
        ('  "@y:a": number', "6:5 MAPPING_FIELD", "prefix y is not declared"),
        ('  "@xmlns": number', "6:4 MAPPING_FIELD", "declares a namespace"),
        ('  A: {"#text": number, B: number}', "6:8 MAPPING_FIELD", "cannot stand beside elements (B)"),
        ('  "@a": {b: number}', "6:4 MAPPING_FIELD", "@a is one value"),
        ("  A: note | or_null", "6:3 MAPPING_FIELD", "xsi:nil"),
        ('  "@a": note | or_null', "6:4 MAPPING_FIELD", "cannot be null"),
        ('  A: {const: "\\x01"}', "6:15 MAPPING_TYPE", "U+0001"),
    ],
)
def test_xml(fields: str, at: str, says: str, tmp_path: Path) -> None:
    found = said(f"{XML}{fields}\n", tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith(f"{at} "), found
    assert says in found[0]


@pytest.mark.parametrize(
    ("old", "new", "at", "says"),
    [
        ("purchase_order}", "purchase_ordr}", "3:20 MAPPING_SOURCE", "Did you mean purchase_order?"),
        ("purchase_order}", "purchase_order, givn: [a]}", "3:36 MAPPING_KEY", "no entry 'givn'"),
        ("purchase_order}", "purchase_order, given: [a, a]}", "3:43 MAPPING_SHAPE", "different names"),
        ("format: json", "format: jsn", "4:18 MAPPING_TARGET", "Did you mean json?"),
        ("{format: json}", "{format: json, root: A}", "4:30 MAPPING_TARGET", "no entry 'root' in a JSON target"),
        ("{format: json}", "{format: xml}", "4:9 MAPPING_TARGET", "has no root"),
        ("{format: json}", "{format: xml, root: A B}", "4:29 MAPPING_TARGET", "no name of XML"),
        ("{format: json}", "{format: xml, root: a:B}", "4:29 MAPPING_TARGET", "prefix a is not declared"),
        ("{format: json}", '{format: xml, root: A, namespaces: {xmlx: "u"}}', "4:52 MAPPING_TARGET", "declares no namespace"),
        ("{format: json}", '{format: xml, root: A, namespaces: {a: "u", b: "u"}}', "4:44 MAPPING_TARGET", "Two prefixes stand for u"),
        ("{format: json}", "{format: xml, root: A, declaration: 1}", "4:45 MAPPING_TARGET", "true or false"),
        ("{format: json}", "{document: supplier}", "4:9 MAPPING_SHAPE", "names a format"),
    ],
)  # fmt: skip
def test_head(old: str, new: str, at: str, says: str, tmp_path: Path) -> None:
    found = said(f"{HEAD}  a: number\n".replace(old, new), tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith(f"{at} "), found
    assert says in found[0]


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    fields = "  a: numbr\n  b: {each: lines, c: unti, d: item.gtn}\n  e: {at: byer, f: name}\n"
    found = said(HEAD + fields, tmp_path)
    assert [one.partition(" ")[0] for one in found] == ["6:6", "7:23", "7:37", "8:11"]


def test_reading_and_writing_are_not_mixed_up(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text(f"{HEAD}  a: number\n", encoding="utf-8")
    reads = "mapping: rows\nversion: 1\nsource: {format: csv, key: n, columns: [n, d]}\ntarget: {document: item}\nfields:\n"
    (tmp_path / "rows.yaml").write_text(
        f"{reads}  number: n\n  name: d\n  unit: {{const: C62}}\n", encoding="utf-8"
    )
    registry = MappingRegistry(tmp_path)
    for _ in range(2):
        with pytest.raises(MappingRefused, match="sample writes"):
            registry.get("sample")
        with pytest.raises(MappingRefused, match="rows reads"):
            registry.writing("rows")
        assert registry.writing("sample").document == "purchase_order"
        assert registry.get("rows").target == "item"
    found = registry.fitting("csv", columns=["n", "d"])
    assert found is not None and found.name == "rows"
    assert registry.fitting("json") is None and registry.broken == {}


def test_any_file_gives_findings_or_a_mapping_that_writes() -> None:
    """Damaged in any way, it never raises; and what is accepted writes well-formed payloads or says why not."""
    chance = random.Random(20261123)
    folder = mappings_folder()
    paths = sorted(folder.glob("purchase_order__*.yaml"))  # chance is the same on every file system
    files = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    documents = [
        from_canonical("purchase_order", path.read_bytes())
        for path in sorted((folder / "examples").glob("purchase_order__*/full_order.source.json"))
    ]
    words = [word for text in files.values() for word in text.split()]
    words += [".", "/", "lines.unit", "| or_null", '"#text":', '"#value":', "[", "{", "}", "|", "?", "null"]
    lookups = FolderLookups(folder / "lookups")
    outcomes: Counter[str] = Counter()
    for _ in range(120):
        name = chance.choice(list(files))
        lines = files[name].split("\n")
        index = chance.randrange(len(lines))
        match chance.randrange(5):
            case 0:
                lines[index] = lines[index].replace(
                    chance.choice(lines[index].split() or ["x"]), chance.choice(words), 1
                )
            case 1:
                lines.insert(index, f"  added: {chance.choice(words)} {chance.choice(words)}")
            case 2:
                del lines[index]
            case 3:
                cut = chance.randrange(len(lines[index]) + 1)
                lines[index] = (
                    lines[index][:cut] + chance.choice("{}[]\"'|?:#@ -.,()\x00") + lines[index][cut:]
                )
            case _:
                lines[index] = "  " + lines[index]
        problems = Problems(name)
        file = parse_mapping("\n".join(lines), name=name, problems=problems)
        mapping = None if file is None else try_compile_writing(file, problems, lookups=lookups)
        if mapping is None or not problems.ok:
            assert problems.findings
            outcomes["refused"] += 1
            continue
        for document in documents:
            try:
                data = mapping.write(document, dict.fromkeys(mapping.given, "x")).data
            except PayloadRefused as refused:
                assert refused.findings
                outcomes["not written"] += 1
                continue
            outcomes["written"] += 1
            if mapping.target.format == "json":
                json.loads(data)
            elif mapping.target.format == "csv":
                text, columns = data.decode("utf-8-sig"), len(mapping.target.columns)
                widths = [
                    {len(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)}
                    for delimiter in ";,\t|"
                ]
                assert {columns} in widths, text[:300]
            else:
                etree.fromstring(data)
    assert min(outcomes[one] for one in ("refused", "not written", "written")) > 20, outcomes
