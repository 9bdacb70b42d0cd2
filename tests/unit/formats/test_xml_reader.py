"""The XML reader: what it hands on, what it refuses, and where."""

from __future__ import annotations

import gc
import io
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from orderhub.findings import Finding, Severity
from orderhub.formats.base import MessageTree, ReadSummary, Source
from orderhub.formats.xml.reader import MAX_MESSAGE_BYTES, XmlReader
from orderhub.formats.xml.tree import text_of


def read(source: Source, *records: str) -> tuple[list[MessageTree], ReadSummary]:
    session = XmlReader(lambda _root: frozenset(records)).read(source, name="orders.xml")
    trees = list(session)
    return trees, session.summary


def refused(source: Source, *records: str) -> Finding:
    """The one error of a file of which nothing may be used."""
    _, summary = read(source, *records)
    assert summary.refused
    assert not summary.well_formed
    assert summary.interchanges[0].refused
    [finding] = [f for f in summary.findings.kept if f.severity is Severity.ERROR]
    return finding


def texts(trees: Iterable[MessageTree]) -> list[str | None]:
    return [text_of(tree.root.element) for tree in trees]


def test_the_root_is_the_message_with_its_namespace_as_release() -> None:
    [tree], summary = read(b"<o:Order xmlns:o='urn:a'><o:ID>1</o:ID></o:Order>")
    assert (tree.message_type, tree.release, tree.number, tree.usable) == ("Order", "urn:a", 1, True)
    assert (summary.message_type, summary.release, summary.messages) == ("Order", "urn:a", 1)
    [tree], summary = read(b"<Order/>")
    assert (tree.release, summary.releases) == (None, [])


def test_path_bytes_and_stream_give_the_same(tmp_path: Path) -> None:
    data = b"<a><r>1</r><r>2</r></a>"
    path = tmp_path / "orders.xml"
    path.write_bytes(data)
    stream = io.BytesIO(b"before" + data)
    stream.seek(6)
    for source in (path, data, stream):
        assert texts(read(source, "r")[0]) == ["1", "2"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<a>é</a>".encode(), "é"),
        (b"\xef\xbb\xbf<a>\xc3\xa9</a>", "é"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>", "é"),
        (b"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", "€"),
        ("<?xml version='1.0' encoding='UTF-16'?><a>é</a>".encode("utf-16"), "é"),
        ("<?xml version='1.0' encoding='gb18030'?><a>华东</a>".encode("gb18030"), "华东"),
        (b" \r\n\t <?xml version='1.0'?><a>x</a>", "x"),
        (b"\xef\xbb\xbf\n<?xml version='1.0'?><a>x</a>", "x"),
        (b"<a>one <!-- two -->three<?four?><![CDATA[ & five]]></a>", "one three & five"),
        (b"<!-- first --><?go?><a>  x\n</a><!-- last -->", "x"),
    ],
)
def test_encodings_marks_blanks_comments_and_instructions(data: bytes, text: str) -> None:
    trees, summary = read(data)
    assert texts(trees) == [text]
    assert summary.findings.kept == []


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"<a>\n <b></c></a>", "XML_SYNTAX", 2, 9),
        (b"\n\n <a>\n<b></c></a>", "XML_SYNTAX", 4, 8),
        (b"<a/><a/>", "XML_SYNTAX", 1, 5),
        (b"<a/>junk", "XML_SYNTAX", 1, 5),
        (b"<a b='1' b='2'/>", "XML_SYNTAX", 1, None),
        (b"<a>\x01</a>", "XML_SYNTAX", 1, None),
        (b"<a><x:b/></a>", "XML_SYNTAX", 1, None),
        (b"<a>\n<b>x", "XML_TRUNCATED", 2, None),
        (b"<a><b>x</b>", "XML_TRUNCATED", 1, None),
        (b"", "XML_EMPTY", None, None),
        (b"  \n ", "XML_EMPTY", None, None),
        (b"<!-- nothing -->", "XML_EMPTY", 1, None),
        (b"<a>\n\xe9</a>", "XML_ENCODING", 2, None),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "XML_ENCODING", 1, None),
        (b"<a>" * 300 + b"</a>" * 300, "XML_TOO_DEEP", 1, None),
        (b"<a " + b"x" * 60_000 + b"='1'/>", "XML_TOO_LARGE", 1, None),
    ],
)
def test_what_is_not_well_formed_refuses_the_file(
    data: bytes, code: str, line: int | None, column: int | None
) -> None:
    finding = refused(data)
    assert finding.code == code, finding
    assert finding.place.line == line
    if column is not None:
        assert finding.place.column == column
    assert finding.message.endswith(("sender.", "file.", "it.", "again."))


