"""What the reader hands on and what it reports, file by file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from edifact_samples import HEAD, LINE, RICH, TAIL, codes, message, order, read, wrap

from orderhub.findings import Severity
from orderhub.formats.edifact.problems import PROBLEMS
from orderhub.formats.edifact.problems import EdifactPolicy as Policy
from orderhub.formats.edifact.reader import EdifactReader


def test_a_good_interchange_has_no_findings() -> None:
    trees, session = read(wrap(RICH, order(reference="2")))
    assert codes(trees) == []
    assert [(t.message_type, t.release, t.reference, t.number) for t in trees] == [
        ("ORDERS", "D.96A", "1", 1),
        ("ORDERS", "D.96A", "2", 2),
    ]
    summary = session.summary
    assert summary.well_formed
    assert not summary.refused
    assert summary.findings.count == 0
    info = trees[0].interchange
    assert (info.sender, info.receiver, info.control_reference, info.prepared_at, info.test, info.syntax) == (
        "4299999001006",
        "4299999000009",
        "REF1",
        "260105:0930",
        False,
        "UNOC:3",
    )


def test_the_test_indicator_is_seen() -> None:
    unb = "UNB+UNOC:3+A:14+B:14+260105:0930+REF1++++++1'"
    assert read(wrap(order(), unb=unb))[0][0].interchange.test


@pytest.mark.parametrize(
    ("unz", "code", "element"),
    [
        ("UNZ+2+REF1'", "EDIFACT_UNZ_COUNT", 1),
        ("UNZ+x+REF1'", "EDIFACT_UNZ_COUNT", 1),
        ("UNZ'", "EDIFACT_UNZ_COUNT", 1),
        ("UNZ+1+REF2'", "EDIFACT_UNZ_REFERENCE", 2),
    ],
)
def test_a_wrong_interchange_trailer_refuses_the_interchange_at_its_place(
    unz: str, code: str, element: int
) -> None:
    data = wrap(order(), unz=unz)
    trees, session = read(data)
    found = session.summary.findings.kept[0]
    assert found.code == code
    assert (found.place.segment, found.place.element) == ("UNZ", element)
    assert found.place.offset is not None
    assert found.place.offset >= data.index(b"UNZ")
    assert session.summary.refused
    assert not session.summary.well_formed
    # known before the first message is handed on
    assert not trees[0].usable


def test_one_refused_interchange_does_not_touch_the_other() -> None:
    trees, session = read(wrap(order(), unz="UNZ+7+REF1'") + wrap(order()))
    assert [tree.usable for tree in trees] == [False, True]
    assert not session.summary.refused


def test_an_open_stream_knows_the_refusal_at_its_end() -> None:
    session = EdifactReader().read(io.BytesIO(wrap(order(), unz="UNZ+7+REF1'")), name="x")
    tree = next(iter_ := iter(session))
    assert tree.usable
    assert list(iter_) == []
    assert not tree.usable
    assert session.summary.refused


def test_a_path_is_read_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.edi"
    path.write_bytes(wrap(order()))
    session = EdifactReader().read(path, name=path.name)
    assert len(list(session)) == 1


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [
        ("UNT+9+1'", "EDIFACT_UNT_COUNT"),
        ("UNT+8+2'", "EDIFACT_UNT_REFERENCE"),
        ("UNT+8'", "EDIFACT_UNT_REFERENCE"),
    ],
)
def test_a_wrong_message_trailer_refuses_only_that_message(trailer: str, expected: str) -> None:
    bad = order().replace("UNT+9+1'", trailer)
    if expected == "EDIFACT_UNT_COUNT":
        bad = order().replace("UNT+9+1'", "UNT+8+1'")
    else:
        bad = bad.replace("UNT+8", "UNT+9")
    trees, session = read(wrap(bad, order(reference="2")))
    assert expected in codes(trees[:1])
    assert [tree.usable for tree in trees] == [False, True]
    place = trees[0].findings[-1].place
    assert (place.segment, place.segment_number) == ("UNT", 9)
    assert not session.summary.well_formed
    assert not session.summary.refused
    assert session.summary.unusable == 1


def test_severities_can_be_lowered_by_an_agreement() -> None:
    policy = Policy(severities={"EDIFACT_UNZ_COUNT": Severity.WARNING})
    trees, session = read(wrap(order(), unz="UNZ+7+REF1'"), policy)
    assert trees[0].usable
    assert [f.severity for f in session.summary.findings.kept] == [Severity.WARNING]
    assert session.summary.well_formed


def test_a_missing_unt_is_found_and_the_next_message_is_read() -> None:
    cut = order().rpartition("UNT")[0]
    trees, session = read(wrap(cut, order(reference="2")))
    assert "EDIFACT_UNT_MISSING" in codes(trees[:1])
    assert [tree.usable for tree in trees] == [False, True]
    assert session.summary.findings.count == 0


def test_a_cut_off_file_is_refused() -> None:
    data = wrap(order(), order(reference="2"))
    for size in (len(data) - 2, len(data) - 15, len(data) // 2, 60, 30, 12, 5):
        trees, session = read(data[:size])
        assert session.summary.refused, size
        assert not any(tree.usable for tree in trees), size
        assert session.summary.findings.errors, size


def test_double_message_references() -> None:
    trees, _ = read(wrap(order(), order()))
    assert codes(trees) == ["EDIFACT_UNH_DUPLICATE"]
    assert [tree.usable for tree in trees] == [True, False]


def test_garbage_between_messages_refuses() -> None:
    trees, session = read(
        wrap(order(), "what is this'\nand this'\n", order(reference="2"), unz="UNZ+2+REF1'")
    )
    assert [f.code for f in session.summary.findings.kept] == ["EDIFACT_GARBAGE"]
    assert len(trees) == 2
    assert not trees[1].usable


def test_garbage_around_interchanges_is_reported_once() -> None:
    data = b"hello world\n" + wrap(order()) + b"trailing rubbish"
    trees, session = read(data)
    assert len(trees) == 1
    places = [f.place.offset for f in session.summary.findings.kept]
    assert [f.code for f in session.summary.findings.kept] == ["EDIFACT_GARBAGE", "EDIFACT_GARBAGE"]
    assert places == [0, data.index(b"trailing")]


def test_groups() -> None:
    ung = "UNG+ORDERS+A+B+260105:0930+G1+UN+D:96A'\n"
    data = wrap(ung, order(), order(reference="2"), "UNE+2+G1'\n", unz="UNZ+1+REF1'")
    trees, session = read(data)
    assert session.summary.findings.count == 0
    assert len(trees) == 2
    wrong = wrap(ung, order(), "UNE+2+G9'\n", unz="UNZ+1+REF1'")
    found = read(wrong)[1].summary.findings.kept
    assert [f.code for f in found] == ["EDIFACT_UNE_COUNT", "EDIFACT_UNE_REFERENCE"]
    assert found[0].place.segment == "UNE"
    missing = wrap(ung, order(), unz="UNZ+1+REF1'")
    assert [f.code for f in read(missing)[1].summary.findings.kept] == ["EDIFACT_UNE_MISSING"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("una", ["", "UNA:+.? '"])
def test_line_ends_bom_and_una(end: str, bom: bytes, una: str) -> None:
    data = bom + (wrap(RICH, una=una).decode("latin-1").replace("\n", end)).encode("utf-8")
    trees, session = read(data)
    assert codes(trees) == []
    assert session.summary.findings.count == 0


def test_several_interchanges_with_their_own_delimiters() -> None:
    other = wrap(order()).translate(bytes.maketrans(b"+:'", b"|*~"))
    trees, session = read(wrap(order()) + b"UNA*|.? ~" + other + b"UNA:+.? '" + wrap(RICH))
    assert codes(trees) == []
    assert session.summary.findings.count == 0
    assert [info.number for info in session.summary.interchanges] == [1, 2, 3]


@pytest.mark.parametrize(
    ("syntax", "codec", "text"),
    [
        ("UNOC:3", "iso8859-1", "Münster"),
        ("UNOD:3", "iso8859-2", "Łódź"),
        ("UNOE:3", "iso8859-5", "Москва"),
        ("UNOF:3", "iso8859-7", "Αθήνα"),
        ("UNOL:4", "iso8859-15", "5 €"),
        ("UNOY:4", "utf-8", "上海"),
        ("UNOX:3", "iso2022_jp_2", "東京"),
    ],
)
def test_the_character_set_that_unb_names(syntax: str, codec: str, text: str) -> None:
    date = "20260105" if syntax.endswith("4") else "260105"
    unb = f"UNB+{syntax}+A:14+B:14+{date}:0930+REF1'"
    data = wrap(order("FTX+AAI+++@"), unb=unb).decode("ascii").replace("@", text)
    trees, session = read(data.encode(codec))
    assert codes(trees) == []
    assert session.summary.findings.count == 0
    assert text in {value for segment in trees[0].root[1] for value in segment}


def test_bytes_that_the_character_set_lacks() -> None:
    data = wrap(order("FTX+AAI+++Köln"), syntax="UNOB:3")
    trees, _ = read(data)
    found = trees[0].findings[0]
    assert found.code == "EDIFACT_CHARSET"
    assert found.place.offset == data.index(b"\xf6")
    assert (found.place.segment, found.place.element, found.place.component) == ("FTX", 4, 1)
    assert not trees[0].usable


def test_characters_outside_the_level_are_a_warning() -> None:
    trees, _ = read(wrap(order("FTX+AAI+++lower case"), syntax="UNOA:3"))
    assert codes(trees) == ["EDIFACT_REPERTOIRE"]
    assert trees[0].usable


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EDIFACT_EMPTY"),
        (b"\r\n\r\n", "EDIFACT_EMPTY"),
        (wrap(order()).decode("latin-1").encode("utf-16"), "EDIFACT_ENCODING"),
        (wrap(order()).decode("latin-1").encode("utf-16-le"), "EDIFACT_ENCODING"),
        (b"no edifact at all", "EDIFACT_GARBAGE"),
        (order().encode(), "EDIFACT_UNB_MISSING"),
        (b"UNZ+1+1'", "EDIFACT_TRAILER_STRAY"),
        (b"UNA++.? '" + wrap(order()), "EDIFACT_UNA"),
        (b"UNB+UNOC:3+A+B", "EDIFACT_UNTERMINATED"),
        (bytes(range(256)) * 20, "EDIFACT_ENCODING"),
    ],
)
def test_unreadable_files(data: bytes, code: str) -> None:
    _, session = read(data)
    assert code in [f.code for f in session.summary.findings.kept] or data == bytes(range(256)) * 20
    assert session.summary.refused or code == "EDIFACT_UNA"
    assert session.summary.findings.errors


def test_unknown_directories_are_only_read() -> None:
    trees, session = read(wrap(message("BGM+x", "ZZZ+1", kind="ORDERS:D:10B:UN:EAN008")))
    assert codes(trees) == ["EDIFACT_GRAMMAR_UNKNOWN"]
    assert trees[0].usable
    assert not trees[0].checked
    assert session.summary.well_formed


@pytest.mark.parametrize(
    ("segments", "code", "place"),
    [
        ((*HEAD, "XYZ+1", *LINE, *TAIL), "EDIFACT_SEGMENT_UNKNOWN", ("XYZ", 4, None, None)),
        ((HEAD[1], HEAD[0], *LINE, *TAIL), "EDIFACT_SEGMENT_MISSING", ("DTM", 2, None, None)),
        ((*HEAD, *LINE, *TAIL, "CUX+2:EUR"), "EDIFACT_SEGMENT_ORDER", ("CUX", 9, None, None)),
        ((*HEAD, "PAI+1", "PAI+1", *LINE, *TAIL), "EDIFACT_SEGMENT_REPEAT", ("PAI", 5, None, None)),
        ((*HEAD, *(["CUX+2:EUR"] * 6), *LINE, *TAIL), "EDIFACT_GROUP_REPEAT", ("CUX", 9, None, None)),
        ((*HEAD, *LINE, "CNT+2:1"), "EDIFACT_SEGMENT_MISSING", ("CNT", 7, None, None)),
        ((*HEAD, "NAD++1::9", *LINE, *TAIL), "EDIFACT_ELEMENT_MISSING", ("NAD", 4, 1, None)),
        ((*HEAD, "NAD+BY+::9", *LINE, *TAIL), "EDIFACT_ELEMENT_MISSING", ("NAD", 4, 2, 1)),
        ((*HEAD, "LIN+1++4019999011016:EN", "QTY+21:1O", *TAIL), "EDIFACT_ELEMENT_TYPE", ("QTY", 5, 1, 2)),
        ((*HEAD, "LIN+1++4019999011016:EN", "QTY+21:1.5.2", *TAIL), "EDIFACT_ELEMENT_TYPE", ("QTY", 5, 1, 2)),
        ((*HEAD, f"LIN+1++{'9' * 36}:EN", *TAIL), "EDIFACT_ELEMENT_LENGTH", ("LIN", 4, 3, 1)),
        ((*HEAD, "NAD+QQQ", *LINE, *TAIL), "EDIFACT_ELEMENT_CODE", ("NAD", 4, 1, None)),
        ((*HEAD, "PAI+1:2:3:4:5:6:7", *LINE, *TAIL), "EDIFACT_COMPONENT_EXCESS", ("PAI", 4, 1, 7)),
        ((*HEAD, "PAI+1+2", *LINE, *TAIL), "EDIFACT_ELEMENT_EXCESS", ("PAI", 4, 2, None)),
        ((*HEAD, "lin+1", *LINE, *TAIL), "EDIFACT_TAG", ("lin", 4, None, None)),
    ],
)
def test_structure_errors_and_their_places(
    segments: tuple[str, ...], code: str, place: tuple[str, int, int | None, int | None]
) -> None:
    data = wrap(message(*segments))
    trees, _ = read(data)
    found = trees[0].findings
    assert code in [f.code for f in found]
    first = next(f for f in found if f.code == code)
    assert (
        first.place.segment,
        first.place.segment_number,
        first.place.element,
        first.place.component,
    ) == place
    assert first.place.offset is not None
    line = data[: first.place.offset].count(b"\n") + 1
    assert first.place.line == line
    assert not trees[0].usable


def test_offsets_point_at_the_value() -> None:
    data = b"\xef\xbb\xbf" + wrap(order("FTX+AAI+++a?+b:c?'d", "NAD+BY+4299999001006:ABCD:9"))
    found = read(data)[0][0].findings[0]
    assert found.code == "EDIFACT_ELEMENT_LENGTH"
    assert found.place.offset == data.index(b"ABCD")
    assert found.value == "ABCD"


def test_codes_that_another_agency_keeps_are_not_checked() -> None:
    trees, _ = read(wrap(message("BGM+QQQ::9+PO1+9", HEAD[1], *LINE, *TAIL)))
    assert codes(trees) == []


def test_a_guide_may_add_codes() -> None:
    trees, _ = read(wrap(message(*HEAD, "NAD+QQQ", *LINE, *TAIL, kind="ORDERS:D:96A:UN:EAN008")))
    assert codes(trees) == ["EDIFACT_ELEMENT_CODE"]
    assert trees[0].usable


def test_ten_thousand_errors_are_counted_and_bounded() -> None:
    trees, _ = read(wrap(message(*HEAD, *(["QTY+x:y:z"] * 10_000), *TAIL)))
    assert len(trees[0].findings) <= 201
    assert trees[0].findings[-1].code == "FINDINGS_CUT"
    many, session = read(wrap(*(["rubbish'\n", order()] * 500)))
    assert len(session.summary.findings.kept) <= 200
    assert session.summary.findings.count >= 500
    assert len(many) == 500


def test_large_things_do_not_blow_up() -> None:
    huge = wrap(order("FTX+AAI+++" + "x" * 5_000_000))
    trees, _ = read(huge)
    assert codes(trees) == ["EDIFACT_ELEMENT_LENGTH"]
    endless = b"UNB+UNOC:3+A+B+260105:0930+1'UNH+1+ORDERS:D:96A:UN'" + b"x" * 3_000_000
    trees, session = read(endless, Policy(message_limit=1_000_000))
    assert session.summary.refused
    assert "EDIFACT_TOO_LARGE" in [f.code for f in session.summary.findings.kept]
    _, session = read(b"y" * 3_000_000)
    assert session.summary.refused
    released = wrap(order("FTX+AAI+++" + "?" * 1_000_000))
    assert codes(read(released)[0])


def test_every_code_has_a_severity_and_a_meaning() -> None:
    for code, (severity, meaning) in PROBLEMS.items():
        assert code.startswith("EDIFACT_")
        assert isinstance(severity, Severity)
        assert meaning
