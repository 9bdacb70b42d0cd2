"""X12 texts that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterable

from orderhub.formats.base import MessageTree
from orderhub.formats.edi.policy import Policy
from orderhub.formats.x12.problems import DEFAULT_POLICY
from orderhub.formats.x12.reader import X12Reader, X12Session

ISA = "ISA*00*          *00*          *14*4299999001051  *14*4299999000009  *261120*0830*U*00401*000000012*0*P*>~\n"
GS = "GS*PO*4299999001051*4299999000009*20261120*0830*7*X*004010~\n"
GE = "GE*{count}*7~\n"
IEA = "IEA*1*000000012~\n"

#: One order that uses many loops, pairs, a composite, an implied decimal and a line end in odd places.
RICH = """ST*850*0001~
BEG*00*SA*PO-4711**20261120~
CUR*BY*EUR~
REF*CT*FRAME-1~
PER*BD*J. Doe*TE*+1 912 555 0100*EM*j@example.com~
FOB*CC***02*DDP~
SAC*C*D240***1250~
ITD*01*3*2**10**30*2500~
DTM*002*20261204~
N9*ZZ*1~
MSG*Gate 5, ring twice~
N1*BY*Delta Stores Inc.*UL*4299999001051~
N3*210 Bay Street*Building B~
N4*Savannah*GA*31401*US~
N1*SU*Nordwerk Schrauben GmbH*92*S1001~
N1*ST**UL*4299999005004~
PO1*1*1000*EA*.12**EN*4019999011016*BP*OH-10001*VP*NW-M8X40~
PID*F****Hexagon bolt M8 x 40~
MEA*PD*LN*40*MM~
SAC*A*C310***-5~
PO1*2*20.5*KG*-3.2**BP*OH-10003~
SLN*1**I*2*EA>2*1.5***EN*4019999011030~
N1*ST*Dock 3*92*D3~
N4*Oulu**90520*FI~
PO1*3*3*EA~
CTT*3*1023.5~
AMT*TT*99.9~
SE*28*0001~
"""


def order(*extra: str, number: str = "0001", count: int | None = None, kind: str = "850") -> str:
    """A transaction set of the least that an order needs and what is added, without terminators."""
    body = [
        f"ST*{kind}*{number}",
        "BEG*00*SA*PO1**20261120",
        *extra,
        "PO1*1*10*EA*1.5**EN*4019999011016",
        "CTT*1",
    ]
    trailer = f"SE*{len(body) + 1 if count is None else count}*{number}"
    return "".join(f"{segment}~\n" for segment in [*body, trailer])


def wrap(*sets: str, isa: str = ISA, gs: str = GS, ge: str = "", iea: str = IEA) -> bytes:
    """An interchange with one group, right counts unless told otherwise."""
    return (isa + gs + "".join(sets) + (ge or GE.format(count=len(sets))) + iea).encode("utf-8")


def read(data: bytes, policy: Policy = DEFAULT_POLICY) -> tuple[list[MessageTree], X12Session]:
    session = X12Reader(policy).read(data, name="test.edi")
    return list(session), session


def codes(trees: Iterable[MessageTree]) -> list[str]:
    return [finding.code for tree in trees for finding in tree.findings]


def file_codes(session: X12Session) -> list[str]:
    return [finding.code for finding in session.summary.findings.kept]
