"""The second look: exact bytes of a value, or the place as it was."""

from __future__ import annotations

import pytest

from orderhub.findings import Place
from orderhub.formats.spans import sharpener


def found(data: bytes, place: Place, text: str, **layout: str) -> bytes | None:
    exact = sharpener(data, **layout)(place, text)
    if exact.length is None or exact.offset is None:
        return None
    return data[exact.offset : exact.offset + exact.length]


def row(number: int, column: int, offset: int) -> Place:
    return Place(path=f"row {number}, column x", element=column, offset=offset, line=number + 1)


@pytest.mark.parametrize(
    ("line", "column", "text", "raw"),
    [
        (b"a;b;c\n", 2, "b", b"b"),
        (b'a;"b;b";c\n', 2, "b;b", b'"b;b"'),
        (b'a;"b ""x""\nb";c\n', 2, 'b "x"\nb', b'"b ""x""\nb"'),
        (b'a;"b";c\n', 3, "c", b"c"),
        (b"a;b", 2, "b", b"b"),
        ("ä;b\n".encode(), 1, "ä", "ä".encode()),
        ("ä;ö\n".encode("cp1252"), 2, "ö", "ö".encode("cp1252")),
        (b"a;b;c\n", 2, "other", None),
        (b"a;b\n", 5, "b", None),
        (b'a;"b\n', 2, "b", None),
    ],
)
def test_cells(line: bytes, column: int, text: str, raw: bytes | None) -> None:
    assert found(b"x;y;z\n" + line, row(1, column, 6), text) == raw


def test_cells_between_marks() -> None:
    data = b"1+|two+|3&|\n4+|five+|6&|\n"
    assert found(data, row(2, 2, 12), "five", delimiter="+|", line_end="&|") == b"five"
    assert found(b"1+|two+|3\r\n", row(1, 3, 0), "3", delimiter="+|") == b"3"


def test_a_cell_of_utf16() -> None:
    data = "a;b\n1;grün\n".encode("utf-16")
    assert found(data, Place(path="row 1, column b", element=2, line=2), "grün") == "grün".encode("utf-16-le")


@pytest.mark.parametrize(
    ("xml", "at", "path", "text", "raw"),
    [
        (b"<a><ID>7</ID></a>", 3, "/a/ID", "7", b"7"),
        (b"<a><ID> 7 </ID></a>", 3, "/a/ID", "7", b"7"),
        (b"<ID>A &amp; B</ID>", 0, "/ID", "A & B", b"A &amp; B"),
        (b"<ID>a<!-- x --> b</ID>", 0, "/ID", "a b", b"a<!-- x --> b"),
        (b"<ID><![CDATA[a<b]]></ID>", 0, "/ID", "a<b", b"<![CDATA[a<b]]>"),
        (b"<Q unitCode='C62' x=\"C62\">5</Q>", 0, "/Q/@unitCode", "C62", b"C62"),
        (b'<Q x="5" u:unitCode="5">5</Q>', 0, "/Q/@u:unitCode", "5", b"5"),
        (b"<ID>7</ID>", 0, "/ID", "8", None),
        (b"<Q x='1'/>", 0, "/Q/@y", "1", None),
        (b"<ID", 0, "/ID", "7", None),
    ],
)
def test_elements_and_attributes(xml: bytes, at: int, path: str, text: str, raw: bytes | None) -> None:
    assert found(xml, Place(path=path, offset=at), text) == raw


def test_the_right_attribute_is_taken() -> None:
    data = b'<Q x="5" unitCode="5">5</Q>'
    exact = sharpener(data)(Place(path="/Q/@unitCode", offset=0), "5")
    assert exact.offset == data.rindex(b'"5"') + 1


def test_line_and_column_are_filled_in() -> None:
    data = b'{"a": 1,\n "b": "x"}'
    exact = sharpener(data)(Place(path="/b", line=2, column=7), "x")
    assert (exact.offset, exact.length, exact.line, exact.column) == (15, 3, 2, 7)


def test_what_is_exact_or_nowhere_stays() -> None:
    exact = Place(offset=3, length=1)
    assert sharpener(b"abcdef")(exact, "x") is exact
    nowhere = Place(message="7")
    assert sharpener(b"abcdef")(nowhere, "a") is nowhere
    behind = Place(offset=99)
    assert sharpener(b"abcdef")(behind, "a") is behind
