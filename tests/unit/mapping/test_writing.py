"""Mappings that write: what a document becomes, and that it becomes the same bytes whoever made the document."""

from __future__ import annotations

import datetime as dt
import io
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from lxml import etree

from orderhub.documents import DOCUMENT_TYPES, PurchaseOrder
from orderhub.documents.serialise import canonical_bytes, from_canonical
from orderhub.errors import MappingError, PayloadRefused
from orderhub.mapping import MappingRefused, MemoryLookups
from orderhub.mapping.parse import parse_mapping
from orderhub.mapping.problems import Problems
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.sessions import open_session
from orderhub.mapping.targets import TargetStruct, target_document
from orderhub.mapping.writing import CompiledWriting, compile_writing, try_compile_writing
from orderhub.project import mappings_folder
from orderhub.testing.parts import sample_order

TABLES = {"units": {"C62": "PC", "KGM": "KG"}, "functions": {"original": "NEW"}}


def compiled(fields: str, *, target: str = "{format: json}", given: str = "") -> CompiledWriting:
    source = f"{{document: purchase_order{', given: ' + given if given else ''}}}"
    indented = "\n".join(f"  {line}" for line in fields.strip().splitlines())
    text = f"mapping: sample\nversion: 1\nsource: {source}\ntarget: {target}\nfields:\n{indented}\n"
    problems = Problems("sample.yaml")
    file = parse_mapping(text, name="sample", problems=problems)
    if file is None or not problems.ok:
        raise MappingRefused("sample", problems.sorted(), file="sample.yaml")
    return compile_writing(file, lookups=MemoryLookups(TABLES))


def written(fields: str, document: PurchaseOrder | None = None, **how: str) -> str:
    return compiled(fields, **how).write(document or order()).data.decode()


def order(**changes: Any) -> PurchaseOrder:
    return msgspec.structs.replace(sample_order("4711"), **changes)


XML = '{format: xml, root: Order, namespaces: {"": "urn:o", x: "urn:x", xsi: "http://www.w3.org/2001/XMLSchema-instance"}}'
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Order xmlns="urn:o" xmlns:x="urn:x" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)


def xml(fields: str, document: PurchaseOrder | None = None) -> str:
    text = written(fields, document, target=XML)
    etree.fromstring(text.encode())
    assert text.startswith(HEAD)
    return text.removeprefix(HEAD)


def test_a_tree_in_the_order_of_the_file_with_relative_paths_and_paths_from_the_top() -> None:
    fields = """
z: number
a:
  at: supplier
  gln: gln
  order: /number
items:
  each: lines
  no: number
  code: item.gtin
  order: /number
"""
    assert written(fields) == (
        '{"z":"4711","a":{"gln":"4019999010002","order":"4711"},"items":['
        '{"no":1,"code":"4019999011016","order":"4711"},{"no":2,"code":"4019999011023","order":"4711"}]}'
    )


@pytest.mark.parametrize(
    ("expression", "price", "json"),
    [
        ("price", "0.10", "0.1"),
        ("price", "1E+3", "1000"),
        ("price", "0.0000001", "0.0000001"),
        ("price", "12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("price", "-0.0", "0"),
        ("price | text", "0.10", '"0.1"'),
        ("price | decimals(2)", "0.1", "0.10"),
        ("price | decimals(0)", "7", "7"),
        ("price | decimals(2, round)", "0.125", "0.13"),
        ("price | decimals(2, round)", "-0.001", "0.00"),
        ("price | decimals(2) | text", "1E+1", '"10.00"'),
        ("price | integer", "100.0", "100"),
        ("price ? 0", None, "0"),
        ("price ? 0.00", None, "0.00"),
        ("number", None, "1"),
        ("number | text", None, '"1"'),
        ("number | pad(5)", None, '"00001"'),
        ('number | pad(3, " ")', None, '"  1"'),
        ("true when present(price) otherwise false", None, "false"),
    ],
)
def test_numbers_keep_every_digit_and_texts_are_texts(expression: str, price: str | None, json: str) -> None:
    document = order()
    document.lines[0].price = None if price is None else Decimal(price)
    made = written(f"items:\n  each: lines\n  where: number == 1\n  v: {expression}", document)
    assert made == f'{{"items":[{{"v":{json}}}]}}'


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ('"%d.%m.%Y"', "02.11.2026"),
        ('"%y%m%d"', "261102"),
        ("102", "20261102"),
        ("203", "202611020000"),
        ("iso", "2026-11-02"),
        ("odata_v2", "/Date(1793577600000)/"),
        ('"%Y-%m-%dT%H:%M:%SZ"', "2026-11-02T00:00:00Z"),
    ],
)
def test_dates_as_the_partner_wants_them(pattern: str, text: str) -> None:
    assert written(f"d: issued_on | format({pattern})") == f'{{"d":"{text}"}}'
    assert written("d: issued_on") == '{"d":"2026-11-02"}'