def test_records_are_the_outermost_elements_of_that_name_wherever_they_stand() -> None:
    data = b"<a><h>head</h><r>1<r>inner</r></r><deeper><r>2</r></deeper>\n<r>3</r></a>"
    trees, summary = read(data, "r")
    assert texts(trees) == ["1", "2", "3"]
    assert [tree.number for tree in trees] == [1, 2, 3]
    assert summary.messages == 3
    [tree], _ = read(b"<r>alone</r>", "r")
    assert text_of(tree.root.element) == "alone"
    [tree], _ = read(b"<other><x/></other>", "r")
    assert tree.message_type == "other"


def test_a_fault_behind_good_records_refuses_them_too() -> None:
    good = b"<r>" + b" " * 40_000 + b"</r>"
    trees, summary = read(b"<a>" + good * 3 + b"<r>3</a>", "r")
    assert 0 < len(trees) < 4
    assert summary.refused
    assert not any(tree.usable for tree in trees)


def test_a_record_that_somebody_holds_stays_whole() -> None:
    data = b"<a>" + b"".join(b"<r><i>%d</i></r>\n" % i for i in range(20_000)) + b"</a>"
    trees, _ = read(data, "r")
    assert [tree.root.element.findtext("i") for tree in trees] == [str(i) for i in range(20_000)]


def _many(count: int) -> Iterator[bytes]:
    line = b"<l><n>1</n><t>some text of a line</t></l>"
    yield b"<a>\n"
    for number in range(count):
        yield b"<r><i>%d</i>%s</r>\n" % (number, line * 10)
    yield b"</a>"


def test_memory_stays_flat_over_many_records(tmp_path: Path) -> None:
    """lxml's trees are not Python's memory, but what keeps them alive is: their elements."""
    path = tmp_path / "many.xml"
    with path.open("wb") as stream:
        stream.writelines(_many(10_000))
    session = XmlReader(lambda _root: frozenset(["r"])).read(path, name="many.xml")
    gc.collect()
    gc.disable()  # a tree must be gone without it
    try:
        tracemalloc.start()
        peaks: list[int] = []
        for count, tree in enumerate(session, 1):
            assert len(tree.root.elements()) == 32
            if count % 2_500 == 0:
                peaks.append(tracemalloc.get_traced_memory()[1])
                assert len(tree.root.message.around) < 1_000  # what was handed out is taken out of the tree
                tracemalloc.reset_peak()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert max(peaks) < 3_000_000
    assert session.summary.messages == 10_000


def test_a_message_beyond_the_limit_refuses_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderhub.formats.xml.reader.MAX_MESSAGE_BYTES", 100_000)
    assert MAX_MESSAGE_BYTES > 100_000
    data = b"<a><r>" + b"<x/>" * 60_000 + b"</r></a>"
    assert refused(data).code == "XML_TOO_LARGE"
    assert refused(data, "r").code == "XML_TOO_LARGE"


def test_a_message_with_too_many_elements_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderhub.formats.xml.reader.MAX_MESSAGE_ELEMENTS", 100)
    [tree], summary = read(b"<r>" + b"<x/>" * 200 + b"</r>")
    assert [finding.code for finding in tree.findings] == ["XML_TOO_LARGE"]
    assert not tree.usable
    assert summary.unusable == 1


