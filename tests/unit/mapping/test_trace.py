"""``trace``: for a value its bytes and every step, the same as the run makes of it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD, EDIFACT_FIELDS, EDIFACT_HEAD, csv_trees, edifact_file, good

from orderhub.documents import canonical_bytes
from orderhub.errors import SourceError
from orderhub.findings import Place
from orderhub.formats.bundle import is_bundle
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.formats.spans import sharpener
from orderhub.mapping import MappingRegistry
from orderhub.mapping.examples import given_of, inputs
from orderhub.mapping.originals import MessageUnknown, open_message
from orderhub.mapping.trace import Trace, TraceError, field_value, trace_all, trace_field
from orderhub.mapping.tracing import as_text
from orderhub.mapping.translation import open_source

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
NAMES = sorted(
    path.name
    for path in (MAPPINGS / "examples").iterdir()
    if not MappingRegistry(MAPPINGS).file(path.name).writes
)
BODY = (
    "BGM+220+PO7+9",
    "DTM+137:20260130:102",
    "NAD+BY+++Buyer?+Co:Sales",
    "NAD+SU+++Seller",
    "LIN+1++4299999010007:EN",
    "QTY+21:12,5:KG",
    "LIN+2++4299999010014:EN",
    "QTY+21:5",
    "UNS+S",
)


def edifact(field: str, text: str = EDIFACT_HEAD + EDIFACT_FIELDS, body: tuple[str, ...] = BODY) -> Trace:
    data = edifact_file(*body)
    (tree,) = EdifactReader().read(data, name="orders.edi")
    return trace_field(good(text), tree, field, sharpen=sharpener(data))


def bytes_of(trace: Trace, body: tuple[str, ...] = BODY) -> list[bytes]:
    data = edifact_file(*body)
    found = []
    for source in trace.sources:
        assert source.place.offset is not None and source.place.length is not None
        found.append(data[source.place.offset : source.place.offset + source.place.length])
    return found


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{prefix}[{index}]")
    else:
        yield prefix, value


def as_read(text: str) -> str:
    """Without release characters, and with the reader's decimal mark."""
    return text.replace("?", "").replace(",", ".")


def test_a_date_by_its_format_code() -> None:
    found = edifact("issued_on")
    assert found.value == "2026-01-30"
    assert [(source.role, source.text) for source in found.sources] == [
        ("value", "20260130"),
        ("argument", "102"),
    ]
    assert bytes_of(found) == [b"20260130", b"102"]
    assert [(step.text, step.value) for step in found.steps] == [
        ("DTM[137]/C507/2380", "20260130"),
        ("DTM[137]/C507/2379", "102"),
        ("date(DTM[137]/C507/2379)", "2026-01-30"),
    ]
    place = found.sources[0].place
    assert (place.segment, place.segment_number, place.element, place.component) == ("DTM", 3, 1, 2)


def test_a_number_that_the_grammar_knows_is_fitted_to_the_field() -> None:
    found = edifact("lines[0].quantity")
    assert (found.value, bytes_of(found)) == ("12.5", [b"12,5"])
    assert [(step.what, step.value) for step in found.steps] == [("source", "12.5"), ("fit", "12.5")]


def test_the_branch_of_a_fallback_and_the_lookup_are_named() -> None:
    found = edifact("lines[1].unit")
    assert (found.value, found.origin, found.sources) == ("C62", "constant", [])
    assert [(step.what, step.text, step.value) for step in found.steps] == [
        ("source", "QTY[21]/C186/6411", None),
        ("constant", '"PCE"', "PCE"),
        ("choice", 'QTY[21]/C186/6411 ? "PCE"', "PCE"),
        ("lookup", "lookup(units)", "C62"),
    ]
    assert found.steps[2].note == "option 2 of 2"
    assert (found.steps[3].table, found.steps[3].row) == ("lookups/units.csv", 2)


def test_released_characters_belong_to_the_bytes() -> None:
    found = edifact("buyer.name")
    assert found.value == "Buyer+Co Sales"
    assert bytes_of(found) == [b"Buyer?+Co", b"Sales"]


def test_constants_defaults_and_what_is_absent() -> None:
    constant = edifact("currency")
    assert (constant.value, constant.origin, constant.expression) == ("EUR", "constant", "{const: EUR}")
    assert constant.line is not None
    assert (edifact("function").value, edifact("function").origin) == ("original", "default")
    assert (edifact("note").value, edifact("note").origin) == (None, "absent")


def test_a_part_is_its_group() -> None:
    found = edifact("lines[1]")
    assert found.origin == "part" and [source.place.segment_number for source in found.sources] == [8]
    assert edifact("lines").value == "2 of them"


