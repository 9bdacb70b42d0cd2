"""Originals on a page: every finding at its characters, whatever the bytes are."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.web import canonical, marks
from orderhub.web.original import MAX_SEGMENTS, Pointer, render, segments

LIMIT = 1_000_000


def shown(data: bytes, *pointers: Pointer, message: int | None = None, limit: int = LIMIT) -> list[str]:
    """The lines as text, marked parts in brackets."""
    view = render(data, pointers, limit=limit, message=message)
    return [
        "".join(f"[{piece.text}]" if piece.findings else piece.text for piece in line.pieces)
        for line in view.lines
    ]


TWO = (
    b"UNA:+.? '\r\nUNB+UNOC:3+A+B+261120:1015+1'UNH+1+ORDERS:D:96A:UN'BGM+220+ONE+9'FTX+ZZZ+++J\xfcrg?+s ?'x?''"
    b"UNT+4+1'UNH+2+ORDERS:D:96A:UN'BGM+220+TWO+9'UNT+3+2'UNZ+2+1'"
)


def test_segments_stand_in_lines_and_released_characters_do_not_part_them() -> None:
    assert shown(TWO)[:5] == [
        "UNA:+.? '",
        "UNB+UNOC:3+A+B+261120:1015+1",
        "UNH+1+ORDERS:D:96A:UN",
        "BGM+220+ONE+9",
        "FTX+ZZZ+++Jürg?+s ?'x?'",
    ]
    view = render(TWO, [], limit=LIMIT)
    assert [line.label for line in view.lines] == ["", "", "1", "2", "3", "4", "1", "2", "3", ""]


@pytest.mark.parametrize(
    ("element", "component", "expected"),
    [
        (None, None, "[FTX+ZZZ+++Jürg?+s ?'x?']"),
        (1, None, "FTX+[ZZZ]+++Jürg?+s ?'x?'"),
        (4, 1, "FTX+ZZZ+++[Jürg?+s ?'x?']"),
        # what is missing behind the end is shown at the last element
        (9, 2, "FTX+ZZZ+++[Jürg?+s ?'x?']"),
        # an empty element takes its separator
        (2, None, "FTX+ZZZ+[+]+Jürg?+s ?'x?'"),
    ],
)
def test_element_and_component_of_a_finding(
    element: int | None, component: int | None, expected: str
) -> None:
    pointer = Pointer(1, "error", offset=TWO.find(b"FTX"), element=element, component=component)
    assert shown(TWO, pointer)[4] == expected
    by_number = Pointer(1, "error", segment="FTX", segment_number=3, element=element, component=component)
    assert shown(TWO, by_number, message=1)[4] == expected


def test_only_the_message_of_the_document_with_its_envelope() -> None:
    assert shown(TWO, message=2) == [
        "UNA:+.? '",
        "UNB+UNOC:3+A+B+261120:1015+1",
        "UNH+2+ORDERS:D:96A:UN",
        "BGM+220+TWO+9",
        "UNT+3+2",
    ]


def test_other_service_characters_and_a_second_interchange() -> None:
    odd = b"UNA|*,! ~UNB*UNOA|1*A*B*1*1~UNH*1*ORDERS|D~BGM*220*A!*B~UNT*3*1~UNZ*1*1~" + TWO
    lines = shown(odd, Pointer(1, "error", offset=odd.find(b"BGM"), element=2))
    assert lines[3] == "BGM*220*[A!*B]"
    assert lines[-1] == "UNZ+2+1"
    assert render(odd, [], limit=LIMIT, message=3).lines[-2].pieces[0].text == "BGM+220+TWO+9"


def test_message_far_behind_in_a_big_file_is_found() -> None:
    body = b"".join(b"UNH+%d+ORDERS:D:96A:UN'BGM+220+N%d+9'UNT+3+%d'" % (n, n, n) for n in range(1, 5001))
    data = b"UNB+UNOA:1+A+B+1:1+1'" + body + b"UNZ+5000+1'"
    assert shown(data, message=4999, limit=5_000)[2] == "BGM+220+N4999+9"
    whole = render(data, [], limit=5_000)
    assert whole.truncated
    assert whole.size == len(data)


def test_lines_and_columns_of_other_text() -> None:
    rows = 'Order;Text;Qty\n1;"a;""b";x\n2;;'.encode("utf-8-sig")
    assert shown(rows, Pointer(1, "error", line=2, column=3))[1] == '1;["a;""b"];x'
    assert shown(rows, Pointer(1, "error", line=2, column=11))[1] == '1;"a;""b";[x]'
    assert shown(rows, Pointer(1, "error", line=2))[1] == '[1;"a;""b";x]'
    assert shown(rows, Pointer(1, "error", line=99, column=99)) == shown(rows)
    assert render("a,b\n1,ü\n".encode("cp1252"), [], limit=LIMIT).encoding == "windows-1252"
    assert shown("a,b\n1,ü\n".encode("utf-16"))[1] == "1,ü"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "hex"),
        (b"plain", "lines"),
        (b"UNB", "segments"),
        (b"UNA", "segments"),
    ],
)
def test_every_kind_of_bytes_has_a_view(data: bytes, kind: str) -> None:
    assert render(data, [], limit=LIMIT).kind == kind


@given(st.binary(max_size=300), st.integers(0, 320), st.integers(-1, 5), st.integers(-1, 5))
def test_no_bytes_and_no_place_break_a_page(tail: bytes, offset: int, element: int, component: int) -> None:
    for head in (b"", b"UNA:+.? '", b"UNB+UNOC:3+A'UNH+1+X'", "\ufeffa;b\n".encode()):
        pointers = [
            Pointer(1, "error", offset=offset, element=element, component=component),
            Pointer(2, "warning", line=1, column=offset + 1),
        ]
        view = render(head + tail, pointers, limit=200, message=None)
        for line in view.lines:
            "".join(piece.text for piece in line.pieces).encode()


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-3, 50), st.integers(-3, 50)), max_size=4))
def test_marks_never_lose_text(text: str, ranges: list[tuple[int, int]]) -> None:
    pieces = marks.cut(text, [marks.Mark(a, b, n, "error") for n, (a, b) in enumerate(ranges)])
    assert "".join(piece.text for piece in pieces) == text


def test_canonical_form_marks_the_field_or_its_nearest_parent() -> None:
    document = {"number": "A", "lines": [{"item": {"gtin": "1"}, "quantity": "2"}], "empty": {}, "none": None}
    lines, placed = canonical.render(
        document,
        [
            (1, "error", "lines[0].quantity"),
            (2, "warning", "lines[0].item.buyer_code"),
            (3, "error", "lines[7].price"),
            (4, "error", "nowhere"),
        ],
    )
    marked = {line.findings: line.path for line in lines if line.findings}
    assert marked == {(1,): "lines[0].quantity", (2,): "lines[0].item", (3,): "lines"}
    assert placed == {1, 2, 3}
    assert (
        "".join(f'"{line.key}":' * (line.key is not None) + line.text + line.tail for line in lines).count(
            "{"
        )
        == 4
    )


def test_a_monstrous_document_is_cut() -> None:
    random.seed(1)
    lines, _ = canonical.render({"lines": [{"n": str(n)} for n in range(5000)]}, [])
    assert len(lines) < canonical.MAX_LINES + 10


def test_a_run_of_empty_segments_is_one_line_and_all_of_it_counts() -> None:
    data = b"UNB+UNOC:3+A+B+261120:1015+1'UNH+1+ORDERS:D:96A:UN'''\r\n''BGM+220+ONE+9'UNT+7+1'UNZ+1+1'"
    view = render(data, [Pointer(1, "error", segment="BGM", segment_number=6)], limit=LIMIT)
    assert [line.label for line in view.lines] == ["", "1", "2", "6", "7", ""]
    assert view.lines[3].severity == "error"


@pytest.mark.parametrize(("filling", "found"), [(b"'", True), (b"\r\n", True), (b"?'", True), (b"a'", False)])
def test_millions_of_segments_are_passed_over_or_left(filling: bytes, found: bool) -> None:
    head = b"UNB+UNOC:3+A+B+261120:1015+1'UNH+1+ORDERS:D:96A:UN'"
    data = head + filling * (8_000_000 // len(filling)) + b"UNT+3+1'UNH+2+ORDERS:D:96A:UN'UNT+2+2'"
    looked = sum(1 for _ in itertools.islice(segments(data), MAX_SEGMENTS + 1))
    assert (looked < 10) == found
    view = render(data, [], limit=LIMIT, message=2)
    assert ("UNH+2+ORDERS:D:96A:UN" in [line.pieces[0].text for line in view.lines]) == found
    assert view.truncated != found


def test_the_character_set_is_the_one_that_the_reader_takes() -> None:
    data = "UNB+UNOL:3+A+B+261120:1015+1'FTX+AAI+++5 €'".encode("iso8859-15")
    assert shown(data)[1] == "FTX+AAI+++5 €"