def test_what_is_absent_is_left_out_or_said() -> None:
    fields = """
note: note
terms: payment_terms | or_null
contract: contract_number | or_empty
ship_to: {at: ship_to, name: name}
fixed: {kind: {const: X}}
party: {kind: {const: X}, code: supplier.code}
shipped: {when: present(ship_to), gln: supplier.gln}
last: note ? "none"
"""
    assert written(fields) == '{"terms":null,"contract":"","fixed":{"kind":"X"},"last":"none"}'


def test_constants_have_the_type_in_which_they_are_written() -> None:
    fields = 'a: {const: 1}\nb: {const: "1"}\nc: {const: 1.50}\nd: {const: "1.50"}\ne: {const: 0815}\nf: {const: true}\ng: {const: x}'
    assert written(fields) == '{"a":1,"b":"1","c":1.50,"d":"1.50","e":"0815","f":true,"g":"x"}'


def test_words_of_the_language_in_quotes_are_names() -> None:
    fields = 'span:\n  at: buyer\n  "when": name\n  "each": gln\n"const": {"const": number}'
    assert (
        written(fields)
        == '{"span":{"when":"ACME Retail GmbH","each":"4299999001006"},"const":{"const":"4711"}}'
    )


def test_lists_are_written_out_or_made_of_values() -> None:
    fields = """
parties:
  - {at: buyer, role: {const: BY}, gln: gln}
  - {at: ship_to, role: {const: DP}, gln: gln}
  - {each: lines, role: {const: LINE}, gln: item.gtin}
tags: [number, {const: hub}, note]
fixed: [{const: a}, {const: b}]
nothing: [note, {const: hub}]
words: {each: buyer.name | split(" "), "#value": .}
pairs: {each: buyer.name | split(" "), word: ., order: /number, upper: . | upper}
"""
    assert written(fields) == (
        '{"parties":[{"role":"BY","gln":"4299999001006"},{"role":"LINE","gln":"4019999011016"},'
        '{"role":"LINE","gln":"4019999011023"}],"tags":["4711","hub"],"fixed":["a","b"],'
        '"words":["ACME","Retail","GmbH"],"pairs":[{"word":"ACME","order":"4711","upper":"ACME"},'
        '{"word":"Retail","order":"4711","upper":"RETAIL"},{"word":"GmbH","order":"4711","upper":"GMBH"}]}'
    )


def test_the_whole_document_is_counted_and_added_up() -> None:
    document = order()
    for line, amount in zip(document.lines, ("1.20", "2.30"), strict=True):
        line.amount = Decimal(amount)
    fields = 'n: count(lines)\nt: sum(lines.amount)\nall: lines.unit | join(",")\nsecond: lines[1].quantity\nnone: lines[7].unit'
    assert written(fields, document) == '{"n":2,"t":3.5,"all":"C62,C62","second":11}'
    document.lines[1].amount = None
    assert written(fields, document) == '{"n":2,"all":"C62,C62","second":11}'


def test_codes_are_looked_up_into_the_partners() -> None:
    assert written("u: lines[0].unit | lookup(units)") == '{"u":"PC"}'
    document = order(function="change")
    with pytest.raises(PayloadRefused) as refused:
        written("f: function | lookup(functions)", document)
    assert (refused.value.field, refused.value.findings[0].code) == ("function", "VALUE_LOOKUP")


def test_values_are_handed_in_beside_the_document() -> None:
    mapping = compiled('key: given(key)\nplant: given(plant) ? "1000"', given="[key, plant]")
    assert mapping.write(order(), {"key": "a/1"}).data == b'{"key":"a/1","plant":"1000"}'
    with pytest.raises(MappingError, match="'ky'"):
        mapping.write(order(), {"ky": "a/1"})


def test_everything_that_cannot_be_written_is_told_with_its_canonical_field() -> None:
    document = order(payment_terms="30 days net, 10 days 2 %")
    document.lines[1].price = Decimal("0.12345")
    fields = """
terms: payment_terms | at_most(4)
contract: contract_number | required
tax: {at: buyer, no: tax_number | required}
items: {each: lines, price: price | decimals(4), city: /ship_to.address.city | required}
"""
    with pytest.raises(PayloadRefused) as refused:
        written(fields, document)
    assert [(one.code, one.field, one.place.path) for one in refused.value.findings] == [
        ("VALUE_LENGTH", "payment_terms", "terms"),
        ("VALUE_MISSING", "contract_number", "contract"),
        ("VALUE_MISSING", "buyer.tax_number", "tax.no"),
        ("VALUE_MISSING", "ship_to.address.city", "items[0].city"),
        ("VALUE_NUMBER", "lines[1].price", "items[1].price"),
        ("VALUE_MISSING", "ship_to.address.city", "items[1].city"),
    ]
    assert "0.12345 has more than 4 decimal places" in refused.value.reason


