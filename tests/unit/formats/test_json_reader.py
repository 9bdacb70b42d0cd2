"""JSON files as partners send them: good ones in every dress, bad ones with a finding at the place."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderhub.findings import Finding
from orderhub.formats.base import MessageTree, ReadSummary
from orderhub.formats.dialect import DeclarationError, SourceDeclaration
from orderhub.formats.json import JsonLayout, JsonReader
from orderhub.formats.json.decode import decode
from orderhub.formats.json.look import fault_in, locate
from orderhub.formats.json.source import CHUNK

ORDER = '{"no": "A", "lines": [{"qty": 1.50}, {"qty": 2}]}'


def layout(**options: Any) -> JsonLayout:
    return JsonLayout.from_declaration(SourceDeclaration("json", options={"keys": ["no"], **options}))


def read(data: bytes | str, name: str = "f.json", **options: Any) -> tuple[list[MessageTree], ReadSummary]:
    source = data.encode() if isinstance(data, str) else data
    session = JsonReader(layout(**options)).read(source, name=name)
    return list(session), session.summary


def values(trees: list[MessageTree]) -> list[Any]:
    return [tree.root.value for tree in trees]


def where(finding: Finding) -> tuple[str, int | None, int | None, str | None]:
    return finding.code, finding.place.line, finding.place.column, finding.place.path


@pytest.mark.parametrize(
    ("data", "options", "paths"),
    [
        (ORDER, {}, ["/"]),
        (f" \n{ORDER}\r\n\t", {}, ["/"]),
        (f"[{ORDER}]", {}, ["/0"]),
        (f"[{ORDER},\n {ORDER}]", {}, ["/0", "/1"]),
        (f"{ORDER}\n{ORDER}\n", {}, ["/0", "/1"]),
        (f"{ORDER}\r\n\r\n{ORDER}", {}, ["/0", "/1"]),
        ('{"orders": [' + ORDER + "]}", {"record": "orders"}, ["/orders/0"]),
        ('{"orders": [\n' + ORDER + "\n]}", {"record": "orders"}, ["/orders/0"]),
        ('{"x": {"y": [' + ORDER + '], "z": [[1], "]"]}, "n": null}', {"record": "x.y"}, ["/x/y/0"]),
        ('{"order": ' + ORDER + "}", {"record": "order"}, ["/order"]),
        (
            '[{"order": ' + ORDER + '}, {"order": ' + ORDER + "}]",
            {"record": "order"},
            ["/0/order", "/1/order"],
        ),
        (
            '{"orders": [' + ORDER + ']}\n{"orders": [' + ORDER + "]}",
            {"record": "orders"},
            ["/0/orders/0", "/1/orders/0"],
        ),
        (ORDER, {"record": "orders"}, ["/"]),
        (f"[{ORDER}]", {"record": "orders"}, ["/0"]),
    ],
)
def test_the_same_order_in_every_dress(data: str, options: dict[str, Any], paths: list[str]) -> None:
    trees, summary = read(data, **options)
    assert values(trees) == [{"no": "A", "lines": [{"qty": "1.50"}, {"qty": 2}]}] * len(paths)
    assert all(tree.usable for tree in trees), summary.findings.kept
    assert [tree.root.place().path for tree in trees] == paths
    assert [(tree.reference, tree.number, tree.message_type) for tree in trees] == [
        ("A", number, "record") for number in range(1, len(paths) + 1)
    ]
    assert (summary.well_formed, summary.refused, summary.messages) == (True, False, len(paths))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_unicode_encoding(encoding: str, mark: str) -> None:
    trees, summary = read((mark + '[{"no": "峡湾"},\n{"no": "ø"}]').encode(encoding))
    assert values(trees) == [{"no": "峡湾"}, {"no": "ø"}], summary.findings.kept
    assert [tree.root.place().line for tree in trees] == [1, 2]


def test_a_declared_encoding_is_used_and_a_mark_wins() -> None:
    assert values(read('{"no": "ø"}'.encode("cp1252"), encoding="cp1252")[0]) == [{"no": "ø"}]
    assert values(read('\ufeff{"no": "ø"}'.encode(), encoding="cp1252")[0]) == [{"no": "ø"}]


def test_numbers_are_what_was_written() -> None:
    written = [
        "0",
        "-1",
        "1.50",
        "0.30000000000000004",
        "123456789012345678901234567890",
        "1.2E+3",
        "1e-3",
        "-0.0",
    ]
    trees, _ = read('{"no": [' + ",".join(written) + "]}")
    numbers = [str(value) for value in trees[0].root.value["no"]]
    assert numbers == [*written[:5], "1200", "0.001", "-0.0"]
    assert [Decimal(number) for number in numbers] == [Decimal(number) for number in written]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("", ("JSON_EMPTY", 1, 1, "/")),
        (" \n ", ("JSON_EMPTY", 2, 2, "/")),
        ("hello", ("JSON_SYNTAX", 1, 1, "/")),
        ('{"no": "A",}', ("JSON_SYNTAX", 1, 11, "/no")),
        ('{"no": {"x": [1, {nul: 2}]}}', ("JSON_SYNTAX", 1, 19, "/no/x/1")),
        ('{"no": \n NaN}', ("JSON_SYNTAX", 2, 2, "/no")),
        ('{"no": "A" "b": 1}', ("JSON_SYNTAX", 1, 12, "/no")),
        ("{'no': 1}", ("JSON_SYNTAX", 1, 2, "/")),
        ('{"no": 01}', ("JSON_SYNTAX", 1, 8, "/no")),
        ('{"no": "A"} x', ("JSON_TRAILING", 1, 13, "/")),
        ('{"no": "A"}]', ("JSON_TRAILING", 1, 12, "/")),
        ('{"no": "A"', ("JSON_TRUNCATED", 1, 11, "/no")),
        ('[{"no": "A"}', ("JSON_TRUNCATED", 1, 13, "/1")),
        ('[{"no": "A"},]', ("JSON_SYNTAX", 1, 14, "/1")),
        ('[{"no": "A"} {"no": "B"}]', ("JSON_SYNTAX", 1, 14, "/1")),
        ('[{"no": "A"}] []', ("JSON_TRAILING", 1, 15, "/")),
        ('[{"no": ["A"}]', ("JSON_SYNTAX", 1, 13, "/0")),
        ('[{"no": "A}]\n', ("JSON_SYNTAX", 1, 13, "/0")),
        ('[{"no": "A\\', ("JSON_TRUNCATED", 1, 2, "/0")),
    ],
)
def test_what_refuses_the_file(data: str, expected: tuple[str, int, int, str]) -> None:
    trees, summary = read(data)
    assert [where(finding) for finding in summary.findings.kept] == [expected], summary.findings.kept
    assert summary.refused
    assert not any(tree.usable for tree in trees)


@pytest.mark.parametrize(
    ("bad", "code", "at"),
    [
        ('{"no": "B", "q": NaN}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": 01}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": 1.}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": True}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": "\\x"}', "JSON_SYNTAX", '"q": "'),
        ('{"no": "B", "q": "\\ud800"}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": "\\ud800\\ud800"}', "JSON_SYNTAX", '"q": '),
        ('{"no": "B", "q": 1, "q": 2}', "JSON_DUPLICATE_KEY", '"q": 1, '),
        ('{"no": "B", "q": [{"a\\u003a": 1, "a:": 2}]}', "JSON_DUPLICATE_KEY", "1, "),
        ('{"no": "B", "q" : {"c\\u0065" : 1, "ce": ":"}}', "JSON_DUPLICATE_KEY", "1, "),
        ('{"no": "B", "q": ' + "9" * 5000 + "}", "JSON_NUMBER", '"q": '),
        ('{"no": "B", "q": ' + "[" * 300 + "]" * 300 + "}", "JSON_DEPTH", '"q": ' + "[" * 199),
        ('{"no": "B" "q": 1}', "JSON_SYNTAX", '"B" '),
        ("[]", "JSON_NOT_OBJECT", ""),
        ("null", "JSON_NOT_OBJECT", ""),
        ("12", "JSON_NOT_OBJECT", ""),
        ('{"nr": "B"}', "JSON_KEY_MISSING", ""),
    ],
)
@pytest.mark.parametrize(
    "dress", ["[{good},\n {bad},\n {good}]", "{good}\n{bad}\n{good}", '{"o":[{good},{bad},{good}]}']
)
def test_what_spoils_one_record_only(bad: str, code: str, at: str, dress: str) -> None:
    if dress.startswith("{good}") and not bad.startswith("{"):
        bad += " "
    good = '{"no": "A"}'
    data = dress.replace("{good}", good).replace("{bad}", bad)
    trees, summary = read(data, name="f.jsonl" if dress[0:6] == "{good}" else "f.json", record="o")
    assert summary.findings.kept == []
    assert [tree.usable for tree in trees] == [True, False, True]
    finding = trees[1].findings[0]
    assert finding.code == code
    before = data[: data.index(bad) + (bad.index(at) + len(at) if at else 0)]
    assert finding.place.offset == len(before), finding
    assert finding.place.line == before.count("\n") + 1
    assert finding.place.column == len(before) - before.rfind("\n")
    assert summary.unusable == 1


def test_bytes_that_are_not_utf8_spoil_their_record() -> None:
    trees, summary = read(b'[{"no": "A"}, {"no": "\xf8"}, {"no": "C"}]')
    assert [tree.usable for tree in trees] == [True, False, True]
    assert trees[1].findings[0].place.offset == 22
    assert not summary.refused


def test_a_record_list_that_is_none() -> None:
    assert read('{"orders": "none"}', record="orders")[1].findings.kept[0].code == "JSON_RECORD_SHAPE"
    assert (
        read('{"orders": [], "orders": []}', record="orders")[1].findings.kept[0].code == "JSON_DUPLICATE_KEY"
    )
    trees, summary = read('{"orders": []}', record="orders")
    assert (trees, [finding.code for finding in summary.findings.kept]) == ([], ["JSON_NO_RECORDS"])
    trees, _ = read('{"order": []}', record="orders")
    assert "The mapping looks for records at orders." in trees[0].findings[0].message


def test_what_stands_beside_the_records_must_be_json() -> None:
    _, summary = read('{"orders": [{"no": "A"}],\n "x": {"y": nul}}', record="orders")
    assert where(summary.findings.kept[0]) == ("JSON_SYNTAX", 2, 13, "/x/y")


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("dress", ["array", "object", "lines"])
def test_a_large_file_is_read_in_pieces(dress: str, indent: int | None) -> None:
    orders = [{"no": str(n), "text": 'ä"},{"no": \\' * 5, "lines": [{"no": n}] * 30} for n in range(1_500)]
    if dress == "lines":
        data = "".join(json.dumps(order, ensure_ascii=False) + "\n" for order in orders)
    else:
        data = json.dumps(orders if dress == "array" else {"a": orders}, indent=indent, ensure_ascii=False)
    assert len(data) > 2 * CHUNK

    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, size if size is not None and size >= 0 else 1 << 40)
            return super().read(size)

    stream = Watched(data.encode())
    session = JsonReader(layout(record="a")).read(stream, name="f.json")
    count = 0
    for number, tree in enumerate(session):
        assert tree.usable
        assert tree.root.value["no"] == str(number)
        if number % 500 == 0:
            place = tree.root.record.place(("lines", 0, "no"))
            assert data.encode()[place.offset or 0 :].startswith(
                str(number).encode() + (b"}" if indent is None or dress == "lines" else b"\n")
            )
            assert place.line == data.encode()[: place.offset].count(b"\n") + 1
        count += 1
    assert count == 1_500
    assert stream.largest <= 4 * CHUNK


def test_one_bad_record_among_many_does_not_hide_the_others() -> None:
    orders = [
        f'{{"no": "{n}", "q": {"NaN" if n % 700 == 3 else n}, "t": "{"x" * 90}"}}' for n in range(4_000)
    ]
    trees, summary = read("[" + ",\n".join(orders) + "]")
    assert len(trees) == 4_000
    assert [n for n, tree in enumerate(trees) if not tree.usable] == [3, 703, 1403, 2103, 2803, 3503]
    assert all(tree.findings[0].place.line == n + 1 for n, tree in enumerate(trees) if tree.findings)
    assert not summary.refused


def test_a_file_and_a_stream_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(f"[{ORDER}]")
    assert values(list(JsonReader(layout()).read(path, name="f"))) == values(read(f"[{ORDER}]")[0])


def test_every_cut_of_a_good_file_is_refused() -> None:
    for data in (f"[{ORDER}, {ORDER}]", '{"a": [' + ORDER + '], "b": {"c": "d"}}'):
        for size in range(len(data)):
            trees, summary = read(data[:size], record="a")
            assert summary.refused, data[:size]
            assert not any(tree.usable for tree in trees)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"keys": None}, "keys"),
        ({"keys": []}, "keys"),
        ({"keys": ["a", "a"]}, "keys"),
        ({"keys": ["a", {}]}, "keys"),
        ({"record": "orders[0]"}, "record"),
        ({"record": ""}, "record"),
        ({"record": 7}, "record"),
        ({"encoding": "klingon"}, "encoding"),
        ({"colums": []}, "colums"),
    ],
)
def test_wrong_declarations_name_their_entry(options: dict[str, Any], key: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        layout(**options)
    assert caught.value.key == key


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=25,
)


def _same(made: Any, value: Any) -> bool:
    if isinstance(value, float):
        return isinstance(made, str) and float(made) == value
    if isinstance(value, dict):
        return made.keys() == value.keys() and all(_same(made[key], value[key]) for key in value)
    if isinstance(value, list):
        return len(made) == len(value) and all(map(_same, made, value))
    return type(made) is type(value) and made == value


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(), _JSON, max_size=4), min_size=1, max_size=5),
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_whatever_json_there_is_comes_through(
    records: list[Any], indent: int | None, ascii_only: bool
) -> None:
    records = [{"no": "A", **record} for record in records]
    data = json.dumps(records, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    trees, summary = read(data)
    assert not summary.findings.kept
    for tree, record in zip(trees, records, strict=True):
        if tree.findings:
            # hypothesis makes texts with half a surrogate pair, which no JSON text has
            assert tree.findings[0].code in ("JSON_SYNTAX", "JSON_ENCODING")
            continue
        assert _same(tree.root.value, record)
        raw = tree.root.record.raw
        assert fault_in(raw) is None
        for key, value in record.items():
            at, length, depth = locate(raw, (key,))
            assert depth == 1
            assert not length or _same(decode(raw[at : at + length]), value)


@settings(max_examples=250, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 40))
def test_no_damage_raises(junk: bytes, at: int, cut: int) -> None:
    good = b'{"a": [' + b", ".join([ORDER.encode()] * 3) + b'], "b": "\\u00e4"}'
    data = good[:at] + junk + good[at + cut :]
    trees, summary = read(data, record="a")
    for finding in [f for tree in trees for f in tree.findings] + summary.findings.kept:
        assert finding.place.offset is None or 0 <= finding.place.offset <= len(data)
    assert summary.refused is (summary.findings.errors > 0)
    if summary.refused:
        assert not any(tree.usable for tree in trees)


@settings(max_examples=250, deadline=None)
@given(st.text(alphabet='{}[]",:\\ \n\r\t01.eE+-ntfu"', max_size=40))
def test_what_is_json_here_is_json_elsewhere(text: str) -> None:
    """A file that is taken is JSON to Python's own parser, and the other way round but for what RFC 8259 forbids."""
    trees, summary = read('{"no": ' + text + "}", name="f.json")
    usable = bool(trees) and all(tree.usable for tree in trees) and not summary.refused
    try:
        json.loads('{"no": ' + text + "}", parse_constant=lambda _: 1 / 0)
        theirs = True
    except (ValueError, ZeroDivisionError):
        theirs = False
    if usable:
        assert theirs
    elif theirs:
        codes = {f.code for tree in trees for f in tree.findings} | {f.code for f in summary.findings.kept}
        assert codes & {"JSON_DUPLICATE_KEY", "JSON_SYNTAX"}
        assert fault_in(('{"no": ' + text + "}").encode()) is not None


def test_a_text_of_escapes_costs_no_more_than_its_bytes() -> None:
    """Each step of a match that could be taken back is remembered, at sixty times the size of the text."""
    size = 500_000
    record = b'{"no": "A", "' + b'\\"' * size + b'": 1, "note": "' + b'\\"' * size + b'"}'
    code = (
        "import resource, sys\n"
        "from orderhub.formats.json import JsonLayout, JsonReader\n"
        "from orderhub.formats.dialect import SourceDeclaration\n"
        "layout = JsonLayout.from_declaration(SourceDeclaration('json', options={'keys': ['no']}))\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "trees = list(JsonReader(layout).read(data, name='f'))\n"
        "assert len(trees) == 1 and not trees[0].findings\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"[" + record + b"]", capture_output=True, check=True
    )
    assert int(done.stdout) < 30_000  # KiB