DEEP = """
  <a xmlns:p="urn:p">
    <p:r one="1" two="2"><i>é</i><i>ß</i></p:r>
    <p:r
       three="3">
      <i>x</i>  <i at="4"/>
    </p:r>
  </a>"""


@pytest.mark.parametrize("records", [("{urn:p}r",), ()])
def test_places_have_line_column_byte_and_path_by_a_second_look(records: tuple[str, ...]) -> None:
    data = DEEP.encode()
    trees, _ = read(data, *records)
    for tree in trees:
        for element in tree.root.elements():
            place = tree.root.message.place(element)
            assert place.line is not None
            assert place.column is not None
            assert place.offset is not None
            assert data[place.offset : place.offset + 1] == b"<"
            line = DEEP.splitlines()[place.line - 1]
            assert line[place.column - 1] == "<"
            name = str(element.tag).rpartition("}")[2].encode()
            assert data[place.offset :].partition(b">")[0].removeprefix(b"<").split()[0].endswith(name)
    message = trees[-1].root.message
    last = trees[-1].root.elements()[-1]
    assert message.place(last, "at").path == ("/p:r[2]/i[2]/@at" if records else "/a/p:r[2]/i[2]/@at")
    assert message.place(last, "at").excerpt == "4"


def test_places_are_found_in_any_order_and_of_all_sources(tmp_path: Path) -> None:
    data = b"<a>" + b"".join(b"<r>\n<i>%d</i></r>" % i for i in range(10_000)) + b"</a>"
    path = tmp_path / "orders.xml"
    path.write_bytes(data)
    for source in (data, path, io.BytesIO(data)):
        trees, _ = read(source, "r")
        for number in (9_999, 0, 5_000, 4_999, 9_998):
            element = trees[number].root.element[0]
            place = trees[number].root.message.place(element)
            assert data[place.offset or 0 :].startswith(b"<i>%d<" % number)
            assert (place.line, place.column) == (number + 2, 1)
    stream = io.BytesIO(data)
    trees, _ = read(stream, "r")
    stream.close()  # no second look any more, but still a line
    assert trees[3].root.message.place(trees[3].root.element[0]).line == 5


def test_places_outside_the_records() -> None:
    data = b"<a><h x='1'/><r><i>1</i></r>\n<h/>" + b"<r><i>2</i></r>" * 9_000 + b"<h/><r/></a>"
    trees, _ = read(data, "r")
    for tree, known in ((trees[0], 2), (trees[-1], 3)):
        message = tree.root.message
        for number, element in enumerate(message.around.findall("h")[:known]):
            place = message.place(element)
            assert place.offset == [3, 29, len(data) - 12][number]
            assert place.path == f"/a/h[{number + 1}]"
    assert trees[0].root.message.place(trees[0].root.message.around).offset == 0


def test_a_second_look_while_the_file_is_being_read() -> None:
    data = b"<a>" + b"".join(b"<r><i>%d</i>\n</r>" % i for i in range(20_000)) + b"</a>"
    seen = 0
    session = XmlReader(lambda _root: frozenset(["r"])).read(io.BytesIO(data), name="x")
    for number, tree in enumerate(session):
        assert tree.root.element.findtext("i") == str(number)
        if number % 37 == 0:
            place = tree.root.message.place(tree.root.element[0])
            assert data[place.offset or 0 :].startswith(b"<i>%d<" % number)
        seen += 1
    assert seen == 20_000


def test_lines_beyond_65535_are_right_without_a_second_look() -> None:
    data = b"<a>" + b"\n" * 70_000 + b"<r><i>1</i></r></a>"
    [tree], _ = read(data, "r")
    tree.root.message.positions = None
    assert tree.root.message.place(tree.root.element).line == 70_001
