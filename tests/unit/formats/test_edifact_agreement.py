"""The fast way says yes only where the reference finds nothing, and then both build the same tree."""

from __future__ import annotations

import random

import pytest
from edi_mutations import Mutator, plain
from edifact_samples import HEAD, LINE, RICH, TAIL, message, read, wrap

from orderhub.formats.edi.check import Collector, check_message, split_exactly
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import Trailer
from orderhub.formats.edi.fast import FastReader
from orderhub.formats.edi.scanner import Cut
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edi.tree import GroupNode
from orderhub.formats.edifact.check import EdifactChecker, check_characters
from orderhub.formats.edifact.grammar import directory, releases
from orderhub.formats.edifact.messages import STYLE
from orderhub.formats.edifact.problems import DEFAULT_POLICY
from orderhub.formats.edifact.syntax import STANDARD

MUTATOR = Mutator(
    end="'", element="+", component=":", trailer="UNT+{count}+1", chars="ABZaz019+:'?.,- \n\rüÄ%",
    tags=["LIN", "QTY", "DTM", "NAD", "RFF", "PRI", "UNS", "CNT", "MOA", "FTX", "ALC", "SCC", "XYZ", "UNT", "UNH", "LOC"],
)  # fmt: skip
SAMPLES = [RICH, message(*HEAD, *LINE, *TAIL), message(*HEAD, *(LINE * 3), "UNS+S", "CNT+2:3")]


def source_of(text: str, delimiters: Delimiters = STANDARD) -> MessageSource:
    raw = text.encode("iso8859-1")
    return MessageSource(
        Cut(raw, 0, True, raw, 0, 1, 0),
        file="x",
        interchange="1",
        reference="1",
        delimiters=delimiters,
        encoding="iso8859-1",
    )


def reference(source: MessageSource) -> tuple[GroupNode, list[str]]:
    collector = Collector(source, DEFAULT_POLICY)
    segments = split_exactly(source)
    check_characters(source, "UNOC", collector)
    grammar = directory("D.96A").message("ORDERS")
    checker = EdifactChecker(source.delimiters, collector, guide=False)
    node = check_message(grammar, source, segments, collector, checker)
    header, trailer = node[1][0], [*node[1][-1], "", ""]
    check = Trailer("UNT", "UNH", len(segments), header[1], "segments")
    found = [finding.code for finding in collector.findings.kept]
    return node, found + [code for code, *_ in check.check(trailer[1], trailer[2])]


@pytest.mark.parametrize("seed", range(6))
def test_fast_and_reference_agree_on_mutated_messages(seed: int) -> None:
    rng = random.Random(seed)
    fast = FastReader(directory("D.96A").message("ORDERS"), STANDARD, STYLE)
    accepted = 0
    for _ in range(700):
        text = MUTATOR.mutate(rng.choice(SAMPLES), rng)
        source = source_of(text)
        node = fast.read(text, source)
        if node is None:
            continue
        accepted += 1
        slow, found = reference(source)
        assert found == [], text
        assert plain(node) == plain(slow), text
    assert accepted > 20


@pytest.mark.parametrize("text", SAMPLES)
def test_good_messages_go_the_fast_way(text: str) -> None:
    source = source_of(text)
    node = FastReader(directory("D.96A").message("ORDERS"), STANDARD, STYLE).read(text, source)
    slow, found = reference(source)
    assert found == []
    assert node is not None
    assert plain(node) == plain(slow)


def test_fast_way_serves_other_delimiters() -> None:
    own = Delimiters("*", "|", ",", "\\", " ", "~")
    text = message(*HEAD, *LINE, *TAIL).translate(str.maketrans({":": "*", "+": "|", "'": "~"}))
    source = source_of(text, own)
    node = FastReader(directory("D.96A").message("ORDERS"), own, STYLE).read(text, source)
    slow, found = reference(source)
    assert found == []
    assert node is not None
    assert plain(node) == plain(slow)


def test_limits_of_parts_that_occur_often_hold() -> None:
    """GIN may occur 1000 times in a line: an inexact state does not count that far, so the reader must."""
    line = ("LIN+1++4019999011016:EN", "QTY+21:10:PCE")
    within = message(*HEAD, *line, *(["GIN+BN+1"] * 1000), *TAIL)
    beyond = message(*HEAD, *line, *(["GIN+BN+1"] * 1001), *TAIL)
    assert read(wrap(within))[0][0].findings == []
    tree = read(wrap(beyond))[0][0]
    assert [f.code for f in tree.findings] == ["EDIFACT_SEGMENT_REPEAT"]
    assert tree.findings[0].place.segment_number == 1006


@pytest.mark.parametrize("release", releases())
def test_every_table_makes_readers(release: str) -> None:
    tables = directory(release)
    for name in tables.message_names:
        grammar = tables.message(name)
        fast = FastReader(grammar, STANDARD, STYLE)
        for tag in grammar.segments:
            fast._memo._compile(tag)
