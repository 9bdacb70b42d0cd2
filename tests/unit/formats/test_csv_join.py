"""Several CSV files as one source: declarations, paths, joins, and what is wrong with them at file and line."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest

from orderhub.findings import Finding, Severity
from orderhub.formats.base import MessageTree
from orderhub.formats.bundle import pack
from orderhub.formats.csv import CsvDialect, JoinLayout, JoinReader, JoinSession, join_tables
from orderhub.formats.dialect import DeclarationError, PathError, SourceDeclaration

FILES: dict[str, Any] = {
    "head": {"file": "head.csv", "key": "no", "columns": ["no", "vendor", "note"]},
    "line": {"file": "line.csv", "many": True, "join": "no", "columns": ["no", "pos", "item", "qty"]},
    "vendor": {
        "file": "vendor.csv",
        "key": "id",
        "join": {"head": "vendor"},
        "columns": ["id", "name", "country"],
    },
    "country": {
        "file": "country.csv",
        "key": "code",
        "join": {"vendor": "country"},
        "missing": "warning",
        "columns": ["code", "name"],
    },
    "item": {"file": "item.csv", "key": "id", "join": {"line": "item"}, "columns": ["id", "name"]},
    "offer": {
        "file": "offer.csv",
        "key": ["item", "vendor"],
        "join": {"line": "item", "head": "vendor"},
        "missing": "ignore",
        "columns": ["item", "vendor", "unit"],
    },
}
DATA = {
    "head.csv": "no;vendor;note\n1;7;first\n2;8;\n",
    "line.csv": "no;pos;item;qty\n1;1;A;10\n2;1;B;5\n1;2;B;3\n",
    "vendor.csv": "id;name;country\n7;Nord;DE\n8;Süd;\n",
    "country.csv": "code;name\nDE;Germany\n",
    "item.csv": "id;name\nA;Axle\nB;Bolt\n",
    "offer.csv": "item;vendor;unit\nA;7;CS\nB;7;DZ\n",
}


def source(files: Mapping[str, Any] = FILES, **options: Any) -> SourceDeclaration:
    return SourceDeclaration("csv", options={"delimiter": ";", "files": files, **options})


def session(
    data: Mapping[str, str | bytes] = DATA, files: Mapping[str, Any] = FILES, **options: Any
) -> JoinSession:
    packed = pack((name, text if isinstance(text, bytes) else text.encode()) for name, text in data.items())
    return JoinReader(JoinLayout.from_declaration(source(files, **options))).read(packed, name="in.zip")


def changed(name: str, old: str, new: str) -> dict[str, str]:
    assert old in DATA[name]
    return {**DATA, name: DATA[name].replace(old, new, 1)}


def value(tree: MessageTree, path: str, files: Mapping[str, Any] = FILES) -> Any:
    return CsvDialect().scope(source(files)).resolve(path).get(tree.root)


def lines(tree: MessageTree, *paths: str) -> list[list[Any]]:
    group = CsvDialect().scope(source()).enter("line")
    resolved = [group.scope.resolve(path) for path in paths]
    return [
        [path.get(tree.root if path.from_root else node) for path in resolved]
        for node in group.nodes(tree.root)
    ]


def said(findings: list[Finding]) -> list[tuple[str, str | None, int | None]]:
    return [(finding.code, finding.place.file, finding.place.line) for finding in findings]


def test_rows_that_belong_together_are_one_message() -> None:
    read = session()
    first, second = read
    assert (first.reference, first.findings, second.findings) == ("1", [], [])
    assert [value(first, path) for path in ("no", "head.note", "vendor.name", "country.name")] == [
        "1",
        "first",
        "Nord",
        "Germany",
    ]
    assert lines(first, "pos", "line.qty", "item.name", "offer.unit", "/vendor.name") == [
        ["1", "10", "Axle", "CS", "Nord"],
        ["2", "3", "Bolt", "DZ", "Nord"],
    ]
    # a country that is not named is not looked for, an offer that is not there is ignored here
    assert (value(second, "country.name"), lines(second, "offer.unit")) == (None, [[None]])
    assert value(first, "line.qty") == ["10", "3"]
    assert value(first, "item.name") == ["Axle", "Bolt"]
    assert (read.summary.messages, read.summary.unusable, read.summary.findings.kept) == (2, 0, [])


def test_every_value_knows_its_member_and_line() -> None:
    first, second = session()
    scope = CsvDialect().scope(source())
    [place] = scope.resolve("vendor.name").where(first.root)
    assert (place.file, place.line, place.element, place.segment) == (
        "in.zip/vendor.csv",
        2,
        2,
        "vendor.name",
    )
    assert (place.message, place.excerpt) == ("1", "Nord")
    group = scope.enter("line")
    node = group.nodes(first.root)[1]
    assert str(group.where(node)).startswith("in.zip/line.csv, line 4, message 1")
    [place] = group.scope.resolve("item.name").where(node)
    assert (place.file, place.line) == ("in.zip/item.csv", 3)
    # what is not there is placed where it should have been named
    [place] = scope.resolve("country.name").where(second.root)
    assert (place.file, place.line, place.segment) == ("in.zip/vendor.csv", 3, "vendor.country")


def test_a_missing_partner_is_said_at_the_cell_that_names_it() -> None:
    first, second = session(changed("line.csv", "2;1;B", "2;1;C"))
    assert first.usable
    assert said(second.findings) == [("CSV_JOIN_MISSING", "in.zip/line.csv", 3)]
    assert second.findings[0].value == "C"
    assert not second.usable
    first, _ = session(changed("vendor.csv", "DE", "FR"))
    assert (said(first.findings), first.usable) == ([("CSV_JOIN_MISSING", "in.zip/vendor.csv", 2)], True)
    # of a vendor that is not there, the country is not missed as well
    first, _ = session(changed("head.csv", "1;7", "1;9"))
    assert said(first.findings) == [("CSV_JOIN_MISSING", "in.zip/head.csv", 2)]


def test_a_key_that_stands_twice_spoils_who_needs_it() -> None:
    read = session(changed("vendor.csv", "8;S", "7;S"))
    first, second = read
    assert said(first.findings) == [("CSV_KEY_TWICE", "in.zip/head.csv", 2)]
    assert said(second.findings) == [("CSV_JOIN_MISSING", "in.zip/head.csv", 3)]
    assert said(read.summary.findings.kept) == [("CSV_KEY_TWICE", "in.zip/vendor.csv", 3)]
    read = session(changed("head.csv", "2;8", "1;8"))
    found = list(read)
    assert [said(tree.findings) for tree in found] == [
        [("CSV_KEY_TWICE", "in.zip/head.csv", 2)],
        [("CSV_KEY_TWICE", "in.zip/head.csv", 3)],
        [("CSV_JOIN_ORPHAN", "in.zip/line.csv", 3)],
    ]


def test_orphans_are_kept_as_messages_of_their_own() -> None:
    read = session(changed("line.csv", "2;1;B;5\n", "2;1;B;5\n9;1;A;1\n9;2;Z;2\n"))
    found = list(read)
    assert [tree.reference for tree in found] == ["1", "2", "9"]
    orphan = found[2]
    assert not orphan.usable
    assert said(orphan.findings) == [
        ("CSV_JOIN_ORPHAN", "in.zip/line.csv", 4),
        ("CSV_JOIN_MISSING", "in.zip/line.csv", 5),
    ]
    assert (value(orphan, "no"), value(orphan, "note"), lines(orphan, "pos")) == ("9", None, [["1"], ["2"]])
    [place] = CsvDialect().scope(source()).resolve("note").where(orphan.root)
    assert (place.file, place.line) == ("in.zip/line.csv", 4)


def test_wrong_rows_spoil_the_messages_that_use_them() -> None:
    data = {**DATA, "item.csv": "id;name\nA;Axle;more\nB;Bolt\nC;Cog;more\n"}
    read = session(data)
    first, second = read
    assert said(first.findings) == [("CSV_ROW_LENGTH", "in.zip/item.csv", 2)]
    assert second.usable
    assert said(read.summary.findings.kept) == [("CSV_ROW_LENGTH", "in.zip/item.csv", 4)]
    first, second = session(changed("head.csv", "1;7;first", "1;7"))
    assert (said(first.findings), second.usable) == ([("CSV_ROW_LENGTH", "in.zip/head.csv", 2)], True)
    read = session(changed("line.csv", "2;1;B;5", ";1;B;5"))
    assert len(list(read)) == 2
    assert said(read.summary.findings.kept) == [("CSV_KEY_MISSING", "in.zip/line.csv", 3)]


@pytest.mark.parametrize(
    ("data", "code", "file"),
    [
        ({k: v for k, v in DATA.items() if k != "item.csv"}, "CSV_FILE_MISSING", "in.zip"),
        (changed("item.csv", "name", "nam"), "CSV_COLUMN_MISSING", "in.zip/item.csv"),
        (changed("item.csv", "Bolt", '"Bolt'), "CSV_QUOTE", "in.zip/item.csv"),
        (changed("line.csv", "A;10", '"A"x;10'), "CSV_QUOTE", "in.zip/line.csv"),
        (changed("head.csv", "first", '"first'), "CSV_QUOTE", "in.zip/head.csv"),
        ({**DATA, "head.csv": ""}, "CSV_EMPTY", "in.zip/head.csv"),
    ],
    ids=["member", "column", "open quote", "odd quote", "root", "empty"],
)
def test_what_cannot_be_read_refuses_the_bundle(data: Mapping[str, str], code: str, file: str) -> None:
    read = session(data)
    assert not any(tree.usable for tree in read)
    assert read.summary.refused
    assert code in [finding.code for finding in read.summary.findings.kept]
    assert file in [finding.place.file for finding in read.summary.findings.kept]


def test_an_archive_that_is_none_is_refused() -> None:
    reader = JoinReader(JoinLayout.from_declaration(source()))
    for data in (b"", b"no;vendor\n", pack(list({k: v.encode() for k, v in DATA.items()}.items()))[:-30]):
        read = reader.read(data, name="in.zip")
        assert list(read) == []
        assert [finding.code for finding in read.summary.findings.kept] == ["BUNDLE_DAMAGED"]
        assert read.summary.refused


def test_members_by_pattern_and_those_that_nobody_reads() -> None:
    files = {**FILES, "head": {**FILES["head"], "file": "head_*.csv"}}
    data = {("head_2026.csv" if name == "head.csv" else name): text for name, text in DATA.items()}
    read = session({**data, "readme.txt": "hello"}, files)
    assert len(list(read)) == 2
    assert said(read.summary.findings.kept) == [("CSV_FILE_UNREAD", "in.zip/readme.txt", None)]
    read = session({**data, "head_2027.csv": "x"}, files)
    assert list(read) == []
    assert said(read.summary.findings.kept) == [("CSV_FILE_SEVERAL", "in.zip", None)]


def test_files_without_header_and_with_marks_of_several_characters() -> None:
    """As the export of a database writes them: no header, UTF-16, +| between values, &| and a line end after a record."""
    files = {
        "head": {"file": "head.csv", "key": "no", "columns": ["no", "vendor", "note"]},
        "line": {
            "file": "line.csv",
            "many": True,
            "join": "no",
            "columns": ["no", "qty"],
            "delimiter": "tab",
        },
    }
    files["line"]["line_end"] = None
    data: dict[str, bytes] = {
        "head.csv": '1+|7+|two\r\nlines; "quoted" & |&|\r\n2+|8+|&|\r\n'.encode("utf-16"),
        "line.csv": b'1\t10\n2\t"5"\n',
    }
    del files["line"]["line_end"]
    files["head"] |= {"delimiter": "+|", "line_end": "&|"}
    read = session(data, files, header=False)
    first, second = read
    assert read.summary.findings.kept == []
    assert value(first, "note", files) == 'two\r\nlines; "quoted" & |'
    assert (value(second, "vendor", files), value(second, "note", files)) == ("8", None)
    assert (value(first, "line.qty", files), value(second, "line.qty", files)) == (["10"], ["5"])
    [place] = CsvDialect().scope(source(files)).resolve("vendor").where(second.root)
    assert place.line == 3
    cut = {**data, "head.csv": data["head.csv"][:-8]}
    read = session(cut, files, header=False)
    assert list(read) == []
    assert [finding.code for finding in read.summary.findings.kept] == ["CSV_RECORD_END"]


def test_what_is_declared_and_read_by_nobody_is_told() -> None:
    scope = CsvDialect().scope(source())
    group = scope.enter("line")
    read = [scope.resolve("vendor.name"), group.scope.resolve("qty"), group.scope.resolve("item.name")]
    unread = scope.unread(read, [group])
    first, _ = session()
    assert [(each.path, each.segment, each.value) for each in unread(first.root)] == [
        ("note", "head.note", "first"),
        ("country.name", "country.name", "Germany"),
        ("pos", "line.pos", "1"),
        ("offer.unit", "offer.unit", "CS"),
        ("pos", "line.pos", "2"),
        ("offer.unit", "offer.unit", "DZ"),
    ]
    assert unread(first.root)[2].place().line == 2
    only = scope.unread(read, [group], lambda segment: segment == "head.note")
    assert [each.path for each in only(first.root)] == ["note"]


@pytest.mark.parametrize(
    ("path", "within", "offset", "suggestion"),
    [
        ("nope", False, 0, None),
        ("Note", False, 0, "note"),
        ("vendor.Name", False, 0, "vendor.name"),
        ("/vendor.nam", False, 1, "vendor.name"),
        ("item/name", False, 0, None),
        ("vendor.name", True, 0, "/vendor.name"),
        ("qtty", True, 0, "qty"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(
    path: str, within: bool, offset: int, suggestion: str | None
) -> None:
    scope = CsvDialect().scope(source())
    if within:
        scope = scope.enter("line").scope
    with pytest.raises(PathError) as caught:
        scope.resolve(path)
    assert caught.value.offset == offset
    assert suggestion is None or suggestion in caught.value.suggestions
    for group in ("rows", "vendor", "line"):
        if within or group != "line":
            with pytest.raises(PathError):
                scope.enter(group)


def test_columns_with_other_characters() -> None:
    files = {"head": {"file": "head.csv", "key": "Order No", "columns": ["Order No"]}}
    files["line"] = {
        "file": "line.csv",
        "many": True,
        "join": "Order No",
        "columns": ["Order No", "Unit, net"],
    }
    data = {"head.csv": "Order No\n1\n2\n", "line.csv": "Order No;Unit, net\n1;5\n"}
    first, second = session(data, files)
    assert value(first, 'col("Order No")', files) == "1"
    assert value(first, 'col("line.Unit, net")', files) == ["5"]
    assert value(second, 'col("line.Unit, net")', files) == []


def with_table(name: str, **changes: Any) -> dict[str, Any]:
    return {**FILES, name: {**FILES[name], **changes}}


@pytest.mark.parametrize(
    ("files", "key"),
    [
        ({}, "files"),
        ([], "files"),
        ({"head": 1}, "files.head"),
        ({"he ad": FILES["head"]}, "files.he ad"),
        ({"head": FILES["head"], "other": FILES["head"]}, "files"),
        ({"line": FILES["line"]}, "files"),
        (with_table("head", file="../head.csv"), "files.head.file"),
        (with_table("head", key=None), "files.head"),
        (with_table("head", key="nr"), "files.head.key"),
        (with_table("head", many=True), "files.head.many"),
        (with_table("head", colums=["no"]), "files.head.colums"),
        (with_table("head", columns=["no", "no"]), "files.head.columns"),
        (with_table("head", delimiter="x y"), "files.head.delimiter"),
        (with_table("line", join="nr"), "files.line.join"),
        (with_table("line", join=["no", "pos"]), "files.line.join"),
        (with_table("line", join={"vendor": "no"}), "files.line.join"),
        (with_table("line", many="yes"), "files.line.many"),
        (with_table("vendor", join={"heads": "vendor"}), "files.vendor.join"),
        (with_table("vendor", join={"head": "vender"}), "files.vendor.join"),
        (with_table("vendor", join={"head": ["vendor", "no"]}), "files.vendor.join"),
        (with_table("vendor", join={"country": "code"}), "files.vendor.join"),
        (with_table("vendor", key=None), "files.vendor"),
        (with_table("vendor", missing="perhaps"), "files.vendor.missing"),
        (
            {
                **FILES,
                "more": {**FILES["line"]},
                "mix": {**FILES["offer"], "join": {"line": "item", "more": "no"}},
            },
            "files.mix.join",
        ),
    ],
)
def test_a_wrong_declaration_names_its_entry(files: Any, key: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        JoinLayout.from_declaration(source(files))
    assert caught.value.key == key
    assert caught.value.todo


def test_the_root_is_streamed_and_the_joined_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 40_000
    data = {
        "head.csv": "no;vendor;note\n" + "".join(f"{n};7;{'x' * 100}\n" for n in range(rows)),
        "vendor.csv": DATA["vendor.csv"],
    }
    files = {name: FILES[name] for name in ("head", "vendor")}
    packed = pack((name, text.encode()) for name, text in data.items())
    read = JoinReader(JoinLayout.from_declaration(source(files))).read(packed, name="in.zip")
    tracemalloc.start()
    count = sum(1 for _ in read)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == rows
    assert peak < 12_000_000, "the keys seen, and one message at a time"
    monkeypatch.setattr(join_tables, "MAX_CELLS", 5)
    monkeypatch.setattr(join_tables.Budget.__init__, "__defaults__", (5,))
    refused = session()
    assert list(refused) == []
    assert "CSV_JOIN_TOO_LARGE" in [finding.code for finding in refused.summary.findings.kept]


def test_nothing_of_a_bundle_is_used_when_its_end_is_damaged() -> None:
    packed = bytearray(pack((name, text.encode()) for name, text in DATA.items()))
    at = bytes(packed).index(b"first")
    packed[at] ^= 1  # the member's checksum does not fit any more
    read = JoinReader(JoinLayout.from_declaration(source())).read(bytes(packed), name="in.zip")
    assert not any(tree.usable for tree in read)
    [finding] = [each for each in read.summary.findings.kept if each.severity is Severity.ERROR]
    assert (finding.code, finding.place.file) == ("BUNDLE_DAMAGED", "in.zip/head.csv")
