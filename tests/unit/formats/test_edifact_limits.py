"""What a sender may make the reader hold: a message out of all proportion costs little and hurts only itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
from edifact_samples import codes, message, order, read, wrap

from orderhub.formats.edi.source import count_unreleased
from orderhub.formats.edifact.problems import DEFAULT_POLICY
from orderhub.formats.edifact.problems import EdifactPolicy as Policy

#: Reads a file of 8 MB whose one message is made of ``filling``; prints the greatest size of the process, in KiB. From /proc:
#: ru_maxrss begins with the size of the process that started it.
PEAK = r"""
import re, sys
from orderhub.formats.edifact.reader import EdifactReader
filling = sys.argv[1].encode() * (8_000_000 // len(sys.argv[1]))
data = (
    b"UNB+UNOC:3+A:14+B:14+260105:0930+R'UNH+1+ORDERS:D:96A:UN" + filling + b"'UNT+3+1'"
    b"UNH+2+QQQ:D:96A:UN'BGM+220'UNT+3+2'UNZ+2+R'"
)
trees = list(EdifactReader().read(data, name="orders.edi"))
peak = re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read()).group(1)
print(peak, [tree.usable for tree in trees])
"""


@pytest.mark.parametrize(
    ("filling", "usable"),
    [("'", [False, True]), ("'\n", [False, True]), ("??'", [False, True]), ("'A+", [False, True])],
)
def test_millions_of_segments_are_not_held(filling: str, usable: list[bool]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, filling], capture_output=True, text=True, check=True, timeout=300
    )
    peak, said = done.stdout.split(" ", 1)
    assert int(peak) < 400 * 1024
    assert said.strip() == str(usable)


def test_a_header_of_millions_of_elements_is_not_held() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "+"], capture_output=True, text=True, check=True, timeout=300
    )
    assert int(done.stdout.split()[0]) < 400 * 1024


def test_a_message_with_too_many_segments_is_refused_alone() -> None:
    large = message(*["FTX+AAI"] * 100, reference="7")
    trees, session = read(wrap(large, order(reference="2")), Policy(message_segments=80))
    assert [(tree.reference, tree.message_type, tree.usable) for tree in trees] == [
        ("7", "ORDERS", False),
        ("2", "ORDERS", True),
    ]
    assert codes(trees) == ["EDIFACT_TOO_LARGE"]
    found = trees[0].findings[0]
    assert found.place.offset == wrap(large, order(reference="2")).index(b"UNH")
    assert (found.place.message, found.place.line) == ("7", 2)
    assert not session.summary.refused
    assert session.summary.unusable == 1


def test_a_whole_message_beyond_the_limit_in_bytes_is_refused_alone() -> None:
    large = order("FTX+AAI+++" + "x" * (DEFAULT_POLICY.message_limit + 1))
    trees, session = read(wrap(large, order(reference="2")))
    assert [tree.usable for tree in trees] == [False, True]
    assert codes(trees) == ["EDIFACT_TOO_LARGE"]
    assert not session.summary.refused


def test_released_terminators_end_no_segment() -> None:
    data = wrap(order("FTX+AAI+++" + "?'" * 60))
    trees, _ = read(data, Policy(message_segments=50))
    assert codes(trees) == []
    assert count_unreleased(b"a?'b??'c???'d'?", b"'", b"?") == 2
    assert count_unreleased(b"a?'b??'c", b"'", b"") == 2
