"""CSV files as partners send them: good ones in every dress, bad ones with a finding at the place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderhub.findings import Finding, Severity
from orderhub.formats.base import MessageTree, ReadSummary
from orderhub.formats.csv import CsvLayout, CsvReader, sniff
from orderhub.formats.csv.lines import MAX_LINE
from orderhub.formats.dialect import DeclarationError, SourceDeclaration

HEAD = "no;item;qty\r\n"


def layout(**options: Any) -> CsvLayout:
    return CsvLayout.from_declaration(
        SourceDeclaration("csv", options={"key": "no", "columns": ["no", "item", "qty"], **options})
    )


def read(data: bytes | str, **options: Any) -> tuple[list[MessageTree], ReadSummary]:
    source = data.encode() if isinstance(data, str) else data
    session = CsvReader(layout(**options)).read(source, name="f.csv")
    return list(session), session.summary


def rows(trees: list[MessageTree]) -> list[list[list[str]]]:
    return [[list(row) for row in tree.root.rows] for tree in trees]


def codes(findings: list[Finding]) -> list[tuple[str, int | None]]:
    return [(finding.code, finding.place.line) for finding in findings]


def test_rows_with_one_key_are_one_message() -> None:
    trees, summary = read(HEAD + "A;x;1\r\nA;y;2\r\nB;z;3\r\n")
    assert rows(trees) == [[["A", "x", "1"], ["A", "y", "2"]], [["B", "z", "3"]]]
    assert [(tree.reference, tree.number, tree.message_type) for tree in trees] == [
        ("A", 1, "rows"),
        ("B", 2, "rows"),
    ]
    assert all(tree.usable for tree in trees)
    assert (summary.messages, summary.unusable, summary.well_formed, summary.refused) == (2, 0, True, False)
    row = trees[1].root.rows[0]
    assert (row.line, row.number, row.offset) == (4, 3, len(HEAD) + 14)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"\xef\xbb\xbfno;item;qty\nA;\xc3\xbc;1\n", {}),
        ("no;item;qty\nA;ü;1\n".encode("utf-16"), {}),
        ("\ufeffno;item;qty\nA;ü;1\n".encode("utf-16-be"), {}),
        ("\ufeffno;item;qty\nA;ü;1\n".encode("utf-16-le"), {"encoding": "cp1252"}),  # a byte order mark wins
        ("no;item;qty\nA;ü;1\n".encode("cp1252"), {"encoding": "cp1252"}),
        ("no;item;qty\nA;ü;1\n".encode("latin-1"), {"encoding": "latin-1"}),
        ("no,item,qty\nA,ü,1\n".encode(), {}),
        ("no\titem\tqty\nA\tü\t1\n".encode(), {}),
        ("no|item|qty\nA|ü|1\n".encode(), {"delimiter": "|"}),
        ("no\titem\tqty\nA\tü\t1".encode(), {"delimiter": "tab"}),
        ("no;item;qty\rA;ü;1\r".encode(), {}),
        ("\r\n\r\nno;item;qty\r\n\r\nA;ü;1\r\n\r\n".encode(), {}),
        ('"no";"item";"qty"\n"A";"ü";"1"'.encode(), {}),
        (" no ; item ; qty \nA;ü;1\n".encode(), {}),
        ("qty;no;item\n1;A;ü\n".encode(), {}),
        ("no;item;qty;\nA;ü;1;\n".encode(), {}),
        ("no;item;qty\nA;ü;1;;;\n".encode(), {}),
        ("'no';'item';'qty'\n'A';'ü';'1'\n".encode(), {"quote": "'"}),
    ],
)
def test_the_same_order_in_every_dress(data: bytes, options: dict[str, Any]) -> None:
    trees, summary = read(data, **options)
    assert rows(trees) == [[["A", "ü", "1"]]], summary.findings.kept
    assert summary.findings.errors == 0
    assert trees[0].findings == []


def test_quoted_values_hold_delimiters_quotes_and_line_ends() -> None:
    trees, _ = read(HEAD + 'A;"x; ""y""\r\nz";1\r\nA;b;2\r\n')
    assert rows(trees) == [[["A", 'x; "y"\r\nz', "1"], ["A", "b", "2"]]]
    assert [row.line for row in trees[0].root.rows] == [2, 4]


def test_other_columns_are_kept_and_optional_ones_may_be_missing() -> None:
    trees, summary = read("extra;no;item;qty\n7;A;x;1\n", optional_columns=["unit"])
    assert trees[0].root.columns == ("no", "item", "qty", "unit", "extra")
    assert rows(trees) == [[["A", "x", "1", "", "7"]]]
    assert summary.findings.count == 0
    place = trees[0].root.place(trees[0].root.rows[0], "extra")
    assert (place.element, place.excerpt, place.path) == (1, "7", "row 1, column extra")


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", [("CSV_EMPTY", 1)]),
        (b"\r\n  \r\n", [("CSV_EMPTY", 1)]),
        (b"\xef\xbb\xbf", [("CSV_EMPTY", 1)]),
        (b"no;itm;qty\nA;x;1\n", [("CSV_COLUMN_MISSING", 1)]),
        (b"no;No;ITEM\nA;x;1\n", [("CSV_COLUMN_MISSING", 1), ("CSV_COLUMN_MISSING", 1)]),
        (b"no;item;qty;item\nA;x;1;y\n", [("CSV_COLUMN_TWICE", 1)]),
        (b'no;item;qty\nA;"x;1\nB;y;2\n', [("CSV_QUOTE", 2)]),
        (b"no;item;qty\nA;x;1\nB;x;1\nA;y;2\n", [("CSV_KEY_RETURNS", 4)]),
        (b"no;item;qty\n" + b"x" * (MAX_LINE + 2), [("CSV_LINE_TOO_LONG", 2)]),
        (b"x" * (MAX_LINE + 2), [("CSV_LINE_TOO_LONG", 1)]),
        (b"no;item;qty\nA;" + b"x" * 200_000 + b";1\n", [("CSV_FIELD_TOO_LONG", 2)]),
        (b"no;it\xfcm;qty\nA;x;1\n", [("CSV_ENCODING", 1)]),
        (b"no;item;qty\x00\nA;x;1\n", [("CSV_NUL", 1)]),
        (b'no;"item;qty\nA;x;1\n', [("CSV_QUOTE", 1)]),
        (b"\xff\xfen\x00o\x00;\x00\xff", [("CSV_ENCODING", 1)]),
        (b'no;item;qty\n"A;x;1\n', [("CSV_QUOTE", 2)]),
    ],
)
def test_files_that_are_refused_as_a_whole(data: bytes, found: list[tuple[str, int]]) -> None:
    trees, summary = read(data)
    assert codes([f for f in summary.findings.kept if f.severity is Severity.ERROR]) == found
    assert summary.refused
    assert not summary.well_formed
    assert not any(tree.usable for tree in trees), (
        "nothing of a refused file may be usable, not even its first message"
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"B;x", "CSV_ROW_LENGTH"),
        (b"B;x;1;surplus", "CSV_ROW_LENGTH"),
        (b"B;\xfc;1", "CSV_ENCODING"),
        (b"B;x\x00y;1", "CSV_NUL"),
        (b";x;1", "CSV_KEY_MISSING"),
    ],
)
def test_a_wrong_row_spoils_only_its_own_message(line: bytes, code: str) -> None:
    trees, summary = read(b"no;item;qty\nA;x;1\n" + line + b"\nC;x;1\n")
    assert [tree.usable for tree in trees] == [True, False, True]
    assert codes(trees[1].findings) == [(code, 3)]
    assert trees[1].findings[0].place.offset is not None
    assert (summary.unusable, summary.refused) == (1, False)


def test_a_row_that_cannot_be_read_spoils_the_messages_on_both_sides() -> None:
    """Whose row it was cannot be known."""
    trees, _ = read(HEAD + 'A;x;1\nB;x;1\nB;"x"y;2\nC;x;1\nD;x;1\n')
    assert [(tree.reference, tree.usable) for tree in trees] == [
        ("A", True),
        ("B", False),
        ("C", False),
        ("D", True),
    ]
    trees, summary = read(HEAD + 'A;"x"y;2\n')
    assert trees == []
    assert summary.refused


def test_wrong_bytes_are_told_with_their_offset() -> None:
    trees, _ = read(b"no;item;qty\nA;M\xfcll;1\n")
    place = trees[0].findings[0].place
    assert (place.line, place.offset, place.message) == (2, 15, "A")
    assert "encoding: cp1252" in trees[0].findings[0].message


def test_rows_anywhere_when_declared() -> None:
    trees, summary = read(HEAD + "A;x;1\nB;y;2\nA;z;3\n", rows="any")
    assert rows(trees) == [[["A", "x", "1"], ["A", "z", "3"]], [["B", "y", "2"]]]
    assert summary.findings.count == 0
    assert all(row.group is tree.root for tree in trees for row in tree.root.rows)


def test_key_of_several_columns() -> None:
    trees, _ = read(HEAD + "A;x;1\nA;x;2\nA;y;3\n", key=["no", "item"])
    assert [tree.reference for tree in trees] == ["A / x", "A / y"]


def test_a_header_without_rows_is_a_warning() -> None:
    trees, summary = read(HEAD)
    assert trees == []
    assert [(f.code, f.severity) for f in summary.findings.kept] == [("CSV_NO_ROWS", Severity.WARNING)]
    assert not summary.refused


def test_ten_thousand_wrong_rows_stay_bounded() -> None:
    data = HEAD + "".join("A;x\n" for _ in range(10_000))
    trees, _ = read(data)
    assert len(trees) == 1
    assert not trees[0].usable
    assert len(trees[0].findings) == 201
    assert trees[0].findings[-1].code == "FINDINGS_CUT"
    assert "9800" in trees[0].findings[-1].message


def test_sources_of_every_kind_and_none_is_closed(tmp_path: Path) -> None:
    data = (HEAD + "A;ü;1\n").encode("utf-16")
    path = tmp_path / "f.csv"
    path.write_bytes(data)
    stream = io.BytesIO(b"junk" + data)
    stream.seek(4)
    for source in (path, data, stream):
        session = CsvReader(layout()).read(source, name="f.csv")
        assert rows(list(session)) == [[["A", "ü", "1"]]]
    assert not stream.closed
    with pytest.raises(OSError):
        list(CsvReader(layout()).read(tmp_path / "none.csv", name="none.csv"))


def test_streaming_keeps_only_the_message_at_hand(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write(HEAD)
        for order in range(5_000):
            file.writelines(f"A{order:06};item {line};{line}\n" for line in range(5))
    tracemalloc.start()
    count = sum(len(tree.root.rows) for tree in CsvReader(layout()).read(path, name="large.csv"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 25_000
    assert peak < 6_000_000  # of which the keys seen so far are nearly all


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"key": None}, "key"),
        ({"key": "nope"}, "key"),
        ({"columns": None}, "columns"),
        ({"columns": "no"}, "key"),
        ({"columns": ["no", "no"]}, "columns"),
        ({"columns": [["no"]]}, "columns"),
        ({"delimiter": "a;"}, "delimiter"),
        ({"delimiter": "; "}, "delimiter"),
        ({"header": False}, "delimiter"),
        ({"header": "none"}, "header"),
        ({"delimiter": ";", "line_end": "x"}, "line_end"),
        ({"line_end": "&|"}, "delimiter"),
        ({"header": False, "delimiter": ";", "optional_columns": ["z"]}, "optional_columns"),
        ({"delimiter": 1}, "delimiter"),
        ({"quote": ""}, "quote"),
        ({"encoding": "rot13"}, "encoding"),
        ({"encoding": "nonsense"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"decimal": "'"}, "decimal"),
        ({"grouping": "5"}, "grouping"),
        ({"grouping": "."}, "grouping"),
        ({"rows": "some"}, "rows"),
        ({"colums": ["no"]}, "colums"),
    ],
)
def test_wrong_declarations_name_their_entry(options: dict[str, Any], key: str) -> None:
    if key == "key" and options.get("columns") == "no":
        options = {"columns": "no", "key": "item"}
    with pytest.raises(DeclarationError) as caught:
        layout(**options)
    assert caught.value.key == key
    assert caught.value.todo


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (b"no;item;qty\nA;1;2", ("no", "item", "qty")),
        (b"\xef\xbb\xbf\"no\",item\n", ("no", "item")),
        ("a\tb".encode("utf-16"), ("a", "b")),
        (b"just a sentence\n", None),
        (b"", None),
        (b"a;;b\n", None),
        (b"a;a\n", None),
        (b"PK\x03\x04\x00;\x00", None),
    ],
)  # fmt: skip
def test_header_at_first_sight(head: bytes, columns: tuple[str, ...] | None) -> None:
    found = sniff(head)
    assert (None if found is None else found.columns) == columns


@settings(deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["adjacent", "any"]), st.sampled_from([None, "cp1252", "utf-16"])
)
def test_any_bytes_give_findings_and_never_an_exception(
    data: bytes, order: str, encoding: str | None
) -> None:
    for prefix in (b"", b"no;item;qty\n"):
        trees, summary = read(prefix + data, rows=order, encoding=encoding)
        assert summary.messages == len(trees)
        if summary.refused:
            assert summary.findings.errors
            assert not any(tree.usable for tree in trees)


@given(
    st.lists(
        st.tuples(st.sampled_from("AB"), st.text(max_size=8), st.text(max_size=8)), min_size=1, max_size=8
    ).map(lambda items: sorted(items, key=lambda item: item[0]))
)
def test_whatever_is_written_by_the_rules_comes_back(items: list[tuple[str, str, str]]) -> None:
    import csv

    if any("\0" in cell for item in items for cell in item):
        return
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerow(["no", "item", "qty"])
    writer.writerows(items)
    try:
        data = buffer.getvalue().encode()
    except UnicodeEncodeError:
        return
    trees, summary = read(data)
    assert summary.findings.count == 0
    assert [tuple(row) for tree in trees for row in tree.root.rows] == items
