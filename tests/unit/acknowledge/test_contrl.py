"""CONTRL: what it says of which fault, in codes and positions of ISO 9735; read again by the hub and by pydifact."""

from __future__ import annotations

import warnings

import pytest
from answer_support import AT, Contrl, contrl, judge
from pydifact.segmentcollection import Interchange

from orderhub.acknowledge.lengths import is_short
from orderhub.findings import Finding, Place, Severity
from orderhub.formats.edifact.grammar import directory
from orderhub.formats.edifact.reader import EdifactReader

HEAD = "UNB+UNOC:3+ACME:14+HUB:14+261120:0830+R1'"
ORDER = (
    "UNH+M1+ORDERS:D:96A:UN:EAN008'BGM+220+PO1+9'DTM+137:20261120:102'NAD+BY+4299999001006::9'NAD+SU+4019999010002::9'"
    "LIN+1++4019999011016:EN'QTY+21:10:PCE'UNS+S'UNT+9+M1'"
)
UCI = "UCI+R1+ACME:14+HUB:14+"
UCM = "UCM+M1+ORDERS:D:96A:UN:EAN008+"


def file(message: str = ORDER, *, head: str = HEAD, tail: str = "UNZ+1+R1'") -> bytes:
    return (head + message + tail).encode("latin-1")


def said(data: bytes, **more: object) -> list[str]:
    """The lines of the one answer."""
    (text,) = contrl(data, **more)
    return text.split("\n")


def test_a_good_interchange_is_acknowledged_message_by_message() -> None:
    assert said(file()) == [UCI + "7", UCM + "7"]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("UNT+9+", "UNT+8+", [UCM + "4+29+UNT+2"]),
        ("UNT+9+M1", "UNT+9+M2", [UCM + "4+28+UNT+3"]),
        ("UNT+9+M1'", "", [UCM + "4+13+UNT"]),
        # the last segment before the missing one, counted from UNH
        ("BGM+220+PO1+9'", "", [UCM + "4+29+UNT+2", "UCS+1+13"]),
        ("UNS+S'", "XYZ+1'", [UCM + "4", "UCS+8+13", "UCS+8+15"]),
        ("UNS+S'", "UNS+S'UNS+S'", [UCM + "4+29+UNT+2", "UCS+9+35"]),
        # elements are counted from the tag, which is 1; components from 1
        ("DTM+137:20261120:102", "DTM+137:20261120:1020", [UCM + "4", "UCS+3", "UCD+39+2:3"]),
        ("NAD+BY", "NAD+", [UCM + "4", "UCS+4", "UCD+13+2"]),
        ("QTY+21:10:PCE", "QTY+21:ten:PCE", [UCM + "4", "UCS+7", "UCD+37+2:2"]),
        ("QTY+21:10:PCE", "QTY+21:10:PCE:x+y", [UCM + "4", "UCS+7", "UCD+16+2:4", "UCD+16+3"]),
        ("BGM+220+PO1+9", "BGM+220+PO1+9'BGM+1+1+9", [UCM + "4+29+UNT+2", "UCS+3+35"]),
        ("PO1", "PO1\x80", None),
    ],
)
def test_a_fault_of_a_message_is_told_where_it_stands(old: str, new: str, lines: list[str] | None) -> None:
    assert old in ORDER
    found = said(file(ORDER.replace(old, new)))
    assert found[0] == UCI + "7"
    if lines is not None:
        assert found[1:] == lines


@pytest.mark.parametrize(
    ("value", "short"), [("12", True), ("1234", False), ("-12", True), ("1.23.4", False)]
)
def test_a_value_too_short_is_told_apart_from_one_too_long(value: str, short: bool) -> None:
    tables = directory("D.96A")
    assert tables is not None
    place = Place(segment="DGS", segment_number=5, element=4, component=1)
    finding = Finding(
        code="EDIFACT_ELEMENT_LENGTH", severity=Severity.ERROR, message="", place=place, value=value
    )
    assert is_short(finding, tables.segment("DGS")) is short
    assert is_short(finding, None) is False


