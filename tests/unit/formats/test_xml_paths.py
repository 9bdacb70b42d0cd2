"""Paths of XML sources: what they select, what they refuse, and what nobody reads."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from effort import cpu_seconds
from lxml import etree

from orderhub.documents import canonical_bytes
from orderhub.findings import Finding
from orderhub.formats.base import MessageTree
from orderhub.formats.dialect import (
    BulkScope,
    DeclarationError,
    PathError,
    Scope,
    SeveralValues,
    SourceDeclaration,
)
from orderhub.formats.xml.dialect import XmlDialect
from orderhub.formats.xml.reader import XmlReader
from orderhub.formats.xml.schema import schema_names, schema_table
from orderhub.formats.xml.tree import XmlNode
from orderhub.mapping import MappingRegistry
from orderhub.mapping.commands import check_mapping
from orderhub.mapping.plan import StructPlan

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
UBL = "ubl_order_2__purchase_order"
ORDER = """<Batch xmlns:p="urn:p" sent="today"><To><Id>HUB</Id></To>
<Order p:state="new" no="7">
  <Id> 4711 </Id><Empty> </Empty>
  <Party role="buyer"><Name>Ann</Name><p:Name>Anna</p:Name></Party>
  <Party role="seller"><Name>Bob</Name><Code list="x"/></Party>
  <Tag>x</Tag><Tag/><Tag>y</Tag>
  <Same>z</Same><Same>z</Same>
  <Mixed>one <b>two</b> three</Mixed>
  <Lines><Line n="1"><Item><Sku>A</Sku></Item><Qty unit="PCE">1</Qty></Line>
  <Line n="2"><Item><Sku>B</Sku></Item><Qty unit="KGM">2</Qty><Note>n</Note></Line></Lines>
