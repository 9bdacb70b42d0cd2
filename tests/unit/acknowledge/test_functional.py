"""997, 999 and TA1: what they say of which fault; read again by the hub."""

from __future__ import annotations

import pytest
from answer_support import AT, Functional, functional, judge

from orderhub.findings import Finding, Place, Severity
from orderhub.formats.x12.reader import X12Reader

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *261120*0830*U*00401*000000007*0*P*:~"
ORDER = "ST*850*0001~BEG*00*SA*PO1**20261120~PO1*1*10*EA*9.5**UP*012345678905~CTT*1~SE*5*0001~"


def file(
    body: str = ORDER,
    sets: int = 1,
    *,
    isa: str = ISA,
    version: str = "004010",
    ge: str = "",
    iea: str = "IEA*1*000000007~",
) -> bytes:
    group = f"GS*PO*ACMEAPP*HUBAPP*20261120*0830*71*X*{version}~{body}{ge or f'GE*{sets}*71~'}"
    return (isa + group + iea).encode()


def said(data: bytes, **more: object) -> list[str]:
    """The segments from AK1 to AK9 of the one answer."""
    (text,) = functional(data, **more)
    lines = text.split("\n")
    return [line for line in lines if not line.startswith(("GS", "ST", "SE", "GE"))]


def test_a_good_group_is_accepted() -> None:
    assert said(file()) == ["AK1*PO*71", "AK2*850*0001", "AK5*A", "AK9*A*1*1*1"]


def test_the_answer_goes_back_the_way_the_interchange_came() -> None:
    (verdict,) = judge(file())
    answer = Functional(verdict).write(12, AT).decode()
    assert answer.startswith(
        "ISA*00*          *00*          *ZZ*HUB            *ZZ*ACME           *261123*0940*U*00401*000000012*0*P*:~"
        "GS*FA*HUBAPP*ACMEAPP*20261123*0940*12*X*004010~ST*997*0001~"
    )
    assert answer.endswith("SE*6*0001~GE*1*12~IEA*1*000000012~")
    test = Functional(judge(file(isa=ISA.replace("*P*", "*T*")))[0]).write(1, AT)
    assert b"*0*T*:~" in test


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("SE*5*", "SE*6*", ["AK5*R*4"]),
        ("SE*5*0001", "SE*5*0002", ["AK5*R*3"]),
        ("SE*5*0001~", "", ["AK5*R*2"]),
        ("BEG*00*SA*PO1**20261120~", "", ["AK3*BEG*2**3", "AK5*R*4*5"]),
        ("CTT*1~", "FOO*1~", ["AK3*FOO*4**6", "AK5*R*5"]),
        ("*20261120~PO1", "*20261399~PO1", ["AK3*BEG*2**8", "AK4*5**8*20261399", "AK5*R*5"]),
        ("PO1*1*10", "PO1*1*ten", ["AK3*PO1*3**8", "AK4*2**6*ten", "AK5*R*5"]),
        ("BEG*00*SA*PO1", "BEG*00*SA*", ["AK3*BEG*2**8", "AK4*3**1", "AK5*R*5"]),
        ("PO1**2026", "P" + "O" * 30 + "**2026", ["AK3*BEG*2**8", "AK4*3**5*P" + "O" * 30, "AK5*R*5"]),
        ("UP*012345678905", "UP*", ["AK3*PO1*3**8", "AK4*7**2", "AK5*R*5"]),
    ],
)
def test_a_fault_of_a_transaction_set_is_told_where_it_stands(old: str, new: str, lines: list[str]) -> None:
    assert old in ORDER
    assert said(file(ORDER.replace(old, new))) == [
        "AK1*PO*71",
        "AK2*850*0001",
        *lines,
        "AK9*R*1*1*0",
    ]


def test_a_group_may_be_accepted_in_part() -> None:
    bad = ORDER.replace("0001", "0002").replace("SE*5", "SE*7")
    assert said(file(ORDER + bad, 2)) == [
        "AK1*PO*71",
        "AK2*850*0001",
        "AK5*A",
        "AK2*850*0002",
        "AK5*R*4",
        "AK9*P*2*2*1",
    ]


def test_two_sets_of_one_number_are_told() -> None:
    assert "AK5*R*23" in said(file(ORDER + ORDER, 2))


