"""X12 paths and groups as authors write them, against the tables and against messages."""

from __future__ import annotations

import pytest
from x12_samples import RICH, order, read, wrap

from orderhub.formats.dialect import (
    DeclarationError,
    Dialect,
    PathError,
    Scope,
    SeveralValues,
    SourceDeclaration,
)
from orderhub.formats.x12.dialect import X12Dialect


def scope(message_type: str = "850", release: str = "004010") -> Scope:
    return X12Dialect().scope(SourceDeclaration("x12", message_type, release))


def rich() -> object:
    return read(wrap(RICH))[0][0].root


def test_it_is_a_dialect() -> None:
    assert isinstance(X12Dialect(), Dialect)
    assert isinstance(scope(), Scope)


@pytest.mark.parametrize(
    ("path", "value", "many"),
    [
        ("BEG03", "PO-4711", False),
        ("BEG/BEG03", "PO-4711", False),
        ("/BEG03", "PO-4711", False),
        ("CUR[BY]/CUR02", "EUR", False),
        ("DTM[002]/DTM02", "20261204", False),
        ("DTM[DTM01=002]/DTM02", "20261204", False),
        ("DTM[010]/DTM02", None, False),
        ("DTM#1/DTM02", "20261204", False),
        ("PER[BD]{TE}", "+1 912 555 0100", False),
        ("PER{EM}", "j@example.com", False),
        ("N1[ST]/N104", "4299999005004", False),
        ("N1[BY][N103=UL]/N104", "4299999001051", False),
        ("N102", ["Delta Stores Inc.", "Nordwerk Schrauben GmbH"], True),
        ("N1#2/N104", "S1001", False),
        ("N1Loop1/N1[SU]/N104", "S1001", False),
        ("SAC[C]/SAC05", "12.50", False),
        ("ITD08", ["25.00"], True),
        ("N9Loop1/MSG/MSG01", ["Gate 5, ring twice"], True),
        ("PO1Loop1/PO102", ["1000", "20.5", "3"], True),
        ("CTTLoop1/AMT[TT]/AMT02", "99.9", False),
        ("CTT01", "3", False),
        ("ST02", "0001", False),
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
        ("PO101", ["1", "2", "3"]),
        ("PO1/PO103", ["EA", "KG", "EA"]),
        ("PO1{EN}", ["4019999011016", None, None]),
        ("PO1{BP}", ["OH-10001", "OH-10003", None]),
        ("PO1{BP}#1", ["OH-10001", "OH-10003", None]),
        ("PO1{BP}#2", [None, None, None]),
        ("PO107", ["4019999011016", "OH-10003", None]),
        ("PID/PID05", [["Hexagon bolt M8 x 40"], [], []]),
        ("SAC[A]/SAC05", ["-0.05", None, None]),
        ("PIDLoop1/MEA[LN]/MEA03", ["40", None, None]),
        ("SLN05-1", [[], ["EA"], []]),
        ("SLN{EN}", [[], ["4019999011030"], []]),
        ("SLNLoop1/N1[ST]/N104", [None, "D3", None]),
        ("/BEG03", ["PO-4711"] * 3),
    ],
)
def test_values_within_lines(path: str, values: list[object]) -> None:
    root = rich()
    group = scope().enter("PO1")
    resolved = group.scope.resolve(path)
    nodes = group.nodes(root)
    got = [resolved.get(root if resolved.from_root else node) for node in nodes]
    if path == "SLN{EN}":  # a subline may occur often, but the qualifier chooses
        got = [value if isinstance(value, list) else [value] if value else [] for value in got]
    assert got == values


def test_all_paths_at_one_go_give_what_each_gives() -> None:
    root = rich()
    for at, texts in (
        (
            None,
            [
                "BEG03",
                "DTM[002]/DTM02",
                "N102",
                "PO1Loop1/PO102",
                "ITD08",
                "PER{TE}",
                "CTT01",
                "SAC[C]/SAC05",
            ],
        ),
        ("PO1", ["PO101", "PO1{EN}", "PO1{BP}", "PID/PID05", "SAC[A]/SAC05", "SLN05-1", "PO1{BP}#2"]),
        ("N1[BY]", ["N102", "N3#1/N301", "N3#2/N301", "N4#1/N401"]),
    ):
        inner = scope() if at is None else scope().enter(at).scope
        nodes = [root] if at is None else scope().enter(at).nodes(root)
        paths = [inner.resolve(text) for text in texts]
        read_all = inner.reader(paths)  # type: ignore[attr-defined]
        for node in nodes:
            present, values = read_all(node)
            found = dict(zip(present, values, strict=True))
            for number, path in enumerate(paths):
                assert (found.get(number) or None) == (path.get(node) or None), (at, path.text)


def test_groups_are_chosen_by_the_qualifier_of_the_segment_that_opens_them() -> None:
    buyer = scope().enter("N1[BY]")
    assert not buyer.many
    (node,) = buyer.nodes(rich())
    assert buyer.scope.resolve("N4#1/N401").get(node) == "Savannah"
    assert buyer.scope.resolve("N3#1/N302").get(node) == "Building B"
    assert buyer.where(node).segment == "N1"