</Order></Batch>"""


def declared(**options: Any) -> SourceDeclaration:
    named = {"message": "Order", "release": None} | {
        key: options.pop(key) for key in ("message", "release") if key in options
    }
    return SourceDeclaration("xml", options={"prefixes": {"p": "urn:p"}} | options, **named)


def scope(**options: Any) -> Scope:
    return XmlDialect().scope(declared(**options))


def message(text: str = ORDER, record: str = "Order") -> XmlNode:
    [tree] = XmlReader(lambda _root: frozenset([record])).read(text.encode(), name="o.xml")
    # as the mapping has it: somebody holds the tree
    held.append(tree)
    return tree.root


held: list[MessageTree] = []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Id", "4711"),
        ("./Id", "4711"),
        ("/Id", "4711"),
        ("Empty", None),
        ("Nothing", None),
        ("Nothing/Below/@it", None),
        ("@no", "7"),
        ("./@no", "7"),
        ("@p:state", "new"),
        ("@state", None),
        ("Party[@role=buyer]/Name", "Ann"),
        ('Party[@role="seller"]/Name', "Bob"),
        ("Party[Name=Bob]/@role", "seller"),
        ("Party[Name='Bob']/Code/@list", "x"),
        ('Party[Code/@list=""]/Name', None),
        ("Party[@role=buyer]/p:Name", "Anna"),
        ("Party[2]/Name", "Bob"),
        ("Party#2/Name", "Bob"),
        ("Party[@role=seller][1]/Name", "Bob"),
        ("Party[@role=seller][2]/Name", None),
        ("Same", "z"),
        ("Tag[3]", "y"),
        ("Tag[*]", ["x", "y"]),
        ("Party[*]/Name", ["Ann", "Bob"]),
        ("Nothing[*]", []),
        ("Mixed", "one  three"),
        ("Lines/Line[*]/Qty/@unit", ["PCE", "KGM"]),
        ("Lines/Line[Item/Sku=B]/Note", "n"),
        ("Lines/Line[@n=1]/Item[Sku=A]/Sku[.=A]", "A"),
        ("//To/Id", "HUB"),
        ("//@sent", "today"),
    ],
)
def test_what_a_path_gives(path: str, value: object) -> None:
    resolved = scope().resolve(path)
    assert resolved.get(message()) == value
    assert resolved.many is isinstance(value, list)
    assert resolved.from_root is path.startswith("/")


@pytest.mark.parametrize("path", ["Party/Name", "Tag", "Lines/Line/Item/Sku", "Lines/Line[same]/@n"])
def test_different_values_for_one_are_never_chosen_from(path: str) -> None:
    resolved = scope().resolve(path)
    with pytest.raises(SeveralValues):
        resolved.get(message())
    assert len(resolved.where(message())) > 1


def test_groups_and_what_is_in_sight_within_them() -> None:
    group = scope().enter("Lines/Line")
    assert group.many
    nodes = group.nodes(message())
    assert [group.scope.resolve("@n").get(node) for node in nodes] == ["1", "2"]
    assert [group.scope.resolve("Item/Sku").get(node) for node in nodes] == ["A", "B"]
    assert [group.scope.resolve("Id").get(node) for node in nodes] == [None, None]
    assert [group.where(node).path for node in nodes] == [
        "/Order[1]/Lines/Line[1]",
        "/Order[1]/Lines/Line[2]",
    ]
    assert not scope().enter("Lines[1]/Line[2]").many
    inner = scope().enter("Lines").scope.enter("Line").scope
    assert [inner.resolve(".").get(node) for node in nodes] == [None, None]
    tags = scope().enter("Tag")
    assert [tags.scope.resolve(".").get(node) for node in tags.nodes(message())] == ["x", None, "y"]


def test_places_of_values_and_of_what_is_missing() -> None:
    [place] = scope().resolve("Lines/Line[@n=2]/Qty/@unit").where(message())
    assert (place.path, place.segment, place.excerpt) == ("/Order[1]/Lines/Line[2]/Qty/@unit", "@unit", "KGM")
    assert place.line == 10
    [place] = scope().resolve("Party[@role=buyer]/Code/Deeper").where(message())
    assert (place.path, place.line) == ("/Order[1]/Party[1]/Code/Deeper", 4)
    [place] = scope().resolve("Empty").where(message())
    assert place.path == "/Order[1]/Empty"


@pytest.mark.parametrize(
    ("path", "offset", "what"),
    [
        ("", 0, "too early"),
        ("Id/", 3, "too early"),
        ("Id//Name", 3, "missing"),
        ("../Id", 0, "goes down only"),
        ("Id/.", 3, "no step"),
        ("q:Id", 0, "prefix q is not declared"),
        ("Party[q:Name=x]", 6, "prefix q is not declared"),
        ("Party[oops]", 5, "no condition"),
        ("Party[/Id=1]", 5, "at the element"),
        ("Party[1", 5, "not closed"),
        ("@no/Id", 3, "Nothing comes after"),
        ("@", 1, "name of an attribute"),
        ("Tag#0", 3, "number from 1"),
        ("1Id", 0, "no name"),
    ],
)
def test_paths_that_are_none(path: str, offset: int, what: str) -> None:
    with pytest.raises(PathError, match=what) as caught:
        scope().resolve(path)
    assert caught.value.offset == offset


def test_names_without_a_prefix_can_have_a_namespace() -> None:
    text = '<Order xmlns="urn:o" no="1"><Id>5</Id><x xmlns=""><Id>6</Id></x></Order>'
    root = message(text, "{urn:o}Order")
    own = scope(release="urn:o", namespace="urn:o", prefixes={"o": "urn:o"})
    assert own.resolve("Id").get(root) == own.resolve("o:Id").get(root) == "5"
    assert own.resolve("@no").get(root) == "1"
    assert scope(release="urn:o").resolve("x/Id").get(root) == "6"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"message": None}, "message"),
        ({"message": "p:Order"}, "message"),
        ({"prefixes": ["p"]}, "prefixes"),
        ({"prefixes": {"p:q": "urn:x"}}, "prefixes"),
        ({"record": "Other"}, "record"),
        ({"record": "p:Order"}, "record"),
        ({"schema": "ubl/invoice"}, "schema"),
        ({"schema": "../ubl/order"}, "schema"),
        ({"decimal": "x"}, "decimal"),
        ({"grouping": "5"}, "grouping"),
        ({"prefix": {}}, "prefix"),
    ],
)
def test_declarations_that_are_wrong(options: dict[str, Any], key: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        scope(**options)
    assert caught.value.key == key


# ------------------------------------------------------------------ the schema table


def checked(tmp_path: Path, path: str) -> list[Finding]:
    """The findings of the UBL mapping with another path for its number."""
    text = (MAPPINGS / f"{UBL}.yaml").read_text(encoding="utf-8")
    assert text.count("number:        cbc:ID\n") == 1
    (tmp_path / f"{UBL}.yaml").write_text(
        text.replace("number:        cbc:ID\n", f"number:        {path}\n"), encoding="utf-8"
    )
    (tmp_path / "lookups").symlink_to(MAPPINGS / "lookups")
    return check_mapping(tmp_path / f"{UBL}.yaml")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cbc:Id", "Did you mean cbc:ID"),
        ("cbc:CityName", "cac:PostalAddress/cbc:CityName"),
        ("cac:BuyerCustomerParty/cac:Party/cbc:Name", "cac:PartyName/cbc:Name"),
        ("cac:BuyerCustomerParty", "no text of its own"),
        ("cbc:ID/cbc:Name", "nothing stands below it"),
        ("cbc:ID/@schemaID", "Did you mean @schemeID"),
        ("cbc:Note", "gives a list"),
        ("cac:OrderLine/cac:LineItem/cbc:ID", "gives a list"),
        ("cab:ID", "Did you mean cbc:ID or cac:ID"),
    ],
)
def test_a_path_that_cannot_occur_is_told_with_line_and_column(tmp_path: Path, path: str, says: str) -> None:
    [finding] = checked(tmp_path, path)
    assert says in finding.message
    assert finding.place.line == 16
    assert (finding.place.column or 0) >= 18


@pytest.mark.parametrize(
    "path",
    [
        "cbc:UUID ? cbc:ID",
        "cbc:Note | first",
        "cbc:Note[2]",
        "cac:OrderLine[1]/cac:LineItem/cbc:ID",
        "cac:OrderLine[same]/cac:LineItem/cbc:ID",
        "cac:AdditionalDocumentReference[cbc:DocumentTypeCode=220]/cbc:ID",
        "cac:OrderLine[1]/cac:LineItem/cac:Item/cac:AdditionalItemProperty[cbc:Name=Colour]/cbc:Value",
        "cac:Signature[1]/cbc:ID/cbc:WhateverStandsThere",
    ],
)
def test_paths_that_can_occur_are_taken(tmp_path: Path, path: str) -> None:
    assert checked(tmp_path, path) == []


def test_every_schema_table_is_whole() -> None:
    assert schema_names() == ["ubl/order"]
    table = schema_table("ubl/order")
    assert table is not None
    reached, left = set(), [table.root]
    while left:
        kind = left.pop()
        if kind in reached:
            continue
        reached.add(kind)
        for child in table.children(kind).values():
            # an aggregate is a type of its own or is said to be open; nothing else is a value
            assert child.type or child.open or child.name.startswith("cbc:"), child
            left.extend([child.type] if child.type else [])
    assert reached == set(table._types)


# ------------------------------------------------------------------ what nobody reads


def unread(paths: list[str], groups: dict[str, list[str]], text: str = ORDER) -> list[tuple[str, str]]:
    source = scope()
    resolved = [source.resolve(path) for path in paths]
    entered = []
    root = message(text)
    for name, inner in groups.items():
        group = source.enter(name)
        entered.append(group)
        group.nodes(root)
        resolved += [group.scope.resolve(path) for path in inner]
    return [(left.path, left.value) for left in source.unread(resolved, entered)(root)]


def test_what_no_path_reads_is_told_as_it_would_be_written() -> None:
    left = unread(
        ["Id", "@no", "Party[@role=buyer]/Name", "Tag[1]", "Same", "//To/Id"],
        {"Lines/Line": ["Item/Sku", "Qty", "@n"]},
    )
    assert sorted(left) == sorted(
        [
            ("@p:state", "new"),
            ("Party/p:Name", "Anna"),
            ("Party/@role", "seller"),
            ("Party/Name", "Bob"),
            ("Party/Code/@list", "x"),
            ("Tag", "y"),
            ("Mixed", "one  three"),
            ("Mixed/b", "two"),
            ("Lines/Line/Qty/@unit", "PCE"),
            ("Lines/Line/Qty/@unit", "KGM"),
            ("Lines/Line/Note", "n"),
        ]
    )


def test_unread_within_a_group_looks_at_the_values_of_conditions() -> None:
    groups = {"Lines/Line": ["Qty[@unit=PCE]", "Item[Sku=B]/Sku"]}
    left = dict.fromkeys(unread([], groups))
    assert ("Lines/Line/Qty", "2") in left
    assert ("Lines/Line/Qty", "1") not in left
    assert ("Lines/Line/Item/Sku", "A") in left
    assert ("Lines/Line/Item/Sku", "B") not in left


def test_an_attribute_that_was_empty_in_one_group_is_told_in_the_next() -> None:
    text = "<Order><L a=''><Q>1</Q></L><L a='5'><Q>2</Q></L><L a=' '><Q>3</Q></L></Order>"
    assert unread([], {"L": ["Q"]}, text) == [("L/@a", "5")]


# ------------------------------------------------------------------ the fast way


def without_fast_way(plan: StructPlan) -> int:
    taken = int(plan.fast is not None)
    plan.fast = None
    return taken + sum(without_fast_way(part.plan) for part in plan.parts)


def accident(root: etree._Element, chance: random.Random) -> None:
    """One thing of an order changed, doubled, moved, emptied or left out."""
    elements = list(root.iter())[1:]
    one = chance.choice(elements)
    above = one.getparent()
    assert above is not None
    kind = chance.randrange(6)
    if kind == 0:
        above.remove(one)
    elif kind == 1:
        above.append(etree.fromstring(etree.tostring(one)))
    elif kind == 2:
        one.text = chance.choice(["", " ", "7", "x", "4019999011016", " 12.5 "])
    elif kind == 3 and one.attrib:
        one.set(next(iter(one.attrib)), chance.choice(["", "0088", "C62", "GTIN", "USD"]))
    elif kind == 4:
        chance.choice(elements).append(etree.fromstring(etree.tostring(chance.choice(elements))))
    else:
        one.tail = chance.choice(["", "junk", " 5 "])


def test_the_fast_way_and_the_reference_make_the_same_of_every_order() -> None:
    fast, reference = MappingRegistry(MAPPINGS).get(UBL), MappingRegistry(MAPPINGS).get(UBL)
    assert without_fast_way(reference._plan) > 0
    original = (MAPPINGS / "examples" / UBL / "full_order.xml").read_bytes().lstrip(b"\xef\xbb\xbf\n")
    chance = random.Random(11)
    good = 0
    for _ in range(400):
        root = etree.fromstring(original, etree.XMLParser(remove_comments=True))
        for _ in range(chance.randint(0, 3)):
            accident(root, chance)
        data = etree.tostring(root)
        outcomes = []
        for mapping in (fast, reference):
            [tree] = XmlReader().read(data, name="o.xml")
            made = mapping.run(tree)
            outcomes.append((made.document and canonical_bytes(made.document), made.findings))
        assert outcomes[0] == outcomes[1], data
        good += outcomes[0][0] is not None
    assert 50 < good < 400


def test_reading_many_paths_at_one_go_gives_what_the_getters_give() -> None:
    group = scope().enter("Party")
    inner = group.scope
    assert isinstance(inner, BulkScope)
    paths = [
        inner.resolve(text)
        for text in ("Name", "p:Name", "Name[*]", "@role", "Code/@list", "Name[.=Bob]", ".")
    ]
    read = inner.reader(paths)
    assert read is not None
    for node in group.nodes(message()):
        present, values = read(node)
        at_once = dict(zip(present, values, strict=True))
        for position, path in enumerate(paths):
            assert (at_once.get(position) or None) == (path.get(node) or None), path.text


def test_large_groups_of_ever_other_shapes_are_read_and_not_remembered() -> None:
    from orderhub.formats.xml import tree as trees

    group = scope().enter("G")
    inner = group.scope
    assert isinstance(inner, BulkScope)
    paths = [inner.resolve("Last"), inner.resolve("@n")]
    read = inner.reader(paths)
    assert read is not None
    before = len(trees._shapes)
    for count in range(2_000, 2_010):
        text = f"<Order><G n='{count}'>{'<x/>' * count}<Last>z</Last></G></Order>"
        root = message(text)
        [node] = group.nodes(root)
        assert read(node) == ((0, 1), ["z", str(count)])
        left = scope().unread(paths, [group])(root)
        assert left == []
    assert len(trees._shapes) == before


def test_hundred_thousand_of_what_stands_once_are_no_trouble() -> None:
    """Neither an index nor a place may cost more the more siblings there are."""
    begun = time.process_time()
    root = message("<Order>" + "".join(f"<Id n='{n}'>{n}</Id>" for n in range(100_000)) + "</Order>")
    source = scope()
    one, first, last = (source.resolve(path) for path in ("Id", "Id[1]", "Id[99999]"))
    with pytest.raises(SeveralValues):
        one.get(root)
    assert one.where(root)[1].path == "/Order/Id[2]"
    assert (first.get(root), last.get(root)) == ("0", "99998")
    left = source.unread([first], [], lambda name: name != "@n")(root)
    assert len(left) == 99_999
    assert left[-1].place().path == "/Order/Id[100000]"
    assert time.process_time() - begun < cpu_seconds(20)
