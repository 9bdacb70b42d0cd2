"""EDIFACT texts that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterable

from orderhub.formats.base import MessageTree
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edifact.problems import DEFAULT_POLICY
from orderhub.formats.edifact.reader import EdifactReader, EdifactSession

#: One order that uses many groups, released characters, a decimal comma and repeated composites.
RICH = """UNH+1+ORDERS:D:96A:UN'
BGM+220+PO-4711+9'
DTM+137:20260105:102'
DTM+2:20260120:102'
FTX+AAI+++Please deliver?: gate 5 ?+ ramp:second line'
RFF+CT:FRAME-1'
DTM+171:20251201:102'
NAD+BY+4299999001006::9++ACME Retail GmbH+Hafenweg 9+Muenster++48155+DE'
LOC+7+4299999005004::9'
RFF+VA:DE123456789'
CTA+OC+:J. Doe'
COM+jdoe@example.com:EM'
COM+?+49 251 1:TE'
NAD+SU+4019999010002::9++Nordwerk Schrauben GmbH'
TAX+7+VAT+++:::19+S'
CUX+2:EUR:9'
PAT+1++5:3:D:30'
TOD+3++CIF'
LIN+1++4019999011016:EN'
PIA+1+OH-10001:IN+NW-M8X40:SA'
IMD+F++:::Hexagon bolt M8 x 40, galvanised'
QTY+21:100:PCE'
DTM+2:20260121:102'
MOA+203:12,50'
PRI+AAA:0.125:CT::1:PCE'
RFF+LI:1'
LIN+2++4019999011023:EN'
QTY+21:20.5:KGM'
QTY+59:1'
PRI+AAA:-3.2'
TAX+7+VAT+++:::7'
LIN+3++4019999011030:EN'
QTY+21:3'
UNS+S'
MOA+79:99.9'
CNT+2:3'
UNT+37+1'
"""


def wrap(*messages: str, unb: str = "", unz: str = "", una: str = "", syntax: str = "UNOC:3") -> bytes:
    """An interchange of messages, ISO 8859-1, with right counts unless told otherwise."""
    head = unb or f"UNB+{syntax}+4299999001006:14+4299999000009:14+260105:0930+REF1'\n"
    tail = unz or f"UNZ+{len(messages)}+REF1'\n"
    return (una + head + "".join(messages) + tail).encode("iso8859-1")


def message(
    *segments: str, reference: str = "1", count: int | None = None, kind: str = "ORDERS:D:96A:UN"
) -> str:
    """A message of segments without terminators, with header and trailer."""
    body = [f"UNH+{reference}+{kind}", *segments]
    trailer = f"UNT+{len(body) + 1 if count is None else count}+{reference}"
    return "".join(f"{segment}'\n" for segment in [*body, trailer])


#: The least that an order needs, and a line.
HEAD = ("BGM+220+PO1+9", "DTM+137:20260105:102")
LINE = ("LIN+1++4019999011016:EN", "QTY+21:10:PCE", "PRI+AAA:1.5")
TAIL = ("UNS+S", "CNT+2:1")


def order(*extra: str, reference: str = "1", count: int | None = None) -> str:
    return message(*HEAD, *extra, *LINE, *TAIL, reference=reference, count=count)


def read(data: bytes, policy: Policy = DEFAULT_POLICY) -> tuple[list[MessageTree], EdifactSession]:
    session = EdifactReader(policy).read(data, name="test.edi")
    return list(session), session


def codes(trees: Iterable[MessageTree]) -> list[str]:
    return [finding.code for tree in trees for finding in tree.findings]
