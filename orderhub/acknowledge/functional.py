"""997 and 999: the functional acknowledgement of X12, one per group, and TA1 where the interchange itself is refused.

AK1 names the group, AK2 each transaction set, AK3 and AK4 (999: IK3, IK4) say where a rejected one is wrong, AK5 (IK5) and AK9
judge: ``A`` accepted, ``P`` some of the group, ``R`` rejected. A set that is rejected is not taken over in any part, so ``E``
(accepted, errors noted) is not used.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from orderhub.acknowledge.verdict import EnvelopeVerdict, MessageVerdict
from orderhub.acknowledge.x12_errors import (
    NO_GROUP,
    SegmentError,
    group_code,
    interchange_code,
    segment_errors,
    set_codes,
)
from orderhub.formats.base import GroupInfo
from orderhub.formats.x12.writer import ElementValue, Party, X12Writer
from orderhub.ledger.replies import Kind

#: The convention of a 999, and the first version that has one.
_999 = "005010X231A1"
_FROM = "005010"
#: Separators of an answer; no value may hold one.
_SEPARATORS = frozenset("*:^~")
#: Most AK4 of a segment.
_MOST_ELEMENTS = 99

SegmentValues: TypeAlias = tuple[str, *tuple[ElementValue, ...]]


class Functional:
    """The answer to one interchange; everything is worked out but its number."""

    suffix = "x12"

    def __init__(self, verdict: EnvelopeVerdict) -> None:
        self.verdict = verdict
        self._groups = [
            (group, list(members))
            for group, members in groupby(verdict.messages, key=lambda message: message.group)
            if group is not None
        ]
        version = next((g.version for g, _ in self._groups if g.version), None) or "004010"
        self._implementation = verdict.asked.kind == "999" and version[:6] >= _FROM
        self._writer = X12Writer(_999 if self._implementation else version[:6])

    @property
    def kind(self) -> Kind:
        """TA1 where the interchange is refused as such, or where its receipt is all that is told."""
        if self.verdict.asked.covers == "receipt" or not self._groups:
            return "ta1"
        if self.verdict.refused and not self._group_errors():
            return "ta1"
        return "999" if self._implementation else "997"

    def write(self, number: int, at: dt.datetime) -> bytes:
        """The whole answer under its control number.

        :raises SourceError: an identifier or the number has no room in ISA.
        """
        way = self.verdict.asked.way
        groups = [] if self.kind == "ta1" else [self._answer_group(number, at)]
        head, *rest = self._writer.interchange(
            groups,
            sender=Party(_safe(way.own_id), way.own_qualifier or "ZZ"),
            receiver=Party(_safe(way.partner_id), way.partner_qualifier or "ZZ"),
            control_number=number,
            prepared_at=at,
            test=way.environment.value == "test",
        )
        between = [self._writer.encode(self._ta1())] if self.kind == "ta1" else []
        return b"".join([head, *between, *rest])

    def _ta1(self) -> str:
        verdict, info = self.verdict, self.verdict.info
        digits = re.sub(r"[^0-9]", "", info.prepared_at or "")
        # a set outside a group cannot be told of by a 997
        rejected = verdict.refused or (verdict.asked.covers != "receipt" and verdict.rejected > 0)
        code = "000"
        if rejected:
            code = interchange_code(verdict.errors[0]) if verdict.errors else NO_GROUP
        return self._writer.segment(
            "TA1",
            _safe(info.control_reference or "").zfill(9),
            digits[:6],
            digits[6:10],
            "R" if rejected else "A",
            code,
        )

    def _answer_group(self, number: int, at: dt.datetime) -> bytes:
        first = self._groups[0][0]
        kind, convention = ("999", _999) if self._implementation else ("997", "")
        sets = [
            self._writer.transaction(
                kind, f"{place:04d}", list(self._group(group, members)), convention=convention
            )
            for place, (group, members) in enumerate(self._groups, 1)
        ]
        return self._writer.group(
            "FA",
            sets,
            sender=_safe(first.receiver or self.verdict.asked.way.own_id),
            receiver=_safe(first.sender or self.verdict.asked.way.partner_id),
            control_number=str(number),
            prepared_at=at,
        )

    # ------------------------------------------------------------------ the levels

    def _group_errors(self) -> list[str]:
        """716 of what refuses the interchange, when all of it is the groups' own."""
        codes = [group_code(finding) for finding in self.verdict.errors]
        return [] if None in codes else list(dict.fromkeys(code for code in codes if code is not None))

    def _group(self, group: GroupInfo, members: Sequence[MessageVerdict]) -> Iterator[SegmentValues]:
        version = group.version or ""
        yield _segment(
            "AK1",
            _safe(group.code or ""),
            _safe(group.control_number or ""),
            _safe(version) if version[:6] >= _FROM else "",
        )
        count = str(len(members))
        if self.verdict.refused:
            # the groups as such are wrong, whatever stands in them
            yield _segment("AK9", "R", self._counted(count), count, "0", *self._group_errors()[:5])
            return
        for member in members:
            yield from self._set(member)
        accepted = sum(member.accepted for member in members)
        verdict = "A" if accepted == len(members) else "P" if accepted else "R"
        yield _segment("AK9", verdict, count, count, str(accepted))

    def _counted(self, count: str) -> str:
        """What the sender counted in GE, where that is what is wrong."""
        told = (f.value or "" for f in self.verdict.errors if f.code == "X12_GE_COUNT")
        return next((value for value in told if re.fullmatch(r"[0-9]{1,6}", value)), count)

    def _set(self, message: MessageVerdict) -> Iterator[SegmentValues]:
        yield _segment("AK2", _safe(message.message_type), _safe(message.reference or str(message.number)))
        name = "IK" if self._implementation else "AK"
        if message.accepted:
            yield _segment(f"{name}5", "A")
            return
        segments = segment_errors(message.errors, message.release)
        for segment in segments:
            yield from self._place(name, segment)
        codes = set_codes(message.errors, segments, supported=message.supported)
        yield _segment(f"{name}5", "R", *codes)

    @staticmethod
    def _place(name: str, segment: SegmentError) -> Iterator[SegmentValues]:
        yield _segment(f"{name}3", _safe(segment.tag), str(segment.number), "", segment.code)
        for error in segment.elements[:_MOST_ELEMENTS]:
            position = (str(error.element), str(error.component)) if error.component else str(error.element)
            yield _segment(f"{name}4", position, "", error.code, _safe(error.value)[:99])


def _segment(tag: str, *elements: ElementValue) -> SegmentValues:
    return (tag, *elements)


def _safe(value: str) -> str:
    """A value of the sender's as it may stand in the answer: plain characters, no separator."""
    return "".join(
        char if char.isascii() and char.isprintable() and char not in _SEPARATORS else "." for char in value
    )
