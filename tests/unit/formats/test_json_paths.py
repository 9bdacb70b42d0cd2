"""Paths of JSON sources: what they select, what they refuse, where their values stand, and what nobody reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orderhub.findings import Finding
from orderhub.formats.dialect import (
    BulkScope,
    PathError,
    ResolvedPath,
    Scope,
    SeveralValues,
    SourceDeclaration,
)
from orderhub.formats.json import JsonDialect, JsonLayout, JsonReader
from orderhub.formats.json.paths import parse_path, written
from orderhub.formats.json.tree import Node
from orderhub.mapping.commands import check_mapping
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import DocumentResult, FileResult, translate_file

SOURCE = SourceDeclaration("json", options={"keys": ["orderNo", "lines"]})
ORDER = {
    "orderNo": 4711,
    "note": "",
    "gone": None,
    "flag": True,
    "price": 1.50,
    "Order No": "X 1",
    "a.b": {"c/d~e": "odd"},
    "buyer": {"gln": "429", "contacts": [{"role": "order", "name": "Ann"}, {"role": "it", "name": "Bob"}]},
    "tags": ["x", "", None, "y"],
    "same": ["z", "z"],
    "lines": [
        {"no": 1, "item": {"sku": "A"}, "codes": ["p", "q"], "unit": "PCE"},
        {"no": 2, "item": {"sku": "B"}, "codes": [], "unit": "PCE"},
    ],
}
TEXT = json.dumps(ORDER, indent=1)


def scope() -> Scope:
    return JsonDialect().scope(SOURCE)


def root(value: Any = ORDER) -> Node:
    trees = list(JsonReader(JsonLayout()).read(json.dumps(value, indent=1).encode(), name="f.json"))
    node = trees[0].root
    assert isinstance(node, Node)
    return node


def get(path: ResolvedPath, node: Node) -> Any:
    try:
        return path.get(node)
    except SeveralValues:
        return "several"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("orderNo", "4711"),
        ("/orderNo", "4711"),
        ("$.orderNo", "4711"),
        (".orderNo", "4711"),
        ("note", None),
        ("gone", None),
        ("nothing", None),
        ("nothing.below.it", None),
        ("flag", "true"),
        ("price", "1.5"),
        ('.["Order No"]', "X 1"),
        ("$['Order No']", "X 1"),
        ('.["a.b"]["c/d~e"]', "odd"),
        ("buyer.gln", "429"),
        ("buyer.contacts[0].name", "Ann"),
        ("buyer.contacts[7].name", None),
        ("buyer.contacts[role=it].name", "Bob"),
        ('buyer.contacts["role"="it"].name', "Bob"),
        ("buyer.contacts[role=none].name", None),
        ("buyer.contacts.name", "several"),
        ("buyer.contacts[].name", ["Ann", "Bob"]),
        ("buyer.gln[0]", "429"),
        ("buyer.gln[1]", None),
        ("buyer[]", "several"),
        ("buyer", "several"),
        ("tags[]", ["x", "y"]),
        ("tags", "several"),
        ("same", "z"),
        ("gone[]", []),
        ("lines[].codes[]", ["p", "q"]),
        ("lines[].codes[1]", ["q"]),
        ("lines.unit", "PCE"),
        ("lines[item.sku=B].no", "2"),
    ],
)
def test_values(text: str, value: Any) -> None:
    path = scope().resolve(text)
    assert get(path, root()) == value
    assert path.many is isinstance(value, list) or value == "several"
    assert path.type == "value"


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("/", 1),
        ("a..b", 2),
        ("a.", 2),
        ("a/b", 1),
        ("a[", 1),
        ("a[x]", 1),
        ("a[1.5]", 1),
        ('a["b]', 1),
        ("a[.=1]", 1),
        ("a]b", 1),
        ("orderno", 0),
        ("/Lines", 1),
    ],
)
def test_paths_that_are_none_are_refused_at_their_place(text: str, offset: int) -> None:
    with pytest.raises(PathError) as caught:
        scope().resolve(text)
    assert caught.value.offset == offset
    assert caught.value.todo or caught.value.suggestions


@pytest.mark.parametrize(
    "text", ["a", "a.b[0][].c", '.["Order No"].x', 'a["b c"]["d\\"e"]', 'x[role="a b"].y', '.["$x"]']
)
def test_a_path_is_written_as_it_is_read(text: str) -> None:
    assert parse_path(written(parse_path(text).steps)) == parse_path(text)


def test_places_are_those_of_the_values() -> None:
    node = root()
    for text, pointer, excerpt in [
        ("buyer.contacts[role=it].name", "/buyer/contacts/1/name", '"Bob"'),
        ('.["a.b"]["c/d~e"]', "/a.b/c~1d~0e", '"odd"'),
        ("orderNo", "/orderNo", "4711"),
    ]:
        (place,) = scope().resolve(text).where(node)
        assert (place.path, place.excerpt, place.file) == (pointer, excerpt, "f.json")
        assert place.offset is not None
        assert TEXT[place.offset : place.offset + (place.length or 0)] == excerpt
        assert place.line == TEXT[: place.offset].count("\n") + 1
        assert TEXT.splitlines()[place.line - 1][(place.column or 0) - 1 :].startswith(excerpt)
    assert [place.path for place in scope().resolve("tags[]").where(node)] == ["/tags/0", "/tags/3"]
    (absent,) = scope().resolve("buyer.vat").where(node)
    assert absent.path == "/buyer/vat"
    assert TEXT[absent.offset or 0] == "{"


def test_groups() -> None:
    node = root()
    lines = scope().enter("lines")
    assert lines.many
    found = lines.nodes(node)
    assert [lines.scope.resolve("item.sku").get(line) for line in found] == ["A", "B"]
    assert lines.where(found[1]).path == "/lines/1"
    assert [lines.scope.resolve("/orderNo").get(node)] == ["4711"]
    assert [line.value for line in lines.scope.enter("codes").nodes(found[0])] == ["p", "q"]
    assert (
        lines.scope.enter("codes").scope.resolve(".").get(lines.scope.enter("codes").nodes(found[0])[1])
        == "q"
    )
    assert [one.value["name"] for one in scope().enter("buyer.contacts[role=it]").nodes(node)] == ["Bob"]
    assert scope().enter("nothing").nodes(node) == []
    assert scope().enter("gone").nodes(node) == []
    assert [one.value for one in scope().enter("buyer").nodes(node)] == [ORDER["buyer"]]
    assert not scope().enter("lines[0]").many


LINE_PATHS = ["no", "unit", "item.sku", "item.gtin", "qty", "nothing"]


@pytest.mark.parametrize(
    "line",
    [
        {"no": 1, "unit": "PCE", "item": {"sku": "A", "gtin": None}, "qty": "1.5"},
        {"no": True, "unit": "", "item": None},
        {"no": [1], "unit": ["a", "b"], "item": [{"sku": "A"}, {"sku": "A"}]},
        {"no": {"x": 1}, "item": "text"},
        {},
        [],
        "text",
        None,
    ],
)
def test_all_paths_at_once_give_what_each_gives(line: Any) -> None:
    group = scope().enter("lines")
    inner = group.scope
    assert isinstance(inner, BulkScope)
    paths = [inner.resolve(text) for text in LINE_PATHS]
    read = inner.reader(paths)
    assert read is not None
    (node,) = group.nodes(root({"orderNo": 1, "lines": [line]}))
    each = [get(path, node) for path in paths]
    try:
        present, values = read(node)
        at_once = dict(zip(present, values, strict=True))
    except SeveralValues:
        assert "several" in each
        return
    assert [at_once.get(number) or None for number in range(len(paths))] == each


@pytest.mark.parametrize(
    ("read", "left"),
    [
        ([], ["note:", "gone:"]),
        (["orderNo"], ["flag=true", "price=1.5", '.["Order No"]=X 1', '.["a.b"]["c/d~e"]=odd']),
        (["buyer.contacts[role=it].name"], ["buyer.gln=429", "buyer.contacts[].name=Ann"]),
        (
            ["buyer.contacts[0].name", "buyer.gln"],
            ["buyer.contacts[].name=Bob", "buyer.contacts[].role=order"],
        ),
        (["tags", "same[]"], []),
        (["tags[0]"], ["tags[]=y"]),
        (["lines[].item.sku", "lines.no"], ["lines[].codes[]=p", "lines[].unit=PCE"]),
        (["lines[0].item.sku"], ["lines[].item.sku=B"]),
        (["buyer"], ["buyer.gln=429"]),
    ],
)
def test_what_nobody_reads(read: list[str], left: list[str]) -> None:
    at = scope()
    unread = at.unread([at.resolve(text) for text in read], [])(root())
    found = [f"{one.path}={one.value}" for one in unread]
    for line in left:
        assert line in found or line.endswith(":"), found
    for text in read:
        if "[" not in text and text not in ("tags", "buyer"):
            assert not any(line.startswith(f"{text}=") for line in found), found
    assert not any(line.startswith(("note=", "gone=")) for line in found)
    assert all(one.place().path for one in unread)


def test_a_name_covers_all_below_it_that_nobody_reads() -> None:
    at = scope()
    unread = at.unread([at.resolve("orderNo"), at.resolve("buyer.gln")], [], lambda name: name != "lines")(
        root()
    )
    names = {one.segment for one in unread}
    assert "buyer.contacts" in names
    assert not any(name.startswith("lines") for name in names)


MAPPING = """
mapping: shop
version: 1
source: {format: json, keys: [no, items]}
target: {document: purchase_order}
fields:
  number: no
  issued_on: on | date
  currency: {const: EUR}
  test: test
  buyer: {name: buyer}
  supplier: {name: supplier}
  lines:
    each: items
    number: n
    item: {buyer_code: sku}
    quantity: qty
    unit: {const: C62}
    price: price when qty > 5 otherwise full
