"""Damaged files of every kind: no exception, every place right, and the same findings however the bytes arrive."""

from __future__ import annotations

import io
import random

import pytest
from edifact_samples import RICH, message, order, wrap

from orderhub.formats.base import MessageTree
from orderhub.formats.detect import detect
from orderhub.formats.edifact.reader import EdifactReader, EdifactSession

GOOD = [
    wrap(RICH, order(reference="2"), una="UNA:+.? '"),
    wrap("UNG+ORDERS+A+B+260105:0930+G1+UN+D:96A'\n", order(), "UNE+1+G1'", unz="UNZ+1+REF1'")
    + wrap(order()),
    wrap(message("BGM+x", kind="APERAK:D:96A:UN")),
]
PIECES = [
    b"UNA",
    b"UNB+",
    b"UNZ+",
    b"UNT+",
    b"UNH+",
    b"UNE+",
    b"UNG+",
    b"'",
    b"?",
    b"+",
    b":",
    b"\n",
    b"\x00",
    b"\xff",
]
PIECES += [b"\xef\xbb\xbf", b"UNA:+.? '", b"UNA++++++", b"UNS"]


class Drip(io.BytesIO):
    """A stream that gives seven bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(7)


def damage(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(GOOD))
    for _ in range(rng.choice((1, 2, 5, 20))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0:
            del data[at : at + rng.randrange(30)]
        elif kind == 1:
            data[at:at] = rng.choice(PIECES)
        elif kind == 2:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 3:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[other : other + rng.randrange(60)]
        else:
            del data[max(10, at) :]
    return bytes(data)


def check_places(data: bytes, trees: list[MessageTree], session: EdifactSession) -> None:
    for finding in [f for tree in trees for f in tree.findings] + session.summary.findings.kept:
        offset = finding.place.offset
        assert offset is not None
        assert 0 <= offset <= len(data)
        assert finding.place.line == data[:offset].count(b"\n") + 1


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        data = damage(rng)
        session = EdifactReader().read(data, name="f")
        trees = list(session)
        check_places(data, trees, session)
        drip = EdifactReader().read(Drip(data), name="f")
        dripped = list(drip)
        assert [t.findings for t in trees] == [t.findings for t in dripped], data
        assert session.summary.findings.kept == drip.summary.findings.kept, data
        assert [t.usable for t in trees] == [t.usable for t in dripped], data
        detect(data)


def test_every_cut_of_a_good_file_is_refused() -> None:
    data = GOOD[0]
    for size in range(len(data.rstrip())):
        session = EdifactReader().read(data[:size], name="f")
        trees = list(session)
        assert session.summary.refused
        assert not any(tree.usable for tree in trees)
        assert session.summary.findings.errors
