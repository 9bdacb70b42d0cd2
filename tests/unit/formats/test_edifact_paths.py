"""Paths and groups as authors write them, against the grammar and against messages."""

from __future__ import annotations

import pytest
from edifact_samples import LINE, RICH, TAIL, message, read, wrap

from orderhub.formats.dialect import (
    DeclarationError,
    Dialect,
    PathError,
    Scope,
    SeveralValues,
    SourceDeclaration,
)
from orderhub.formats.edifact.dialect import EdifactDialect


def scope(message_type: str = "ORDERS", release: str = "D.96A") -> Scope:
    return EdifactDialect().scope(SourceDeclaration("edifact", message_type, release))


def rich() -> object:
    return read(wrap(RICH))[0][0].root


def test_it_is_a_dialect() -> None:
    assert isinstance(EdifactDialect(), Dialect)
    assert isinstance(scope(), Scope)


@pytest.mark.parametrize(
    ("path", "value", "many"),
    [
        ("BGM/1004", "PO-4711", False),
        ("/BGM/1004", "PO-4711", False),
        ("DTM[137]/C507/2380", "20260105", False),
        ("DTM[2005=2]/C507/2380", "20260120", False),
        ("DTM[11]/C507/2380", None, False),
        ("DTM#2/C507/2380", "20260120", False),
        ("CUX/C504[2]/6345", "EUR", False),
        ("CUX[2]/C504/6345#1", "EUR", False),
        ("NAD[BY]/C082/3039", "4299999001006", False),
        ("NAD[BY]/C080/3036", ["ACME Retail GmbH"], True),
        ("NAD[BY]/C080/3036#1", "ACME Retail GmbH", False),
        ("NAD/C082/3039", ["4299999001006", "4019999010002"], True),
        ("NAD#2/C082/3039", "4019999010002", False),
        ("FTX[AAI]/C108/4440", ["Please deliver: gate 5 + ramp", "second line"], True),
        ("FTX[AAI]/C108/4440#2", "second line", False),
        ("RFF[CT]/C506/1154", "FRAME-1", False),
        ("SG1/DTM[171]/C507/2380", "20251201", False),
        ("SG2/RFF[VA]/C506/1154", "DE123456789", False),
        ("SG3/RFF[VA]/C506/1154", "DE123456789", False),
        ("SG25/LIN/1082", ["1", "2", "3"], True),
        ("SG25/QTY[21]/C186/6060", ["100", "20.5", "3"], True),
        ("MOA[79]/C516/5004", "99.9", False),
        ("CNT[2]/C270/6066", "3", False),
        ("UNH/0062", "1", False),
    ],
)
def test_values_of_the_message(path: str, value: object, many: bool) -> None:
    resolved = scope().resolve(path)
    assert resolved.get(rich()) == value
    assert resolved.many is many
    assert resolved.from_root is path.startswith("/")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("LIN/1082", ["1", "2", "3"]),
        ("LIN/C212[7143=EN]/7140", ["4019999011016", "4019999011023", "4019999011030"]),
        ("LIN/C212[EN]/7140", ["4019999011016", "4019999011023", "4019999011030"]),
        ("PIA/C212[7143=IN]/7140", ["OH-10001", None, None]),
        ("PIA/C212[SA]/7140", ["NW-M8X40", None, None]),
        ("PIA[1]/C212#2/7140", ["NW-M8X40", None, None]),
        ("PIA/C212/7140", [["OH-10001", "NW-M8X40"], [], []]),
        ("IMD/C273/7008", [["Hexagon bolt M8 x 40, galvanised"], [], []]),
        ("QTY[21]/C186/6060", ["100", "20.5", "3"]),
        ("QTY[21]/C186/6411", ["PCE", "KGM", None]),
        ("PRI[AAA]/C509/5118", ["0.125", "-3.2", None]),
        ("SG28/PRI[AAA]/C509/5118", ["0.125", "-3.2", None]),
        ("MOA[203]/C516/5004", ["12.50", None, None]),
        ("RFF[LI]/C506/1154", ["1", None, None]),
        ("TAX[7]/C243/5278", [None, "7", None]),
        ("SG25/LIN/1082", ["1", "2", "3"]),
    ],
)
def test_values_of_each_line(path: str, values: list[object]) -> None:
    group = scope().enter("LIN")
    resolved = group.scope.resolve(path)
    assert group.many
    assert [resolved.get(node) for node in group.nodes(rich())] == values


