"""Originals on a page: every finding at its characters, whatever the bytes are."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.formats.bundle import pack
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


X12 = (
    b"ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *261120*1015*U*00401*000000001*0*P*>~"
    b"GS*PO*ACME*HUB*20261120*1015*1*X*004010~ST*850*0001~BEG*00*SA*ONE**20261120~SE*3*0001~"
    b"ST*850*0002~BEG*00*SA*TWO**20261120~PO1*1*5*EA*2.5**VP*A>B~SE*4*0002~GE*2*1~IEA*1*000000001~"
)


def test_x12_takes_its_separators_from_the_header() -> None:
    assert shown(X12, message=2)[2:] == [
        "ST*850*0002",
        "BEG*00*SA*TWO**20261120",
        "PO1*1*5*EA*2.5**VP*A>B",
        "SE*4*0002",
    ]
    pointer = Pointer(1, "error", segment="PO1", segment_number=3, element=7, component=2)
    assert shown(X12, pointer, message=2)[4] == "PO1*1*5*EA*2.5**VP*A>[B]"
    assert [line.label for line in render(X12, [], limit=LIMIT).lines] == [
        *("", "", "1", "2", "3"),
        *("1", "2", "3", "4", "", ""),
    ]
    assert shown(b"\xef\xbb\xbf" + X12.replace(b"~", b"~\r\n"), message=1)[2] == "ST*850*0001"
    for cut in range(0, len(X12), 7):
        render(X12[:cut], [], limit=LIMIT, message=1)


def test_a_value_points_at_the_bytes_it_came_from() -> None:
    start = X12.find(b"TWO")
    view = render(X12, [Pointer(5, "", offset=start, length=3, trace=True)], limit=LIMIT, message=2)
    assert [piece.text for piece in view.lines[3].pieces if piece.traces == (5,)] == ["TWO"]
    assert (view.traced, view.placed, view.lines[3].severity) == ({5}, set(), "")
    data = '{"name": "Zoë", "lines": [{"qty": 12}]}'.encode()
    at = data.find(b"12")
    view = render(data, [Pointer(1, "", offset=at, length=2, trace=True)], limit=LIMIT)
    assert [piece.text for piece in view.lines[0].pieces if piece.traces] == ["12"]


def test_of_a_big_file_only_the_lines_of_the_document_are_shown() -> None:
    rows = b"".join(b"%d,item %d,5\n" % (n, n) for n in range(1, 200_001))
    view = render(rows, [Pointer(1, "error", line=150_000, column=1)], limit=100_000, message=1)
    labels = [line.label for line in view.lines]
    assert labels[0] == "149970"
    assert len(labels) == 61
    assert view.truncated
    assert [line.severity for line in view.lines if line.label == "150000"] == ["error"]
    by_byte = render(
        rows,
        [Pointer(1, "", offset=rows.find(b"item 150000"), length=4, trace=True)],
        limit=100_000,
        message=1,
    )
    assert "150000" in [line.label for line in by_byte.lines if any(piece.traces for piece in line.pieces)]


def test_a_line_without_end_is_folded_at_its_seams() -> None:
    lines = ",".join(f'{{"n": {n}, "text": "{"x" * 40}"}}' for n in range(500))
    data = f'{{"lines": [{lines}]}}'.encode()
    at = data.find(b'"n": 321') + 5
    view = render(data, [Pointer(1, "", offset=at, length=3, trace=True)], limit=LIMIT)
    assert "".join(piece.text for line in view.lines for piece in line.pieces) == data.decode()
    assert max(len("".join(piece.text for piece in line.pieces)) for line in view.lines) <= 400
    assert [piece.text for line in view.lines for piece in line.pieces if piece.traces] == ["321"]
    assert [line.label for line in view.lines if line.label] == ["1"]


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
def test_millions_of_segments_are_passed_over(filling: bytes, found: bool) -> None:
    head = b"UNB+UNOC:3+A+B+261120:1015+1'UNH+1+ORDERS:D:96A:UN'"
    data = head + filling * (8_000_000 // len(filling)) + b"UNT+3+1'UNH+2+ORDERS:D:96A:UN'UNT+2+2'"
    looked = sum(1 for _ in itertools.islice(segments(data), MAX_SEGMENTS + 1))
    assert (looked < 10) == found
    view = render(data, [], limit=LIMIT, message=2)
    assert [line.pieces[0].text for line in view.lines][1:] == ["UNH+2+ORDERS:D:96A:UN", "UNT+2+2"]
    assert not view.truncated


def test_the_character_set_is_the_one_that_the_reader_takes() -> None:
    data = "UNB+UNOL:3+A+B+261120:1015+1'FTX+AAI+++5 €'".encode("iso8859-15")
    assert shown(data)[1] == "FTX+AAI+++5 €"


def test_a_bundle_is_shown_by_its_members_and_marked_in_the_right_one() -> None:
    data = pack(
        [
            ("head.csv", b"no;vendor\n1;7\n"),
            ("line.csv", b"no;qty\n" + b"".join(b"%d;5\n" % number for number in range(60_000))),
            ("vendor.csv", b"id;name\n7;Nord\n"),
        ]
    )
    near = Pointer(1, "error", line=3, offset=4, file="in.zip/line.csv")
    far = Pointer(2, "warning", line=40_002, file="in.zip/line.csv")
    head = Pointer(3, "", line=2, file="in.zip/head.csv", trace=True)
    view = render(data, [near, head], limit=LIMIT, message=1)
    lines = shown(data, near, head, message=1)
    assert lines[:5] == ["head.csv", "no;vendor", "1;7", "line.csv", "no;qty"]
    assert lines[6] == "[1;5]"
    assert "vendor.csv" not in lines
    assert (view.placed, view.traced, view.truncated) == ({1}, {3}, True)
    assert [line.kind for line in view.lines if line.kind] == ["member", "member"]
    view = render(data, [far], limit=LIMIT, message=1)
    [marked] = [line for line in view.lines if line.severity]
    assert (marked.label, view.placed) == ("40002", {2})
    assert "vendor.csv" in shown(data)
    assert render(data[:-50], [far], limit=LIMIT).kind == "hex"