@pytest.mark.parametrize(
    ("data", "uci"),
    [
        (file(tail="UNZ+2+R1'"), "4+29+UNZ+2"),
        (file(tail="UNZ+1+R2'"), "4+28+UNZ+3"),
        (file(tail=""), "4+13+UNZ"),
        (file(tail="UNX+1'UNZ+1+R1'"), "4+33"),
        (file("UNG+ORDERS+A+B+261120:0830+1+UN+D:96A'" + ORDER), "4+13+UNE"),
        (file("UNG+ORDERS+A+B+261120:0830+1+UN+D:96A'" + ORDER + "UNE+2+1'"), "4+29+UNE+2"),
    ],
)
def test_a_fault_of_the_envelope_rejects_the_interchange_and_names_no_message(data: bytes, uci: str) -> None:
    assert said(data) == [UCI + uci]


def test_groups_are_answered_around_their_messages() -> None:
    second = ORDER.replace("M1", "M2").replace("UNT+9", "UNT+8")
    grouped = (
        "UNG+ORDERS+A+B+261120:0830+7+UN+D:96A'" + ORDER + "UNE+1+7'"
        "UNG+ORDERS+A+B+261120:0830+8+UN+D:96A'" + second + "UNE+1+8'"
    )
    assert said(file(grouped, tail="UNZ+2+R1'")) == [
        UCI + "7",
        "UCF+7+A+B+7",
        UCM + "7",
        "UCF+8+A+B+7",
        UCM.replace("M1", "M2") + "4+29+UNT+2",
    ]


def test_what_the_agreement_forgives_is_not_told() -> None:
    severities = {"EDIFACT_UNT_COUNT": Severity.WARNING, "EDIFACT_UNZ_COUNT": Severity.WARNING}
    data = file(ORDER.replace("UNT+9", "UNT+8"), tail="UNZ+5+R1'")
    assert said(data)[0] == UCI + "4+29+UNZ+2"
    assert said(data, severities=severities) == [UCI + "7", UCM + "7"]


def test_a_message_that_nobody_maps_is_not_supported() -> None:
    assert said(file(), unmapped=[1]) == [UCI + "7", UCM + "4+14+UNH+3:1"]


HELD = Finding(
    code="PO_LINE_QUANTITY",
    severity=Severity.ERROR,
    message="The quantity is not positive.",
    place=Place(segment="QTY", segment_number=7, element=1, component=2),
)


def test_a_business_rule_is_told_only_where_that_was_agreed() -> None:
    held = {1: [HELD]}
    assert said(file(), held=held) == [UCI + "7", UCM + "7"]
    assert said(file(), held=held, covers="acceptance") == [UCI + "7", UCM + "4", "UCS+7", "UCD+12+2:2"]
    nowhere = Finding(code="INTERCHANGE_HELD", severity=Severity.ERROR, message="Another failed.")
    assert said(file(), held={1: [nowhere]}, covers="acceptance") == [UCI + "7", UCM + "4+18"]


def test_receipt_is_told_without_a_look_at_the_messages() -> None:
    assert said(file(ORDER.replace("UNT+9", "UNT+8")), covers="receipt") == [UCI + "8"]
    assert said(file(tail="UNZ+9+R1'"), covers="receipt") == [UCI + "4+29+UNZ+2"]


@pytest.mark.parametrize(
    "header", ["UNB+UNOC:3+ACME:14+HUB:14+261120:0830", "UNB+UNOC:3++HUB:14+261120:0830+R1"]
)
def test_without_sender_or_reference_there_is_nobody_and_nothing_to_answer(header: str) -> None:
    assert contrl(file(head=header + "'")) == []


def test_an_answer_is_never_answered() -> None:
    answer = Contrl(judge(file())[0]).write(1, AT)
    assert contrl(answer) == []


