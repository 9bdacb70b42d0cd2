"""X12 files as partners send them: separators from ISA, envelopes checked, faults named at their place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from x12_samples import GE, GS, IEA, ISA, RICH, codes, file_codes, order, read, wrap

from orderhub.findings import Severity
from orderhub.formats.detect import detect
from orderhub.formats.x12.problems import PROBLEMS, X12Policy
from orderhub.formats.x12.reader import X12Reader


def test_envelope_and_group_are_known_of_every_message() -> None:
    trees, session = read(wrap(order(), order(number="0002")).replace(b"*0*P*", b"*1*T*"))
    assert codes(trees) == []
    assert file_codes(session) == []
    tree = trees[1]
    assert (tree.message_type, tree.release, tree.reference, tree.number) == ("850", "004010", "0002", 2)
    assert tree.checked
    assert tree.usable
    info = tree.interchange
    assert (info.sender, info.sender_qualifier, info.receiver) == ("4299999001051", "14", "4299999000009")
    assert (info.control_reference, info.test, info.prepared_at) == ("000000012", True, "261120:0830")
    group = tree.group
    assert group is not None
    assert (group.code, group.control_number, group.version, group.number) == ("PO", "7", "004010", 1)
    assert (session.summary.message_type, session.summary.release) == ("850", "004010")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "﻿" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", ""),
        lambda text: "\n\n" + text,
        lambda text: text.replace("*", "|").replace(">", "^").replace("~", "'"),
        lambda text: text.replace("~\n", "\n"),
        lambda text: text.replace("~\n", "\r\n"),
        lambda text: text.replace("~\n", "\n").rstrip("\n"),
        lambda text: text.replace("*", "\x1d").replace("~\n", "\x1e"),
    ],
)
def test_separators_and_line_ends_are_taken_as_they_come(change) -> None:  # type: ignore[no-untyped-def]
    text = wrap(RICH, order(number="0002")).decode("utf-8")
    trees, session = read(change(text).encode("utf-8"))
    assert file_codes(session) == []
    assert codes(trees) == []
    assert [tree.reference for tree in trees] == ["0001", "0002"]
    head = detect(change(text).encode("utf-8")[:4096])
    assert head is not None
    assert (head.format, head.message, head.release) == ("x12", "850", "004010")


def test_several_interchanges_and_groups_in_one_file() -> None:
    second = GS.replace("*7*X", "*8*X") + order(number="0001") + "GE*1*8~\n"
    data = wrap(order(), order(number="0002")).decode().replace(IEA, second + IEA.replace("IEA*1", "IEA*2"))
    other = wrap(order()).decode().replace("000000012", "000000013")
    trees, session = read((data + other).encode())
    assert file_codes(session) == []
    assert codes(trees) == []
    assert [(t.interchange.number, t.group.number) for t in trees if t.group] == [
        (1, 1),
        (1, 1),
        (1, 2),
        (2, 1),
    ]


def test_from_00402_on_isa_names_the_repetition_separator() -> None:
    isa = ISA.replace("*U*00401*", "*^*00501*")
    gs = GS.replace("004010", "005010")
    trees, _ = read(wrap(order("REF*CT*A^B"), isa=isa, gs=gs))
    assert codes(trees) == ["X12_ELEMENT_REPEAT"]
    assert trees[0].findings[0].place.element == 2
    assert trees[0].usable
    # before that, it is a character like others
    assert codes(read(wrap(order("REF*CT*A^B")))[0]) == []


@pytest.mark.parametrize(
    ("data", "code", "segment", "element"),
    [
        (wrap(order(), ge="GE*2*7~"), "X12_GE_COUNT", "GE", 1),
        (wrap(order(), ge="GE*1*8~"), "X12_GE_REFERENCE", "GE", 2),
        (wrap(order(), iea="IEA*2*000000012~"), "X12_IEA_COUNT", "IEA", 1),
        (wrap(order(), iea="IEA*1*000000021~"), "X12_IEA_REFERENCE", "IEA", 2),
        (wrap(order(), iea=""), "X12_IEA_MISSING", "IEA", None),
        (wrap(order(), ge=" "), "X12_GE_MISSING", "IEA", None),
        (wrap(order(), isa=ISA.replace("4299999001051  ", "4299999001051")), "X12_ISA_LENGTH", "ISA", 6),
        (wrap(order(), isa=ISA.replace("*261120*", "*261320*")), "X12_ISA_VALUE", "ISA", 9),
        (wrap(order(), isa=ISA.replace("*00401*000000012*0*P*>", "*00401")), "X12_ISA", "ISA", None),
        (wrap(order()) + b"SE*1*1~", "X12_TRAILER_STRAY", "SE", None),
        (wrap(order()) + b"garbage", "X12_GARBAGE", None, None),
        (wrap(order(), isa=""), "X12_ISA_MISSING", "GS", None),
        (wrap(order(), iea="IEA*1*000000012"), "X12_UNTERMINATED", "IEA", None),
        (wrap(order(), gs=GS.replace("*7*X", "**X"), ge="GE*1*~"), "X12_ELEMENT_MISSING", "GS", 6),
        (b" \n", "X12_EMPTY", None, None),
        ("ISA*00*".encode("utf-16"), "X12_ENCODING", None, None),
    ],
)
def test_envelope_faults_are_named_at_their_place(
    data: bytes, code: str, segment: str | None, element: int | None
) -> None:
    _, session = read(data)
    found = next(f for f in session.summary.findings.kept if f.code == code)
    assert found.place.segment == segment
    assert found.place.element == element
    assert found.place.offset is not None
    if code != "X12_ISA_VALUE":
        assert not session.summary.well_formed


@pytest.mark.parametrize(
    ("text", "code", "number", "element"),
    [
        (order(count=9), "X12_SE_COUNT", 5, 1),
        (order().replace("SE*5*0001", "SE*5*0002"), "X12_SE_REFERENCE", 5, 2),
        (order().replace("SE*5*0001~\n", ""), "X12_SE_MISSING", 4, None),
        (order("XYZ*1"), "X12_SEGMENT_UNKNOWN", 3, None),
        (order("CTT*1"), "X12_SEGMENT_MISSING", 3, None),
        (order("REF*CT*1", "CUR*BY*EUR"), "X12_SEGMENT_ORDER", 4, None),
        (order("CUR*BY*EUR", "CUR*BY*EUR"), "X12_SEGMENT_REPEAT", 4, None),
        (order("CUR*BY"), "X12_ELEMENT_MISSING", 3, 2),
        (order("CUR*BY*EURO"), "X12_ELEMENT_LENGTH", 3, 2),
        (order("CUR*??*EUR"), "X12_ELEMENT_CODE", 3, 1),
        (order("CUR*BY*EUR*x"), "X12_ELEMENT_TYPE", 3, 3),
        (order("DTM*002*20261341"), "X12_ELEMENT_DATE", 3, 2),
        (order("DTM*002*20261120*2561"), "X12_ELEMENT_TIME", 3, 3),
        (order("DTM*002"), "X12_SEGMENT_RULE", 3, 2),
        (order("N1*ST**92"), "X12_SEGMENT_RULE", 3, 4),
        (order("BEG*00*SA*1**20261120*1*1*1*1*1*1*1*1"), "X12_ELEMENT_EXCESS", 3, 13),
        (order("REF*CT*A>B"), "X12_COMPONENT_EXCESS", 3, 2),
        (order("ref*CT*A"), "X12_TAG", 3, None),
    ],
)
def test_faults_of_a_transaction_set_are_named_at_their_place(
    text: str, code: str, number: int, element: int | None
) -> None:
    trees, session = read(wrap(text, order(number="0099")))
    found = next(f for f in trees[0].findings if f.code == code)
    assert found.severity is Severity.ERROR
    assert (found.place.segment_number, found.place.element) == (number, element)
    assert trees[1].usable
    assert not session.summary.refused


def test_the_place_leads_to_the_bytes() -> None:
    data = wrap(order("CUR*BY*EURO"))
    finding = read(data)[0][0].findings[0]
    at = finding.place.offset
    assert at is not None
    assert data[at : at + 4] == b"EURO"
    assert (finding.place.line, finding.place.column) == (5, 8)
    assert (finding.place.interchange, finding.place.message) == ("000000012", "0001")


def test_an_envelope_fault_refuses_the_interchange_but_not_the_next_one() -> None:
    good = wrap(order()).decode().replace("000000012", "000000013").encode()
    trees, session = read(wrap(order(), ge="GE*2*7~\n") + good)
    assert [tree.usable for tree in trees] == [False, True]
    assert not session.summary.refused


def test_control_numbers_are_unique_in_their_envelope() -> None:
    assert codes(read(wrap(order(), order()))[0]) == ["X12_ST_DUPLICATE"]
    group = GS + order() + GE.format(count=1)
    _, session = read((ISA + group + group + "IEA*2*000000012~").encode())
    assert file_codes(session) == ["X12_GS_DUPLICATE"]


def test_a_group_number_may_have_leading_zeros() -> None:
    assert file_codes(read(wrap(order(), ge="GE*1*0007~\n"))[1]) == []


def test_a_transaction_set_outside_a_group_says_so() -> None:
    trees, _ = read((ISA + order() + "IEA*0*000000012~").encode())
    assert codes(trees) == ["X12_GS_MISSING", "X12_GRAMMAR_UNKNOWN"]
    assert not trees[0].usable


def test_without_a_table_only_the_envelope_is_checked() -> None:
    trees, session = read(wrap(order(kind="837"), gs=GS.replace("004010", "006020")))
    assert codes(trees) == ["X12_GRAMMAR_UNKNOWN"]
    assert trees[0].usable
    assert not trees[0].checked
    assert not session.summary.refused
    assert trees[0].release == "006020"


def test_interchange_acknowledgements_are_passed_over() -> None:
    ta1 = "TA1*000000001*261120*0830*A*000~\n"
    assert file_codes(read(wrap(order(), isa=ISA + ta1))[1]) == []


def test_codes_of_a_guide_are_a_warning() -> None:
    trees, _ = read(wrap(order("CUR*??*EUR"), gs=GS.replace("004010", "004010VICS")))
    assert [(f.code, f.severity) for f in trees[0].findings] == [("X12_ELEMENT_CODE", Severity.WARNING)]
    assert trees[0].release == "004010"
    assert trees[0].group is not None
    assert trees[0].group.version == "004010VICS"


def test_implied_decimals_are_put_in() -> None:
    trees, _ = read(wrap(RICH))
    _, segments, _, _ = trees[0].root
    assert [segment[5] for segment in segments if segment[0] == "SAC"] == ["12.50", "-0.05"]


def test_text_is_utf8_or_else_latin1_with_a_warning() -> None:
    good = order("N1*ST*Dépôt").encode("utf-8")
    latin = order("N1*ST*Dépôt").encode("iso8859-1")
    for body, found in ((good, []), (latin, ["X12_CHARSET"])):
        trees, _ = read((ISA + GS).encode() + body + (GE.format(count=1) + IEA).encode())
        assert codes(trees) == found
        assert trees[0].usable
        assert any("Dépôt" in segment for segment in trees[0].root[1])


def test_the_agreement_decides_how_bad_a_fault_is() -> None:
    lenient = X12Policy(severities={"X12_ISA_LENGTH": Severity.WARNING})
    trees, session = read(wrap(order(), isa=ISA.replace("4299999001051  ", "4299999001051")), lenient)
    assert [tree.usable for tree in trees] == [True]
    assert not session.summary.refused


def test_a_message_too_large_is_refused_alone() -> None:
    large = order(*["REF*CT*1"] * 100)
    trees, _ = read(wrap(large, order(number="0002")), X12Policy(message_segments=80))
    assert [(tree.reference, tree.usable) for tree in trees] == [("0001", False), ("0002", True)]


def test_a_stream_and_a_path_give_the_same(tmp_path: Path) -> None:
    data = wrap(*[order(number=f"{number:04d}") for number in range(400)])
    path = tmp_path / "a.edi"
    path.write_bytes(data)
    for source in (data, path, io.BytesIO(data)):
        session = X12Reader().read(source, name="a.edi")
        assert [tree.reference for tree in session if tree.usable] == [f"{n:04d}" for n in range(400)]
        assert session.summary.findings.count == 0


def test_every_code_has_a_meaning() -> None:
    assert all(code.startswith("X12_") and meaning for code, (_, meaning) in PROBLEMS.items())