def test_two_different_values_for_one_are_never_guessed() -> None:
    root = read(wrap(order("DTM*002*20261204", "DTM*002*20261211")))[0][0].root
    with pytest.raises(SeveralValues):
        scope().resolve("DTM[002]/DTM02").get(root)


def test_places_name_segment_and_element() -> None:
    root = rich()
    group = scope().enter("PO1")
    place = group.scope.resolve("PO1{BP}").where(group.nodes(root)[1])[0]
    assert (place.segment, place.segment_number, place.element) == ("PO1", 21, 7)
    lacking = group.scope.resolve("PO1{EN}").where(group.nodes(root)[2])[0]
    assert (lacking.segment, lacking.segment_number) == ("PO1", 25)


def test_numbers_lengths_and_codes_come_from_the_tables() -> None:
    assert scope().resolve("CTT01").type == "number"
    assert scope().resolve("BEG03").max_length == 22
    assert "BY" in (scope().resolve("N101").code_list or ())
    assert not scope().resolve("BEG03").optional
    assert scope().resolve("CUR02").optional


@pytest.mark.parametrize(
    ("path", "says", "suggests"),
    [
        ("BEG3", "neither a loop", ()),
        ("beg03", "neither a loop", ("BEG03",)),
        ("BEG", "a value needs its element", ("BEG/BEG01", "BEG/BEG02", "BEG/BEG03")),
        ("BEG13", "no element BEG13", ()),
        ("XYZ01", "does not occur", ()),
        ("N1[XXX]/N104", "not in the code list", ()),
        ("N1[ST]/N304", "N1 has no element N304", ()),
        ("BEG{UP}", "no pairs", ()),
        ("PO1Loop1/PO1{QQQ}", "not in the code list", ()),
        ("SLNLoop1/SLN05", "composite", ("SLN05-1",)),
        ("PO1Loop1/SLNLoop1/SLN05-19", "15 components", ()),
        ("BEG03/BEG04", "nothing comes below", ()),
        ("CTT[1]/CTT01", "no qualifier of its own", ()),
        ("Loop7/N101", "neither a loop", ()),
        ("N1Loop9/N101", "no group N1Loop9", ()),
        ("", "empty", ()),
    ],
)
def test_paths_that_cannot_occur(path: str, says: str, suggests: tuple[str, ...]) -> None:
    with pytest.raises(PathError) as caught:
        scope().resolve(path)
    assert says in str(caught.value)
    for suggestion in suggests:
        assert suggestion in caught.value.suggestions


@pytest.mark.parametrize(
    ("message", "release", "key"),
    [
        ("850", None, "release"),
        ("850", "003010", "release"),
        ("851", "004010", "message"),
        (None, "004010", "message"),
    ],
)
def test_declarations_that_are_wrong(message: str | None, release: str | None, key: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        X12Dialect().scope(SourceDeclaration("x12", message, release))
    assert caught.value.key == key


def test_what_nobody_reads_is_listed_with_the_path_that_reads_it() -> None:
    root = rich()
    top = scope()
    buyer, line = top.enter("N1[BY]"), top.enter("PO1")
    paths = [
        *(top.resolve(text) for text in ("BEG01", "BEG02", "BEG03", "BEG05", "CUR[BY]/CUR02", "CTT01")),
        *(buyer.scope.resolve(text) for text in ("N102", "N104", "N3#1/N301", "N4#1/N401", "N4#1/N404")),
        *(line.scope.resolve(text) for text in ("PO101", "PO102", "PO103", "PO1{EN}", "PO1{BP}")),
    ]
    unread = top.unread(paths, [buyer, line])(root)
    listed = {(item.path, item.value) for item in unread}
    assert ("REF[CT]/REF02", "FRAME-1") in listed
    assert ("PER[BD]{TE}", "+1 912 555 0100") in listed
    assert ("PO1{VP}", "NW-M8X40") in listed
    assert ("N302", "Building B") in listed  # of the buyer, of whom the rest is read
    assert ("N402", "GA") in listed
    assert ("N1[SU]/N104", "S1001") in listed  # another party's
    assert not any(value in ("210 Bay Street", "Savannah", "US", "4019999011016") for _, value in listed)
    places = [item.place() for item in unread]
    assert all(place.segment is not None and place.offset is not None for place in places)
    assert top.unread(paths, [buyer, line], lambda segment: segment == "REF")(root)[0].segment == "REF"


def test_the_second_of_a_kind_in_a_group_stays_unread() -> None:
    root = read(wrap(order("N1*BY*A", "N3*first", "N3*second", "N1*ST*B", "N3*third")))[0][0].root
    buyer = scope().enter("N1[BY]")
    unread = scope().unread([buyer.scope.resolve("N3#1/N301"), buyer.scope.resolve("N102")], [buyer])
    for _ in range(2):
        assert [item.value for item in unread(root) if item.segment == "N3"] == ["second", "third"]
