"""``agreement(…)``: values that the partner's agreement gives where its documents are silent."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import msgspec
import pytest
from mapping_samples import CSV_HEAD, EDIFACT_HEAD, compiled, csv_trees, edifact_file, good
from test_fast_agrees import without_fast_way

from orderhub.documents import canonical_bytes
from orderhub.errors import ConfigError
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.mapping import CompiledMapping
from orderhub.mapping import test_mapping as run_pairs
from orderhub.mapping.given import AGREEMENT, Given, needs, read_given
from orderhub.partners.agreement import Defaults

FIELDS = """\
fields:
  number: no
  issued_on: agreement(issued_on)
  currency: currency ? agreement(currency)
  buyer: {name: buyer}
  supplier: {code: agreement(supplier_code), name: supplier ? agreement(supplier_name)}
  payment_terms: agreement(payment_terms)
  lines:
    each: rows
    number: line | integer
    item: {buyer_code: item}
    quantity: qty | decimal
    unit: unit ? agreement(unit) | lookup(units)
"""
EDIFACT_FIELDS = """\
fields:
  number: BGM/1004
  issued_on: agreement(issued_on)
  currency: CUX/C504[2]/6345 ? agreement(currency)
  buyer: {at: "NAD[BY]", name: NAD/C080/3036#1}
  supplier: {code: agreement(supplier_code)}
  lines:
    each: LIN
    number: LIN/1082 | integer
    item: {buyer_code: "PIA/C212[7143=IN]/7140", name: agreement(supplier_name)}
    quantity: QTY[21]/C186/6060 | decimal
    unit: QTY[21]/C186/6411 ? agreement(unit) | lookup(units)
    note: agreement(payment_terms)
"""
GIVEN: Given = {
    "issued_on": dt.date(2026, 1, 30),
    "currency": "SEK",
    "supplier_code": "S1",
    "unit": "PCE",
    "payment_terms": "30 days",
}
ROWS = "no;date;buyer;supplier;line;item;qty;unit\n7;;B;S;1;I;2;\n7;;;;2;J;3;KG\n"


def run(mapping: CompiledMapping, rows: str, given: Given) -> object:
    (tree,) = csv_trees(mapping, rows)
    result = mapping.run(tree, given)
    return json.loads(canonical_bytes(result.document)) if result.document else result.findings


def test_values_of_the_agreement_stand_in_for_what_is_left_out() -> None:
    made = run(good(CSV_HEAD + FIELDS), ROWS, GIVEN)
    assert isinstance(made, dict)
    assert (made["issued_on"], made["currency"], made["payment_terms"]) == ("2026-01-30", "SEK", "30 days")
    assert made["supplier"] == {"code": "S1", "name": "S"}
    assert [line["unit"] for line in made["lines"]] == ["C62", "KGM"]


def test_two_partners_use_one_mapping_in_turn() -> None:
    mapping = good(CSV_HEAD + FIELDS)
    for currency in ("EUR", "USD", "EUR"):
        made = run(mapping, ROWS, {**GIVEN, "currency": currency})
        assert isinstance(made, dict) and made["currency"] == currency
    assert mapping.given(GIVEN) is mapping.given(dict(GIVEN))
    # what the agreement gave is part of what made a document
    assert mapping.given(GIVEN).content_hash != mapping.content_hash
    assert mapping.given({"buyer_name": "nobody asks"}) is mapping


def test_the_fast_way_has_them_too() -> None:
    text = EDIFACT_HEAD + EDIFACT_FIELDS
    fast, reference = good(text), good(text)
    given_fast, given_reference = fast.given(GIVEN), reference.given(GIVEN)
    (lines,) = [part for part in given_fast._plan.parts if part.name == "lines"]
    assert lines.plan.fast is not None and lines.plan.fast.whole
    assert without_fast_way(given_reference._plan) > 0
    body = ("BGM+220+7+9", "NAD+BY+B::91++Buyer")
    for last in ("QTY+21:2:KG", "QTY+21:2", "QTY+21:X", "QTY+21:2:??"):
        data = edifact_file(*body, "LIN+1++A:EN", "PIA+5+I:IN", "QTY+21:1", "LIN+2", "PIA+5+J:IN", last)
        (tree,) = EdifactReader().read(data, name="o.edi")
        one, other = fast.run(tree, GIVEN), reference.run(tree, GIVEN)
        assert one.findings == other.findings
        assert (one.document is None) is (other.document is None)
        if one.document is not None and other.document is not None:
            assert canonical_bytes(one.document) == canonical_bytes(other.document)


def test_what_the_agreement_lacks_is_said() -> None:
    (tree,) = csv_trees(mapping := good(CSV_HEAD + FIELDS), ROWS)
    result = mapping.run(tree, {"issued_on": dt.date(2026, 1, 30)})
    missing = {
        finding.field: finding.message for finding in result.findings if finding.code == "VALUE_MISSING"
    }
    assert "Add currency to the defaults of the partner's agreement" in missing["currency"]
    assert "lines[0].unit" in missing and "lines[1].unit" not in missing


def test_a_part_without_any_of_its_values_names_the_agreement() -> None:
    mapping = good(CSV_HEAD + FIELDS.replace("name: supplier ? agreement(supplier_name)", "name: note"))
    (tree,) = csv_trees(mapping, ROWS)
    found = {finding.field: finding.message for finding in mapping.run(tree, {}).findings}
    assert "Add supplier_code to the defaults" in found["supplier"]


def test_an_unknown_word_is_refused_with_what_was_meant() -> None:
    _, findings = compiled(CSV_HEAD + FIELDS.replace("agreement(currency)", "agreement(curency)"))
    (finding,) = findings
    assert finding.code == "MAPPING_FUNCTION"
    assert "Did you mean currency?" in finding.message
    assert (finding.place.line, finding.place.column) == (13, 34)


def test_a_value_that_does_not_fit_its_field_is_refused() -> None:
    _, findings = compiled(CSV_HEAD + FIELDS.replace("payment_terms: agr", "total_amount: agr"))
    assert [finding.code for finding in findings] == ["MAPPING_TYPE"]


def test_what_a_mapping_needs_of_the_agreement() -> None:
    found = {(need.field, need.name): need.alone for need in needs(good(CSV_HEAD + FIELDS).file.fields)}
    assert found == {
        ("issued_on", "issued_on"): True,
        ("currency", "currency"): False,
        ("supplier.code", "supplier_code"): True,
        ("supplier.name", "supplier_name"): False,
        ("payment_terms", "payment_terms"): True,
        ("lines.unit", "unit"): False,
    }


def test_an_agreement_can_give_exactly_what_a_mapping_can_name() -> None:
    assert list(AGREEMENT) == [field.name for field in msgspec.structs.fields(Defaults)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("issued_on: 30.01.2026", "no date"),
        ("issued_on: 2026-02-30", "no date"),
        ("unit: pieces", "UNECE"),
        ('supplier_gln: "42"', "13 digits"),
        ("curency: EUR", "Did you mean 'currency'"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "case.agreement.yaml"
    path.write_text(f"# values\n{text}\n")
    with pytest.raises(ConfigError, match=says) as caught:
        read_given(path)
    assert caught.value.place is not None and caught.value.place.line == 2


def test_a_golden_pair_has_its_agreement_beside_it(tmp_path: Path) -> None:
    (tmp_path / "sample.yaml").write_text((CSV_HEAD + FIELDS).replace(" | lookup(units)", ""))
    cases = tmp_path / "examples" / "sample"
    cases.mkdir(parents=True)
    for case in ("one", "two"):
        (cases / f"{case}.csv").write_text(ROWS.replace("KG", "KGM"))
    (cases / "agreement.yaml").write_text(
        "issued_on: 2026-01-30\ncurrency: SEK\nsupplier_code: S1\nunit: C62\n"
    )
    (cases / "two.agreement.yaml").write_text(
        "issued_on: 2026-01-31\ncurrency: NOK\nsupplier_code: S2\nunit: C62\n"
    )
    (cases / "one.json").write_text("{}")
    (cases / "two.json").write_text("{}")
    one, two = run_pairs(tmp_path / "sample.yaml")
    assert '"currency": "SEK"' in one.difference
    assert '"currency": "NOK"' in two.difference and '"issued_on": "2026-01-31"' in two.difference
    (cases / "two.agreement.yaml").write_text("currency: sek\n")
    assert "ISO 4217" in run_pairs(tmp_path / "sample.yaml")[1].difference