def test_the_same_content_gives_the_same_bytes_whoever_made_the_document() -> None:
    fields = "t: total_amount\nq: {each: lines, q: quantity, p: price | text}"
    one = order(total_amount=Decimal("1E+2"))
    one.lines[0].quantity = Decimal("10.000")
    again = from_canonical("purchase_order", canonical_bytes(one))
    mapping = compiled(fields)
    assert mapping.write(one).data == mapping.write(again).data == compiled(fields).write(one).data
    # what is remembered of one document does not change the next
    one.lines[0].quantity = Decimal("10")
    assert mapping.write(one).data == mapping.write(again).data


def test_the_tree_is_the_same_as_the_bytes_with_exact_numbers() -> None:
    tree = compiled("d: issued_on\np: lines[0].price\nn: lines[0].number").write(order()).tree
    assert tree == {"d": "2026-11-02", "p": Decimal("0.12"), "n": 1}
    assert isinstance(tree["p"], Decimal)


def test_another_kind_of_document_is_refused() -> None:
    from orderhub.documents import Supplier

    with pytest.raises(MappingError, match="not supplier"):
        compiled("n: number").write(Supplier(number="1", name="N"))


def test_the_hash_is_over_what_is_said_and_not_over_the_layout() -> None:
    one = compiled("a: number\nb: issued_on")
    assert compiled("a:   number\n\nb: issued_on").content_hash == one.content_hash
    assert compiled("b: issued_on\na: number").content_hash != one.content_hash
    assert compiled("a: {const: 1.5}").content_hash != compiled('a: {const: "1.5"}').content_hash
    assert compiled("a: number", target=XML).content_hash != compiled("a: number").content_hash


# --- XML


def test_elements_attributes_texts_and_prefixes() -> None:
    fields = """
"@no": number
Head:
  "@x:at": issued_on
  x:Test: test
Qty: {each: lines, "@unit": unit, "#text": quantity}
Party:
  - {at: buyer, "@role": {const: buyer}, Name: name}
  - {at: supplier, "@role": {const: supplier}, Name: name}
"""
    assert xml(fields) == (
        ' no="4711"><Head x:at="2026-11-02"><x:Test>false</x:Test></Head><Qty unit="C62">10</Qty><Qty unit="C62">11</Qty>'
        '<Party role="buyer"><Name>ACME Retail GmbH</Name></Party>'
        '<Party role="supplier"><Name>Nordwerk Schrauben GmbH</Name></Party></Order>'
    )


def test_nothing_is_left_out_empty_or_nil() -> None:
    fields = '"@a": note | or_empty\nB: note\nC: note | or_empty\nD: note | or_null\nE: {"@e": note | or_empty, F: number}'
    assert xml(fields) == ' a=""><C/><D xsi:nil="true"/><E e=""><F>4711</F></E></Order>'


@pytest.mark.parametrize("text", ["<&>\"'", "a\nb\tc\rd", "ü\U0001f600\u2028", "]]>", " spaces "])
def test_any_text_that_xml_can_hold_comes_back_as_it_was(text: str) -> None:
    made = written('"@note": note\nNote: note', order(note=text), target=XML)
    root = etree.fromstring(made.encode())
    assert (root.get("note"), root[0].text) == (text, text)