@pytest.mark.parametrize(("ge", "code"), [("GE*3*71~", "AK9*R*3*1*0*5"), ("GE*1*72~", "AK9*R*1*1*0*4")])
def test_a_fault_of_the_group_rejects_the_group(ge: str, code: str) -> None:
    assert said(file(ge=ge)) == ["AK1*PO*71", code]


@pytest.mark.parametrize(
    ("data", "ta1"),
    [
        (file(iea="IEA*1*000000008~"), "TA1*000000007*261120*0830*R*001"),
        (file(iea="IEA*2*000000007~"), "TA1*000000007*261120*0830*R*021"),
        (file(iea=""), "TA1*000000007*261120*0830*R*023"),
        ((ISA + ORDER + "IEA*0*000000007~").encode(), "TA1*000000007*261120*0830*R*022"),
    ],
)
def test_a_fault_of_the_interchange_is_told_by_ta1_and_no_group_is_answered(data: bytes, ta1: str) -> None:
    (verdict,) = judge(data)
    answer = Functional(verdict)
    assert answer.kind == "ta1"
    text = answer.write(3, AT).decode()
    assert text.split("~")[1:3] == [ta1, "IEA*0*000000003"]


def test_receipt_is_told_by_ta1() -> None:
    (verdict,) = judge(file(ORDER.replace("SE*5", "SE*9")), covers="receipt")
    assert "TA1*000000007*261120*0830*A*000~" in Functional(verdict).write(3, AT).decode()


def test_what_nobody_maps_is_not_supported() -> None:
    assert said(file(), unmapped=[1]) == ["AK1*PO*71", "AK2*850*0001", "AK5*R*1", "AK9*R*1*1*0"]


def test_a_business_rule_is_told_only_where_that_was_agreed() -> None:
    finding = Finding(
        code="VALUE_LOOKUP",
        severity=Severity.ERROR,
        message="Unknown unit.",
        place=Place(segment="PO1", segment_number=3, element=3),
        value="XX*X",
    )
    assert said(file(), held={1: [finding]})[2] == "AK5*A"
    assert said(file(), held={1: [finding]}, covers="acceptance")[2:] == [
        "AK3*PO1*3**8",
        "AK4*3**7*XX.X",
        "AK5*R*5",
        "AK9*R*1*1*0",
    ]


def test_what_the_agreement_forgives_is_not_told() -> None:
    severities = {"X12_SE_COUNT": Severity.WARNING}
    assert said(file(ORDER.replace("SE*5", "SE*6")), severities=severities)[2] == "AK5*A"


def test_005010_names_its_version_and_may_be_answered_by_999() -> None:
    isa = ISA.replace("*U*00401*", "*^*00501*")
    body = ORDER.replace("PO1*1*10", "PO1*1*ten")
    data = file(body, isa=isa, version="005010")
    assert said(data)[0] == "AK1*PO*71*005010"
    (verdict,) = judge(data, kind="999")
    answer = Functional(verdict)
    assert answer.kind == "999"
    text = answer.write(5, AT).decode()
    assert (
        "*X*005010X231A1~ST*999*0001*005010X231A1~AK1*PO*71*005010~AK2*850*0001~IK3*PO1*3**8~IK4*2**6*ten~IK5*R*5~"
        in text
    )
    # the older release has none: it is answered by 997
    assert Functional(judge(file(), kind="999")[0]).kind == "997"


def test_an_answer_is_never_answered() -> None:
    answer = Functional(judge(file())[0]).write(1, AT)
    assert functional(answer) == []


@pytest.mark.parametrize(
    "body", [ORDER, ORDER.replace("SE*5", "SE*9"), ORDER.replace("PO1*1*10", "PO1*1*t~FOO*1")]
)
@pytest.mark.parametrize("kind", ["997", "999"])
def test_the_hub_reads_its_own_answer_without_a_word(body: str, kind: str) -> None:
    isa, version = (ISA, "004010") if kind == "997" else (ISA.replace("*U*00401*", "*^*00501*"), "005010")
    (verdict,) = judge(file(body, isa=isa, version=version), kind=kind)
    session = X12Reader().read(Functional(verdict).write(1, AT), name="answer")
    (tree,) = session
    assert (tree.message_type, tree.checked) == (kind, True)
    assert tree.findings == []
    assert session.summary.findings.kept == []