def test_references_that_have_no_room_are_cut_and_the_message_is_rejected_for_it() -> None:
    long = ORDER.replace("M1", "A-REFERENCE-OF-20-CHARS")
    assert said(file(long))[1].startswith("UCM+A-REFERENCE-OF+ORDERS:D:96A:UN:EAN008+4+39+UNH+2")
    none = ORDER.replace("UNH+M1", "UNH+").replace("UNT+9+M1", "UNT+9+")
    assert said(file(none))[1].startswith("UCM+1+ORDERS:D:96A:UN:EAN008+4+13+UNH+2")


def test_a_hostile_header_gives_an_answer_that_can_be_read() -> None:
    for reference in ("R?'1", "R?+?:", "R\x00\x1b", "\xff\xfe", "R??"):
        head = f"UNB+UNOC:3+ACME:14+HUB:14+261120:0830+{reference}'"
        for verdict in judge(file(head=head, tail=f"UNZ+1+{reference}'")):
            _reads_well(Contrl(verdict).write(1, AT))


@pytest.mark.parametrize(
    ("syntax", "date", "identifier"),
    [
        ("UNOA:1", "261123", "CONTRL:D:3:UN"),
        ("UNOB:2", "261123", "CONTRL:D:3:UN"),
        ("UNOC:3", "261123", "CONTRL:D:3:UN"),
        ("UNOC:4", "20261123", "CONTRL:4:1:UN"),
        ("UNOY:4", "20261123", "CONTRL:4:1:UN"),
        ("XXXX:3", "261123", "CONTRL:D:3:UN"),
    ],
)
def test_the_answer_speaks_the_senders_syntax_version(syntax: str, date: str, identifier: str) -> None:
    (verdict,) = judge(
        file(
            head=HEAD.replace("UNOC:3", syntax).replace(
                "261120", "20261120" if syntax[-1] == "4" else "261120"
            )
        )
    )
    answer = Contrl(verdict).write(12, AT)
    expected = syntax if syntax[:4] != "XXXX" else "UNOC:3"
    assert f"UNB+{expected}+HUB:14+ACME:14+{date}:0940+12'UNH+1+{identifier}'".encode() in answer
    _reads_well(answer)


def test_a_test_interchange_is_answered_as_one() -> None:
    (verdict,) = judge(file(head=HEAD.replace("R1'", "R1++++++1'")))
    assert b"+7++++++1'UNH" in Contrl(verdict).write(7, AT)


def test_a_long_file_is_answered_in_full() -> None:
    many = "".join(ORDER.replace("M1", f"M{n}") for n in range(2000))
    lines = said(file(many, tail="UNZ+2000+R1'"))
    assert len(lines) == 2001


@pytest.mark.parametrize(
    "data",
    [
        file(),
        file(tail="UNZ+2+R1'"),
        file(ORDER.replace("QTY+21:10:PCE", "QTY+21:ten:PCE:x+y").replace("UNT+9", "UNT+2")),
        file("UNG+ORDERS+A+B+261120:0830+7+UN+D:96A'" + ORDER + "UNE+1+7'"),
    ],
)
def test_pydifact_reads_the_answer(data: bytes) -> None:
    (verdict,) = judge(data)
    answer = Contrl(verdict).write(3, AT)
    _reads_well(answer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = Interchange.from_str(answer.decode())
        (message,) = theirs.get_messages()
    assert theirs.control_reference == "3"
    assert (theirs.sender, theirs.recipient) == (["HUB", "14"], ["ACME", "14"])
    assert message.type == "CONTRL"
    (uci,) = message.get_segments("UCI")
    assert uci.elements[0] == "R1"


def _reads_well(answer: bytes) -> None:
    """The hub's own reader, with the service directory, has nothing against it."""
    session = EdifactReader().read(answer, name="answer")
    (tree,) = session
    known = {"EDIFACT_REPERTOIRE"}
    assert tree.checked
    assert [f for f in tree.findings if f.code not in known] == []
    assert [f for f in session.summary.findings.kept if f.code not in known] == []