def test_groups_within_groups() -> None:
    top = scope()
    party = top.enter("NAD[BY]")
    assert not party.many
    (node,) = party.nodes(rich())
    assert party.scope.resolve("CTA/C056/3412").get(node) == ["J. Doe"]
    contact = party.scope.enter("CTA[OC]")
    (inner,) = contact.nodes(node)
    assert contact.scope.resolve("COM[TE]/C076/3148").get(inner) == "+49 251 1"
    assert contact.where(inner).segment == "CTA"
    each = top.enter("SG25").scope.enter("QTY")
    lines = top.enter("SG25").nodes(rich())
    assert [len(each.nodes(line)) for line in lines] == [1, 2, 1]
    assert each.scope.resolve("QTY/C186/6063").get(each.nodes(lines[1])[1]) == "59"
    from_root = party.scope.enter("/LIN")
    assert from_root.from_root
    assert len(from_root.nodes(rich())) == 3
    assert top.enter("NAD[DP]").nodes(rich()) == []


def test_two_different_values_are_not_one() -> None:
    twice = message("BGM+220+P", "DTM+137:20260105:102", "DTM+137:20260106:102", *LINE, *TAIL)
    same = message("BGM+220+P", "DTM+137:20260105:102", "DTM+137:20260105:102", *LINE, *TAIL)
    resolved = scope().resolve("DTM[137]/C507/2380")
    with pytest.raises(SeveralValues):
        resolved.get(read(wrap(twice))[0][0].root)
    assert [p.segment_number for p in resolved.where(read(wrap(twice))[0][0].root)] == [3, 4]
    assert resolved.get(read(wrap(same))[0][0].root) == "20260105"


def test_places() -> None:
    data = wrap(RICH)
    root = read(data)[0][0].root
    (place,) = scope().resolve("NAD[BY]/3164").where(root)
    assert place.offset == data.index(b"Muenster")
    assert (place.segment, place.element, place.component, place.line) == ("NAD", 6, None, 9)
    group = scope().enter("LIN")
    second = group.nodes(root)[1]
    (place,) = group.scope.resolve("PRI[AAA]/C509/5118").where(second)
    assert place.offset == data.index(b"-3.2")
    (absent,) = group.scope.resolve("RFF[LI]/C506/1154").where(second)
    assert (absent.segment, absent.segment_number) == ("LIN", 27)


@pytest.mark.parametrize(
    ("path", "offset", "suggestion"),
    [
        ("DTN[137]/C507/2380", 0, "DTM"),
        ("DTM[137]/2380", 9, "DTM/C507/2380"),
        ("DTM[137]/C506/2380", 9, None),
        ("DTM[137]/C507/2381", 14, "DTM/C507/2380"),
        ("DTM", 0, "DTM/C507/2005"),
        ("DTM[137]/C507", 9, "DTM/C507/2005"),
        ("SG25", 0, "SG25/LIN"),
        ("SG99/LIN/1082", 0, "SG9"),
        ("7140", 0, "LIN/C212/7140"),
        ("lin/1082", 0, "LIN"),
        ("LOC/3227", 0, "SG2/LOC"),
        ("NAD[XQX]/3164", 4, None),
        ("BGM/1004/1225", 9, None),
        ("BGM/1004[9]", 9, None),
        ("DTM[]/C507/2380", 4, None),
        ("DTM[137/C507/2380", 3, None),
        ("DTM#0/C507/2380", 4, None),
        ("NAD[BY]/C080/3036#6", 13, None),
        ("DTM//2380", 4, None),
        ("", 0, None),
        ("/", 1, None),
        ("  BGM/9999", 6, None),
    ],
)
def test_wrong_paths_say_where_and_what_to_do(path: str, offset: int, suggestion: str | None) -> None:
    with pytest.raises(PathError) as caught:
        scope().resolve(path)
    assert caught.value.offset == offset
    assert caught.value.what
    assert caught.value.todo
    if suggestion is not None:
        assert suggestion in caught.value.suggestions


