"""The fast way says yes only where the reference finds nothing, and then both build the same tree; damage never raises."""

from __future__ import annotations

import random

import pytest
from edi_mutations import Mutator, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from x12_samples import RICH, order, read, wrap

from orderhub.formats.edi.check import Collector, check_message, split_exactly
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edi.envelope import Trailer
from orderhub.formats.edi.fast import FastReader
from orderhub.formats.edi.scanner import Cut
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edi.tree import GroupNode
from orderhub.formats.x12.check import X12Checker, check_characters, codec_of_bytes
from orderhub.formats.x12.grammar import release_tables, releases
from orderhub.formats.x12.messages import STYLE
from orderhub.formats.x12.problems import DEFAULT_POLICY

OWN = Delimiters(">", "*", ".", "", "^", "~")
MUTATOR = Mutator(
    end="~", element="*", component=">", trailer="SE*{count}*0001", chars="ABZaz019*>^~.,- \n\rüÄ%",
    tags=["PO1", "PID", "DTM", "N1", "N4", "REF", "SAC", "CTT", "AMT", "MSG", "SLN", "XYZ", "SE", "ST", "MEA"],
)  # fmt: skip
SAMPLES = [RICH, order(), order("REF*CT*1", "N1*ST*A*92*D1", "N3*B", "PO1*1*1*EA", "PID*F****x")]


def source_of(text: str) -> MessageSource:
    raw = text.encode("utf-8")
    cut = Cut(raw, 0, True, raw, 0, 1, 0)
    return MessageSource(
        cut, file="x", interchange="1", reference="1", delimiters=OWN, encoding=codec_of_bytes(raw)
    )


def fast_reader(release: str = "004010") -> FastReader:
    return FastReader(release_tables(release).message("850"), OWN, STYLE)


def reference(source: MessageSource) -> tuple[GroupNode, list[str]]:
    collector = Collector(source, DEFAULT_POLICY)
    segments = split_exactly(source)
    check_characters(source, collector)
    checker = X12Checker(OWN, collector, guide=False)
    node = check_message(release_tables("004010").message("850"), source, segments, collector, checker)
    header, trailer = [*node[1][0], "", ""], [*node[1][-1], "", ""]
    found = [finding.code for finding in collector.findings.kept]
    check = Trailer("SE", "ST", len(segments), header[2], "segments")
    return node, found + [code for code, *_ in check.check(trailer[1], trailer[2])]


@pytest.mark.parametrize("seed", range(6))
def test_fast_and_reference_agree_on_mutated_messages(seed: int) -> None:
    rng = random.Random(seed)
    fast = fast_reader()
    accepted = 0
    for _ in range(500):
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
    node = fast_reader().read(text, source)
    slow, found = reference(source)
    assert found == []
    assert node is not None
    assert plain(node) == plain(slow)


@pytest.mark.parametrize("release", releases())
def test_every_table_makes_readers(release: str) -> None:
    tables = release_tables(release)
    assert {"810", "850", "855", "856", "860", "997"} <= set(tables.message_names)
    for name in tables.message_names:
        grammar = tables.message(name)
        fast = FastReader(grammar, OWN, STYLE)
        for tag in grammar.segments:
            fast._memo._compile(f"{tag}*"[:3])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 900), st.integers(0, 40))
def test_damage_becomes_findings_never_an_exception(junk: bytes, at: int, cut: int) -> None:
    data = wrap(RICH)
    at = min(at, len(data))
    trees, session = read(data[:at] + junk + data[at + cut :])
    for finding in [f for tree in trees for f in tree.findings] + session.summary.findings.kept:
        assert finding.code in DEFAULT_POLICY.problems or finding.code == "FINDINGS_CUT"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ISAGEST*~>^0123456789 \n\r", max_size=250))
def test_anything_after_isa_is_read_to_the_end(text: str) -> None:
    trees, session = read(b"ISA*" + text.encode())
    assert session.summary.messages == len(trees)
    assert session.summary.refused or not session.summary.findings.errors