"""
GOOD = {"no": 7, "on": "2026-11-21", "test": True, "buyer": "B", "supplier": "S"}


def findings(tmp_path: Path, text: str = MAPPING) -> list[Finding]:
    (tmp_path / "shop.yaml").write_text(text)
    return check_mapping(tmp_path / "shop.yaml")


def translate(tmp_path: Path, value: Any) -> tuple[list[Any], FileResult]:
    findings(tmp_path)
    path = tmp_path / "order.json"
    path.write_text(json.dumps(value))
    rows = list(translate_file(path, MappingRegistry(tmp_path)))
    last = rows[-1]
    assert isinstance(last, FileResult)
    return [row.document for row in rows if isinstance(row, DocumentResult)], last


def test_values_become_what_the_document_wants(tmp_path: Path) -> None:
    assert findings(tmp_path) == []
    items = [
        {"n": 1, "sku": 4711, "qty": "10", "price": 1.10, "full": 2},
        {"n": "2", "sku": "B", "qty": 2.5, "full": "2.20"},
    ]
    (document,), result = translate(tmp_path, {**GOOD, "items": items})
    assert (document.number, document.test) == ("7", True)
    first, second = document.lines
    assert (first.item.buyer_code, str(first.quantity), str(first.price)) == ("4711", "10", "1.1")
    assert (second.number, str(second.quantity), str(second.price)) == (2, "2.5", "2.20")
    assert result.outcome == "translated"


def test_values_of_another_type_are_told_with_their_place(tmp_path: Path) -> None:
    _, result = translate(tmp_path, {**GOOD, "test": "Y", "items": [{"n": 1, "sku": "A", "qty": True}]})
    assert [(f.code, f.field, f.place.path) for f in result.findings] == [
        ("VALUE_BOOLEAN", "test", "/test"),
        ("VALUE_NUMBER", "lines[0].quantity", "/items/0/qty"),
        ("VALUE_NUMBER", "lines[0].price", "/items/0/qty"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("on | date", "on", "MAPPING_TYPE"),
        ("number: no", "number: NO", "MAPPING_PATH"),
        ("keys: [no, items]", "key: no", "MAPPING_SOURCE"),
        ("name: buyer", 'name: "buyer[]"', "MAPPING_LIST"),
        ("each: items", "each: items[0]", "MAPPING_LIST"),
    ],
)
def test_check_finds_what_cannot_work(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert code in [finding.code for finding in findings(tmp_path, MAPPING.replace(old, new, 1))]


def test_the_mapping_whose_keys_fit_most_is_taken(tmp_path: Path) -> None:
    findings(tmp_path)
    (tmp_path / "web.yaml").write_text(
        MAPPING.replace("mapping: shop", "mapping: web").replace("[no, items]", "[no, items, on]")
    )
    (tmp_path / "wrapped.yaml").write_text(
        MAPPING.replace("mapping: shop", "mapping: wrapped").replace(
            "keys: [no, items]", "record: orders, keys: [no, items, on, test]"
        )
    )
    registry = MappingRegistry(tmp_path)
    from orderhub.mapping.sessions import json_mapping

    def name(value: Any) -> str | None:
        found = json_mapping(registry, json.dumps(value).encode())
        return found.name if found else None

    assert name({"no": 1, "items": []}) == "shop"
    assert name([{"no": 1, "items": [], "on": ""}]) == "web"
    assert name({"orders": [{**GOOD, "items": []}]}) == "wrapped"
    assert name({"else": 1}) is None
    (tmp_path / "other.json").write_text('{"else": 1}')
    (result,) = list(translate_file(tmp_path / "other.json", registry))
    assert isinstance(result, FileResult)
    assert result.outcome == "read"
    (tmp_path / "broken.json").write_text('{"else": 1')
    (result,) = list(translate_file(tmp_path / "broken.json", registry))
    assert isinstance(result, FileResult)
    assert (result.outcome, result.findings[0].code) == ("refused", "JSON_TRUNCATED")
