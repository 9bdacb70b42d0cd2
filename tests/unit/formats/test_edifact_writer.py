"""What is written can be read again, and generated orders are what they say."""

from __future__ import annotations

import datetime as dt

import pytest
from edifact_samples import codes, read

from orderhub.errors import ConfigError, SourceError
from orderhub.formats.detect import detect
from orderhub.formats.edi.delimiters import Delimiters
from orderhub.formats.edifact.writer import EdifactWriter
from orderhub.formats.generate import CSV_COLUMNS, generate, generate_files

WHEN = dt.datetime(2026, 1, 5, 9, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize("delimiters", [Delimiters(), Delimiters("|", "*", ",", "!", " ", "~")])
@pytest.mark.parametrize("text", ["plain", "it's 5+5: sure?", "a|b*c!d~e", "???", "'"])
def test_values_come_back_as_meant(text: str, delimiters: Delimiters) -> None:
    writer = EdifactWriter("UNOC:3", delimiters=delimiters, line_breaks=True)
    body = writer.message(
        "M1",
        ("ORDERS", "D", "96A", "UN"),
        [
            ("BGM", "220", "P1", "9"),
            ("DTM", ("137", "20260105", "102")),
            ("FTX", "AAI", "", "", (text, "", text)),
            ("UNS", "S"),
        ],
    )
    data = b"".join(
        writer.interchange(
            [body], sender=("A", "14"), receiver="B", reference="R1", prepared_at=WHEN, test=True
        )
    )
    trees, session = read(data)
    assert codes(trees) == []
    assert session.summary.findings.count == 0
    ftx = next(segment for segment in trees[0].root[1] if segment[0] == "FTX")
    assert [value for value in ftx if value] == ["FTX", "AAI", text, text]
    assert trees[0].interchange.test


def test_a_character_that_the_set_lacks_is_an_error() -> None:
    with pytest.raises(SourceError, match="UNOY"):
        EdifactWriter("UNOC:3").message("1", ("ORDERS", "D", "96A", "UN"), [("BGM", "220", "上")])


def test_generated_orders_are_good_and_repeatable() -> None:
    data = b"".join(generate("edifact", orders=30, lines=7, seed=5))
    assert data == b"".join(generate("edifact", orders=30, lines=7, seed=5))
    assert data != b"".join(generate("edifact", orders=30, lines=7, seed=6))
    trees, session = read(data)
    assert codes(trees) == []
    assert session.summary.findings.count == 0
    assert len({segment[5] for tree in trees for segment in tree.root[1] if segment[0] == "BGM"}) == 30
    assert session.summary.messages == 30


def test_generated_csv_has_a_row_for_each_line() -> None:
    rows = b"".join(generate("csv", orders=4, lines=3, seed=1)).decode("utf-8").splitlines()
    assert rows[0].split(",") == list(CSV_COLUMNS)
    assert len(rows) == 13
    head = detect("\n".join(rows).encode())
    assert head is not None
    assert head.format == "csv"


@pytest.mark.parametrize("format", ["edifact", "csv"])
def test_a_file_for_each_order(format: str) -> None:
    files = list(generate_files(format, orders=5, lines=2, seed=1))
    assert len({name for name, _ in files}) == 5
    assert len({data for _, data in files}) == 5
    if format == "edifact":
        for _, data in files:
            trees, session = read(data)
            assert codes(trees) == []
            assert not session.summary.refused


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError):
        generate("idoc", orders=1, lines=1, seed=1)
    with pytest.raises(ConfigError):
        next(generate_files("idoc", orders=1, lines=1, seed=1))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"UNA:+.? 'UNB+UNOC:3+A+B'UNH+1+ORDERS:D:96A:UN'", ("edifact", "ORDERS", "D.96A", "iso8859-1")),
        (b"\xef\xbb\xbfUNB+UNOA:1+A+B'\r\nUNH+1+ORDERS:D:01B:UN'", ("edifact", "ORDERS", "D.01B", "utf-8")),
        (b"UNA|*.! ~UNB*UNOC|3*A*B~UNH*1*INVOIC|D|96A|UN~", ("edifact", "INVOIC", "D.96A", "iso8859-1")),
        (b"\n\nUNB+UNOB:1+A+B'", ("edifact", None, None, "ascii")),
        (b"{\"a\": 1}", ("json", None, None, "utf-8")),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><!-- <x> --><o:Order xmlns:o='u'/>", ("xml", "Order", None, "iso-8859-1")),
        ("<Order/>".encode("utf-16"), ("xml", "Order", None, "utf-16")),
        (b"a;b\n1;2\n", ("csv", "rows", None, "utf-8")),
    ],
)  # fmt: skip
def test_detection(data: bytes, expected: tuple[str | None, ...]) -> None:
    assert detect(data) == expected


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02\x03", b"just a line", b"%PDF-1.7\n1 0 obj"])
def test_nothing_is_detected_in_other_things(data: bytes) -> None:
    assert detect(data, "file.bin") is None