@pytest.mark.parametrize("char", ["\0", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff"])
@pytest.mark.parametrize("fields", ["Note: note", '"@note": note', 'T: {each: note | pieces(3), "#text": .}'])
def test_a_character_that_xml_cannot_hold_is_refused_with_its_field(char: str, fields: str) -> None:
    with pytest.raises(PayloadRefused) as refused:
        written(fields, order(note=f"a{char}b"), target=XML)
    assert (refused.value.field, refused.value.findings[0].code) == ("note", "VALUE_CHARACTER")
    assert f"U+{ord(char):04X}" in refused.value.reason
    assert char not in refused.value.reason


def test_long_texts_are_cut_between_words() -> None:
    document = order(note="one two three fourteen\n\nfive " + "x" * 12)
    fields = 'n: {each: note | pieces(9), "#value": .}'
    assert written(fields, document) == '{"n":["one two","three","fourteen","five","xxxxxxxxx","xxx"]}'


def test_the_date_of_the_document_asks_a_table_with_dates() -> None:
    from orderhub.mapping.lookup_table import parse_table

    table = parse_table(
        b"from,to,valid_from,valid_to\nC62,PC,,2026-06-30\nC62,ST,2026-07-01,\n", label="lookups/dated.csv"
    )
    problems = Problems("sample.yaml")
    text = "mapping: sample\nversion: 1\nsource: {document: purchase_order}\ntarget: {format: json}\nfields:\n  u: {each: lines, u: unit | lookup(dated)}\n"
    file = parse_mapping(text, name="sample", problems=problems)
    assert file is not None
    mapping = compile_writing(file, lookups=MemoryLookups({"dated": table}))
    assert mapping.write(order(issued_on=dt.date(2026, 6, 30))).data == b'{"u":[{"u":"PC"},{"u":"PC"}]}'
    assert mapping.write(order()).data == b'{"u":[{"u":"ST"},{"u":"ST"}]}'


def test_random_texts_and_numbers_come_back_out_of_both_formats() -> None:
    chance = random.Random(4711)
    characters = "aZ0 <>&\"'\\/\t\n\r\u00e4\u20ac\u2028\U0001f600]]>{}%\u00a0"
    fields = "note: note\nitems: {each: lines, name: item.name, q: quantity, p: price, x: item.supplier_code | or_null}"
    json_mapping = compiled(fields)
    elements = 'Note: note\nItem: {each: lines, "@name": item.name, Q: quantity, P: price, X: item.supplier_code | or_empty}'
    xml_mapping = compiled(elements, target="{format: xml, root: Order}")
    for _ in range(300):
        document = order(note="".join(chance.choices(characters, k=chance.randint(1, 40))))
        for line in document.lines:
            line.item.name = "".join(chance.choices(characters, k=chance.randint(1, 12)))
            line.quantity = Decimal(chance.randint(-(10**15), 10**15)).scaleb(chance.randint(-14, 14))
            line.price = Decimal(chance.randint(0, 10**9)).scaleb(chance.randint(-20, 0))
        read = json_mapping.write(document).tree
        assert read["note"] == document.note
        root = etree.fromstring(xml_mapping.write(document).data)
        assert root.findtext("Note") == document.note
        for line, item, element in zip(document.lines, read["items"], root.findall("Item"), strict=True):
            assert (item["name"], item["q"], item["p"], item["x"]) == (
                line.item.name,
                line.quantity,
                line.price,
                None,
            )
            assert (element.get("name"), element.findtext("X")) == (line.item.name, "")
            assert Decimal(element.findtext("Q", "")) == line.quantity
            assert "E" not in element.findtext("P", "") and Decimal(element.findtext("P", "")) == line.price


def test_what_is_written_is_read_again_as_the_same_order() -> None:
    registry = MappingRegistry(mappings_folder())
    reads, writes = (
        registry.get("json_orders__purchase_order"),
        registry.writing("purchase_order__json_order"),
    )
    folder = mappings_folder() / "examples" / "json_orders__purchase_order"
    for name in ("full_order", "single_item"):
        sent = from_canonical("purchase_order", (folder / f"{name}.json").read_bytes())
        data = io.BytesIO(writes.write(sent).data)
        (tree,) = open_session(registry, data, name="order.json", mapping=reads)
        translated = reads.run(tree)
        assert translated.document == sent, translated.findings


@pytest.mark.parametrize("name", sorted(DOCUMENT_TYPES))
@pytest.mark.parametrize("target", ["{format: json}", "{format: xml, root: D}"])
def test_every_field_of_every_document_can_be_written(name: str, target: str) -> None:
    def fields(struct: TargetStruct, indent: str) -> list[str]:
        lines: list[str] = []
        for one in struct.fields.values():
            if one.struct is None:
                own = "#value" if "json" in target else "#text"
                value = f'{{each: {one.name}, "{own}": .}}' if one.many else one.name
                lines.append(f"{indent}{one.name}: {value}")
            else:
                lines.append(f"{indent}{one.name}:")
                lines.append(f"{indent}  {'each' if one.many else 'at'}: {one.name}")
                lines.extend(fields(one.struct, f"{indent}  "))
        return lines

    text = f"mapping: sample\nversion: 1\nsource: {{document: {name}}}\ntarget: {target}\nfields:\n"
    problems = Problems("sample.yaml")
    file = parse_mapping(
        text + "\n".join(fields(target_document(name), "  ")), name="sample", problems=problems
    )
    mapping = None if file is None else try_compile_writing(file, problems, lookups=MemoryLookups({}))
    assert mapping is not None, [finding.message for finding in problems.findings]
    assert mapping.document == name
