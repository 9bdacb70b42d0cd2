"""The star schema's tables fit the documents, and its rules tell versions apart."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import (
    DOCUMENT_TYPES,
    Demand,
    Document,
    Item,
    Party,
    Receipt,
    ReceiptLine,
    StockLevel,
    Supplier,
    SupplierItem,
)
from orderhub.documents.order import LineItem
from orderhub.errors import ConnectorUnavailable, OutcomeUnclear
from orderhub.star import records, rows, text
from orderhub.star.halving import Refused, in_halves
from orderhub.star.merge import Closing, Current, Known, Load, Name, Version, merge, storable, turns
from orderhub.star.tables import TABLES, Kind, Table, names
from orderhub.testing import load_item, sample_order

DAY = dt.date(2026, 11, 2)
DOCUMENTS: list[Document] = [
    sample_order("A"),
    Supplier(number="S", name="Nord"),
    SupplierItem(supplier_number="S", item_number="I", unit="C62", price=Decimal("1.5"), currency="EUR"),
    Item(number="I", name="Bolt", unit="C62"),
    Receipt(
        number="R",
        received_on=DAY,
        supplier=Party(name="Nord"),
        order_number="A",
        lines=[
            ReceiptLine(number=1, item=LineItem(buyer_code="I"), quantity_received=Decimal(3), unit="C62")
        ],
    ),
    StockLevel(item_number="I", location="L", quantity=Decimal(1), unit="C62", as_of=DAY),
    Demand(item_number="I", period_from=DAY, period_to=DAY, quantity=Decimal(1), unit="C62"),
]
_PYTHON = {
    Kind.TEXT: str,
    Kind.LONG_TEXT: str,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.DATE: dt.date,
    Kind.BOOLEAN: bool,
}


class Memory:
    """A store of dictionaries."""

    def __init__(self) -> None:
        self.loads: dict[str, Known] = {}
        self.open: dict[Name, Current] = {}
        self.closed: list[Closing] = []
        self.versions: list[Version] = []
        self.moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self.ids = iter(range(1, 1_000_000))

    def hold(self, table: Table) -> dt.datetime:
        return self.moment

    def known(self, table: Table, keys: Any) -> dict[str, Known]:
        return {key: self.loads[key] for key in keys if key in self.loads}

    def current(self, table: Table, names: Any) -> dict[Name, Current]:
        return {name: self.open[name] for name in names if name in self.open}

    def reserve(self, table: Table, versions: int, loads: int) -> tuple[list[int], list[int]]:
        return [next(self.ids) for _ in range(versions)], [next(self.ids) for _ in range(loads)]

    def write(self, table: Table, loads: list[Load], closing: list[Closing], versions: list[Version]) -> None:
        for load in loads:
            assert load.item.key not in self.loads
            self.loads[load.item.key] = Known(load.outcome.reference or "", load.outcome.version or 0)
        self.closed += closing
        for version in versions:
            self.versions.append(version)
            self.open[version.name] = Current(
                version.id,
                version.number,
                version.item.document.revision,
                version.content_hash,
                version.valid_from,
            )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.document_name)
def test_a_row_has_a_value_of_the_columns_kind_for_every_column(document: Document) -> None:
    table = TABLES[type(document)]
    assert table.name == document.document_name
    pairs = [(table.columns, rows.values(document))]
    if table.lines is not None:
        lines = list(rows.lines(document))
        assert len(lines) == len(document.lines)  # type: ignore[union-attr]
        pairs += [(table.lines.columns, line) for line in lines]
    for columns, values in pairs:
        assert len(columns) == len(values)
        for column, value in zip(columns, values, strict=True):
            if value is None:
                assert not column.required, column.name
            else:
                assert type(value) is _PYTHON[column.kind], column.name


def test_every_document_type_has_its_tables() -> None:
    assert {table.name for table in TABLES.values()} == set(DOCUMENT_TYPES)
    assert set(names()) == {*DOCUMENT_TYPES, "purchase_order_line", "receipt_line", "load"}


def test_the_fast_text_of_order_lines_is_the_ordinary_one() -> None:
    order = sample_order("A", lines=4)
    odd = msgspec.structs.replace(order.lines[0], note="a\tb\\c\nd\re\0f", amount=Decimal("1E+3"), unit="H87")
    order = msgspec.structs.replace(order, lines=[odd, *order.lines[1:]])
    item = load_item(order)
    version = Version(
        item, 7, Name("c", "production", "i"), 1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "h", 9
    )
    plain = "".join(text.row(*line) for line in records.line_rows(version, records.naive))
    assert "".join(text.lines([version], records.naive)) == plain
    assert "a\\tb\\\\c\\nd\\re\ufffdf" in plain
    odd_key = msgspec.structs.replace(item, key="k\t1", identity="i\\2", company="c\n3")
    outcome = Outcome(key="k\t1", state=OutcomeState.WRITTEN, reference="A\t v1", version=1)
    load = Load(9, odd_key, Name("c\n3", "test", "i\\2"), outcome, 7)
    for hashed in (False, True):
        assert "".join(text.loads([load], hashed=hashed)) == text.row(*records.load_row(load, hashed=hashed))


def item(
    key: str, number: str = "A", *, quantity: int = 1, revision: int = 0, test: bool = False
) -> LoadItem:
    document = msgspec.structs.replace(sample_order(number, quantity=Decimal(quantity)), revision=revision)
    return msgspec.structs.replace(load_item(document, key=key), test=test)


def states(outcomes: list[Outcome]) -> list[tuple[str, int | None]]:
    return [(outcome.state.value, outcome.version) for outcome in outcomes]


def test_versions_keys_and_revisions() -> None:
    store = Memory()
    assert states(merge(store, [item("1"), item("2", "B"), item("1"), item("3", quantity=2)])) == [
        ("written", 1),
        ("written", 1),
        ("unchanged", 1),
        ("written", 2),
    ]
    assert states(merge(store, [item("4", quantity=2), item("1"), item("5", quantity=3, revision=1)])) == [
        ("unchanged", 2),
        ("unchanged", 1),
        ("written", 3),
    ]
    [stale] = merge(store, [item("6", quantity=9)])
    assert (stale.state, stale.code) == (OutcomeState.REJECTED, "STALE_REVISION")
    assert states(merge(store, [item("7", quantity=9, test=True)])) == [("written", 1)]
    # the moment of the transaction is the same: versions follow each other by a microsecond
    chain = [version for version in store.versions if version.name.identity.endswith("/A")][:3]
    assert [closing.valid_to for closing in store.closed] == [version.valid_from for version in chain[1:]]
    assert len({version.valid_from for version in chain}) == 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_turns_keep_the_order_within_an_identity(pairs: list[tuple[int, int]]) -> None:
    items = [item(f"k{key}", f"N{number}") for key, number in pairs]
    found = turns(items, range(len(items)))
    assert sorted(index for turn in found for index in turn) == list(range(len(items)))
    place = {index: number for number, turn in enumerate(found) for index in turn}
    for turn in found:
        assert len({items[index].key for index in turn}) == len(turn)
        assert len({items[index].identity for index in turn}) == len(turn)
    for first in range(len(items)):
        for second in range(first + 1, len(items)):
            if items[first].identity == items[second].identity:
                assert place[first] < place[second]


def test_texts_that_no_database_keeps_are_refused() -> None:
    assert storable("Größe 🚲")
    assert not storable("a\0b")
    assert not storable("a\ud800b")
    with pytest.raises(Refused, match="no text that a database keeps"):
        merge(Memory(), [item("a\0b")])


def test_hashes_tell_names_apart_that_a_collation_would_not() -> None:
    texts = ["a", "A", "a ", "ä", "a\u0308", " a", "а"]
    assert len({records.key_hash(one) for one in texts}) == len(texts)
    assert len({records.name_hash(Name("c", "production", one)) for one in texts}) == len(texts)


@given(st.sets(st.integers(0, 19)))
def test_halving_finds_every_bad_document(bad: set[int]) -> None:
    items = [item(f"k{number}", f"N{number}") for number in range(20)]
    keys = {f"k{number}" for number in bad}

    def write(part: list[LoadItem]) -> list[Outcome]:
        if keys & {one.key for one in part}:
            raise Refused("too long")
        return [Outcome(key=one.key, state=OutcomeState.WRITTEN) for one in part]

    outcomes = in_halves(items, write)
    assert [outcome.key for outcome in outcomes] == [one.key for one in items]
    assert {outcome.key for outcome in outcomes if outcome.state is OutcomeState.REJECTED} == keys


@pytest.mark.parametrize("failure", [ConnectorUnavailable, OutcomeUnclear])
def test_a_failure_after_something_was_written_leaves_the_rest_unclear(failure: type[Exception]) -> None:
    items = [item(f"k{number}", f"N{number}") for number in range(4)]
    calls = 0

    def write(part: list[LoadItem]) -> list[Outcome]:
        nonlocal calls
        calls += 1
        if len(part) == 4:
            raise Refused("too long")
        if calls == 2:
            return [Outcome(key=one.key, state=OutcomeState.WRITTEN) for one in part]
        raise failure("gone", todo="wait")  # type: ignore[call-arg]  # both take it

    assert [outcome.state.value for outcome in in_halves(items, write)] == ["written"] * 2 + ["unclear"] * 2


def test_a_failure_before_anything_was_written() -> None:
    def unavailable(_: list[LoadItem]) -> list[Outcome]:
        raise ConnectorUnavailable("gone", todo="wait")

    def unclear(_: list[LoadItem]) -> list[Outcome]:
        raise OutcomeUnclear("gone", todo="wait")

    with pytest.raises(ConnectorUnavailable):
        in_halves([item("1")], unavailable)
    assert [outcome.state for outcome in in_halves([item("1")], unclear)] == [OutcomeState.UNCLEAR]
    assert in_halves([], unavailable) == []