def test_a_path_never_sees_outward() -> None:
    group = scope().enter("LIN")
    with pytest.raises(PathError) as caught:
        group.scope.resolve("BGM/1004")
    assert "/BGM/1004" in caught.value.suggestions
    assert group.scope.resolve("/BGM/1004").get(rich()) == "PO-4711"


def test_what_the_grammar_knows() -> None:
    top = scope()
    line = top.enter("LIN").scope
    assert line.resolve("QTY[21]/C186/6060").type == "number"
    assert line.resolve("LIN/1082").type == "number"
    assert top.resolve("BGM/1004").max_length == 35
    assert "9" in (top.resolve("BGM/1225").code_list or ())
    assert not top.resolve("UNH/0062").optional
    assert top.resolve("BGM/1004").optional
    assert not top.resolve("DTM/C507/2005").optional
    assert not line.resolve("PRI/C509/5125").many or line.resolve("PRI/C509/5125").optional
    assert "SG25" in line.description


@pytest.mark.parametrize(
    ("declaration", "key"),
    [
        (SourceDeclaration("edifact", "ORDERS"), "release"),
        (SourceDeclaration("edifact", "ORDERS", "D.99Z"), "release"),
        (SourceDeclaration("edifact", "ORDRES", "D.96A"), "message"),
        (SourceDeclaration("edifact", None, "D.96A"), "message"),
    ],
)
def test_wrong_declarations(declaration: SourceDeclaration, key: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        EdifactDialect().scope(declaration)
    assert caught.value.key == key


def test_what_is_left_unread() -> None:
    top = scope()
    party, line = top.enter("NAD[BY]"), top.enter("LIN")
    paths = [
        top.resolve("BGM/1004"),
        top.resolve("BGM/1225"),
        top.resolve("DTM[137]/C507/2380"),
        party.scope.resolve("NAD/C082/3039"),
        party.scope.resolve("CTA/C056/3412"),
        line.scope.resolve("LIN/1082"),
        line.scope.resolve("LIN/C212[EN]/7140"),
        line.scope.resolve("PIA/C212[IN]/7140"),
        line.scope.resolve("QTY[21]/C186/6060"),
    ]
    left = top.unread(paths, [party, line])(rich())
    found = {unread.path for unread in left}
    assert "BGM/1004" not in found
    assert "DTM[137]/C507/2379" in found
    assert "DTM[2]/C507/2380" in found
    assert "NAD[BY]/C080/3036" in found
    assert "NAD[BY]/C082/3055" not in found
    assert "NAD[SU]/C082/3039" in found
    assert "PIA[1]/C212[SA]/7140" in found
    assert "PIA[1]/C212[IN]/7140" not in found
    assert "CTA[OC]/C056/3412" not in found
    assert "QTY[59]/C186/6060" in found
    assert not any(path.startswith(("UNH", "UNT", "UNS")) for path in found)
    place = next(unread for unread in left if unread.path == "QTY[59]/C186/6060").place()
    assert (place.segment, place.segment_number) == ("QTY", 29)
    # each can be read by the path that it is told by
    for unread in left:
        if unread.path.count("/") and unread.segment in ("BGM", "DTM", "FTX", "CUX", "CNT"):
            top.resolve(unread.path)
