"""``coverage`` and ``diff``: a mapping over a folder of files."""

from __future__ import annotations

from pathlib import Path

import pytest
from mapping_samples import CSV_FIELDS, CSV_HEAD, EDIFACT_FIELDS, EDIFACT_HEAD, edifact_file

from orderhub.mapping import MappingRegistry
from orderhub.mapping.real_files import compare, coverage

HEADER = "no;date;buyer;supplier;line;item;qty;unit;note;kind;price\n"
BODY = (
    "BGM+220+PO7+9",
    "DTM+137:20260130:102",
    "FTX+AAI+++Hello",
    "NAD+BY+++Buyer",
    "NAD+SU+77::92++Seller",
    "LIN+1++4299999010007:EN",
    "QTY+21:12,5:KG",
    "LIN+2++4299999010014:EN",
    "QTY+21:5",
    "MOA+203:8",
    "UNS+S",
)


@pytest.fixture
def registry(tmp_path: Path) -> MappingRegistry:
    folder = tmp_path / "mappings"
    (folder / "lookups").mkdir(parents=True)
    (folder / "lookups" / "units.csv").write_text("from,to\nPCE,C62\nKG,KGM\n")
    texts = {
        "edi": EDIFACT_HEAD + EDIFACT_FIELDS + "unmapped: {default: warn, MOA: ignore}\n",
        "one": CSV_HEAD + CSV_FIELDS,
        "two": CSV_HEAD.replace("version: 1", "version: 2")
        + CSV_FIELDS.replace('currency ? "EUR"', 'currency ? "USD"').replace(
            "amount: amount", "amount: price"
        ),
        "shop": CSV_HEAD.replace("columns: [no", "columns: [nr").replace("key: no", "key: nr")
        + CSV_FIELDS.replace("number: no\n", "number: nr\n"),
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text.replace("mapping: sample", f"mapping: {name}"))
    return MappingRegistry(folder)


def files(folder: Path, **content: bytes) -> list[Path]:
    made = folder / "files"
    made.mkdir()
    for name, data in content.items():
        (made / name).write_bytes(data)
    return sorted(made.iterdir())


def test_what_is_dropped_is_counted_with_an_example(tmp_path: Path, registry: MappingRegistry) -> None:
    data = edifact_file(*BODY)
    found = coverage(
        registry.get("edi"), registry, files(tmp_path, a=data, b=data, c=b"no order at all", d=b"\xff\x00")
    )
    assert (found.files, found.messages, found.refused) == (4, 2, 0)
    assert [Path(path).name for path in found.passed_over] == ["c", "d"]
    dropped = {one.path: one for one in found.dropped}
    note = dropped["FTX[AAI]/C108/4440"]
    assert (note.times, note.messages, note.example, note.level) == (2, 2, "Hello", "warn")
    assert note.place.segment == "FTX" and note.place.offset == data.index(b"Hello")
    # also what the mapping was told to ignore
    assert dropped["MOA[203]/C516/5004"].level == "ignore"


def test_columns_that_are_dropped(tmp_path: Path, registry: MappingRegistry) -> None:
    rows = f"{HEADER}7;2026-01-30;B;S;1;I;2;PCE;x;K1;3\n7;2026-01-30;B;S;2;I;2;PCE;;K2;3\n"
    found = coverage(registry.get("one"), registry, files(tmp_path, a=rows.encode()))
    assert [(one.path, one.times, one.messages, one.example) for one in found.dropped] == [
        ("kind", 2, 1, "K1")
    ]


def test_refused_messages_are_counted(tmp_path: Path, registry: MappingRegistry) -> None:
    rows = f"{HEADER}7;soon;B;S;1;I;2;PCE;;;\n"
    found = coverage(registry.get("one"), registry, files(tmp_path, a=rows.encode()))
    assert (found.messages, found.refused) == (1, 1)


def test_two_versions_differ_in_their_fields(tmp_path: Path, registry: MappingRegistry) -> None:
    rows = f"{HEADER}7;2026-01-30;B;S;1;I;2;PCE;;;3\n8;2026-01-30;B;S;1;I;2;PCE;;;\n9;soon;B;S;1;I;2;PCE;;;\n"
    found = compare(
        registry.get("one"), registry.get("two"), registry, files(tmp_path, a=rows.encode(), b=b"-")
    )
    assert (found.before, found.after) == ("one version 1", "two version 2")
    assert (found.messages, found.same, len(found.differing)) == (3, 1, 2)
    first = found.differing[0]
    assert (first.number, first.message, first.outcome) == ("7", 1, "changed")
    assert [(one.field, one.before, one.after) for one in first.fields] == [
        ("currency", "EUR", "USD"),
        ("lines[0].amount", None, "3"),
    ]
    assert found.fields() == {"currency": 2, "lines[].amount": 1}
    assert [Path(path).name for path in found.passed_over] == ["b"]


def test_the_same_version_differs_in_nothing(tmp_path: Path, registry: MappingRegistry) -> None:
    found = compare(
        registry.get("edi"), registry.get("edi"), registry, files(tmp_path, a=edifact_file(*BODY))
    )
    assert (found.messages, found.same, found.differing) == (1, 1, [])


def test_what_only_one_of_them_makes_has_its_reasons(tmp_path: Path, registry: MappingRegistry) -> None:
    rows = f"{HEADER}7;2026-01-30;B;S;1;I;2;XXX;;;3\n"
    table = registry.folder / "lookups" / "units.csv"
    before = registry.get("one")
    table.write_text("from,to\nPCE,C62\nXXX,C62\n")
    after = MappingRegistry(registry.folder).get("one")
    found = compare(before, after, registry, files(tmp_path, a=rows.encode()))
    (difference,) = found.differing
    assert (difference.outcome, difference.number) == ("only_after", "7")
    assert difference.reasons[0].startswith("VALUE_LOOKUP: ")


def test_another_layout_is_read_as_it_is_declared(tmp_path: Path, registry: MappingRegistry) -> None:
    rows = f"{HEADER}7;2026-01-30;B;S;1;I;2;PCE;;;3\n"
    found = compare(registry.get("one"), registry.get("shop"), registry, files(tmp_path, a=rows.encode()))
    assert [one.outcome for one in found.differing] == ["only_before"]