def test_agreement_values_are_named() -> None:
    text = CSV_HEAD + CSV_FIELDS.replace('currency ? "EUR"', "currency ? agreement(currency)").replace(
        "issued_on: date | date", "issued_on: agreement(issued_on)"
    )
    (tree,) = csv_trees(
        mapping := good(text), "no;date;buyer;supplier;line;item;qty;unit\n7;;B;S;1;I;2;PCE\n"
    )
    given = {"currency": "SEK", "issued_on": dt.date(2026, 1, 30)}
    found = trace_field(mapping, tree, "issued_on", given)
    assert (found.value, found.origin) == ("2026-01-30", "agreement")
    assert [(step.what, step.text, step.value) for step in found.steps] == [
        ("agreement", "agreement(issued_on)", "2026-01-30")
    ]
    assert trace_field(mapping, tree, "currency", given).origin == "agreement"


CHOICE = (
    'note: ("big" when QTY[21]/C186/6060 >= 10 otherwise IMD/C273/7008 | first when present(IMD/C273/7008))'
)


@pytest.mark.parametrize(
    ("line", "value", "note"),
    [(0, "big", "the condition is true: when"), (1, None, "the condition is not true: nothing")],
)
def test_the_branch_of_a_condition_is_told(line: int, value: str | None, note: str) -> None:
    found = edifact(f"lines[{line}].note", EDIFACT_HEAD + EDIFACT_FIELDS + f"    {CHOICE}\n")
    assert found.value == value
    assert any(step.what == "choice" and step.note == note for step in found.steps)
    condition = next(step for step in found.steps if step.what == "condition")
    assert (condition.text, condition.value) == ("QTY[21]/C186/6060 >= 10", "true" if line == 0 else "false")
    assert found.sources[0].role == "condition"


def test_a_refused_value_shows_where_it_was_refused() -> None:
    body = tuple(part.replace("20260130", "20261330") for part in BODY)
    found = edifact("issued_on", body=body)
    assert found.value is None
    assert found.error is not None and "20261330" in found.error
    assert (found.steps[-1].what, found.steps[-1].text) == ("refused", "date(DTM[137]/C507/2379)")
    assert bytes_of(found, body)[0] == b"20261330"


def test_several_values_are_all_shown() -> None:
    body = (*BODY[:2], "DTM+137:20260131:102", *BODY[2:])
    found = edifact("issued_on", body=body)
    assert found.value is None and found.error is not None
    assert [source.place.segment_number for source in found.sources] == [3, 4]


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("lines[0].quanttiy", "Did you mean quantity"),
        ("lines[2].quantity", "this message has 2"),
        ("number.x", "no fields below"),
        ("lines[0", "no field"),
        ("supplier.address.city", "is not there"),
    ],
)
def test_a_field_that_is_not_there_is_told(field: str, says: str) -> None:
    text = EDIFACT_HEAD + EDIFACT_FIELDS + '  ship_to: {at: "NAD[DP]", address: {city: NAD/3164}}\n'
    with pytest.raises(TraceError) as caught:
        edifact(field.replace("supplier", "ship_to"), text)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_the_examples_is_traced_as_it_was_made(name: str) -> None:
    """The trace tells the story of the run: the same fields, the same values; and its bytes are the source's."""
    registry = MappingRegistry(MAPPINGS)
    mapping = registry.get(name)
    traced_at_all = 0
    for path in inputs(MAPPINGS / "examples" / name):
        with open_source(path) as stream:
            data = stream.read()
        given = given_of(path.parent, path.name.removesuffix(".source.json").removesuffix(path.suffix))
        for number in (1, 2):
            try:
                opened = open_message(registry, data, name=path.name, number=number, mapping=mapping)
            except (MessageUnknown, SourceError):
                break
            made = mapping.run(opened.tree, given).document
            if made is None:
                continue
            expected = dict(leaves(json.loads(canonical_bytes(made))))
            traced = {one.field: one for one in trace_all(mapping, opened.tree, given, opened.sharpen)}
            assert set(expected) <= set(traced), path
            for field, one in traced.items():
                assert one.value == as_text(field_value(made, field)), (path, field)
                for source in one.sources:
                    traced_at_all += 1
                    same_bytes(data, source.place, source.text)
    assert traced_at_all > 20


def same_bytes(data: bytes, place: Place, text: str) -> None:
    assert place.offset is not None and place.length is not None, place
    assert place.line is not None
    if is_bundle(data[:8]) or data.lstrip(b"\xef\xbb\xbf \r\n").startswith(
        (b"\xff\xfe", b"\xfe\xff", b"<", b"{", b"[")
    ):
        return  # compared by the second look, or written otherwise than read (1.20E+3)
    raw = data[place.offset : place.offset + place.length]
    try:
        found = raw.decode()
    except UnicodeDecodeError:
        found = raw.decode("cp1252")
    if found[:1] == '"':
        found = found[1:-1].replace('""', '"')
    assert as_read(found) == as_read(text), place


def test_a_trace_is_json() -> None:
    assert json.loads(msgspec.json.encode(edifact("lines[0].unit")))["steps"][0]["what"] == "source"


def test_a_message_that_is_not_there(tmp_path: Path) -> None:
    registry = MappingRegistry(MAPPINGS)
    with pytest.raises(MessageUnknown, match="the file has 1"):
        open_message(registry, edifact_file(*BODY), name="o.edi", number=2)
