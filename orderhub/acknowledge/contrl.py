"""CONTRL: the technical answer of EDIFACT (ISO 9735, service message of syntax versions 3 and 4).

UCI answers the interchange, UCF a group, UCM each message; UCS and UCD say where a rejected message is wrong. Action codes
(0083): ``4`` this level and all below are rejected, ``7`` this level is acknowledged, and what stands below unless it is
rejected itself, ``8`` the interchange was received.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

from orderhub.acknowledge.edifact_errors import (
    MISSING,
    NOT_SUPPORTED_VALUE,
    TOO_LONG,
    UNSPECIFIED,
    ErrorAt,
    envelope_error,
    message_errors,
)
from orderhub.acknowledge.verdict import EnvelopeVerdict, MessageVerdict
from orderhub.formats.base import GroupInfo
from orderhub.formats.edifact.syntax import codec_of
from orderhub.formats.edifact.writer import EdifactWriter, ElementValue
from orderhub.ledger.replies import Kind

REJECTED, ACKNOWLEDGED, RECEIVED = "4", "7", "8"
#: UNH S009 of the answer, by syntax version.
_IDENTIFIER = {"4": ("CONTRL", "4", "1", "UN")}
_OLDER = ("CONTRL", "D", "3", "UN")
#: Most UCS of a message, and most UCD of a segment.
_MOST_SEGMENTS = 999
_MOST_ELEMENTS = 99
#: Lengths of 0020 and 0062, of 0004 and 0010, of 0007, and of the components of S009.
_REFERENCE, _PARTY, _QUALIFIER = 14, 35, 4
_HEADER = (6, 3, 3, 2, 6)

SegmentValues: TypeAlias = tuple[str, *tuple[ElementValue, ...]]


class Contrl:
    """The answer to one interchange; everything is worked out but its number."""

    suffix = "edi"
    kind: Kind = "contrl"

    def __init__(self, verdict: EnvelopeVerdict) -> None:
        self.verdict = verdict
        syntax, _, version = (verdict.info.syntax or "").partition(":")
        self._version = version if version in ("1", "2", "3", "4") else "3"
        self._syntax = syntax if codec_of(syntax) else "UNOC"
        self._writer = EdifactWriter(f"{self._syntax}:{self._version}")
        self._segments = list(self._body())

    def write(self, number: int, at: dt.datetime) -> bytes:
        """The whole answer under its control number."""
        way = self.verdict.asked.way
        writer = self._writer
        message = writer.message("1", _IDENTIFIER.get(self._version, _OLDER), self._segments)
        pieces = writer.interchange(
            [message],
            sender=self._party(way.own_id, way.own_qualifier),
            receiver=self._party(way.partner_id, way.partner_qualifier),
            reference=str(number),
            prepared_at=at,
            test=way.environment.value == "test",
        )
        return b"".join(pieces)

    # ------------------------------------------------------------------ the levels

    def _body(self) -> Iterator[SegmentValues]:
        verdict = self.verdict
        yield self._interchange()
        if verdict.refused or verdict.asked.covers == "receipt":
            return
        if any(message.group is not None for message in verdict.messages):
            for group, members in groupby(verdict.messages, key=lambda message: message.group):
                if group is not None:
                    yield self._group(group)
                for message in members:
                    yield from self._message(message)
        else:
            for message in verdict.messages:
                yield from self._message(message)

    def _interchange(self) -> SegmentValues:
        verdict, info = self.verdict, self.verdict.info
        action = ACKNOWLEDGED
        error: ErrorAt | None = None
        if verdict.refused:
            action = REJECTED
            error = envelope_error(verdict.errors[0]) if verdict.errors else ErrorAt(UNSPECIFIED)
        elif verdict.asked.covers == "receipt":
            action = RECEIVED
        return _segment(
            "UCI",
            self._safe(info.control_reference or "", _REFERENCE),
            self._party(info.sender or "", info.sender_qualifier or ""),
            self._party(info.receiver or verdict.asked.way.own_id, info.receiver_qualifier or ""),
            action,
            *self._error(error),
        )

    def _group(self, group: GroupInfo) -> SegmentValues:
        return _segment(
            "UCF",
            self._safe(group.control_number or "", _REFERENCE),
            self._safe(group.sender or "", _PARTY),
            self._safe(group.receiver or "", _PARTY),
            ACKNOWLEDGED,
        )

    def _message(self, message: MessageVerdict) -> Iterator[SegmentValues]:
        errors = message_errors(message.errors, message.release, self._version)
        own = [error for error in errors if error.segment is None]
        if not message.accepted and not errors:
            own = [
                ErrorAt(UNSPECIFIED) if message.supported else ErrorAt(NOT_SUPPORTED_VALUE, "UNH", None, 3, 1)
            ]
        reference = message.reference or ""
        if not reference:
            # UCM needs one; the place of the message in the file stands in for what its sender left out
            reference = str(message.number)
            own = [ErrorAt(MISSING, "UNH", None, 2), *own]
        elif len(reference) > _REFERENCE:
            own = [ErrorAt(TOO_LONG, "UNH", None, 2), *own]
        yield _segment(
            "UCM",
            self._safe(reference, _REFERENCE),
            self._header(message),
            ACKNOWLEDGED if message.accepted else REJECTED,
            *self._error(own[0] if own and not message.accepted else None),
        )
        if not message.accepted:
            yield from _places([error for error in errors if error.segment is not None])

    # ------------------------------------------------------------------ values

    def _header(self, message: MessageVerdict) -> Sequence[str]:
        """S009 copied; a component that must be there and is not gets a zero."""
        given = [*message.header, "", "", "", "", ""][:5]
        copied = [self._safe(value, limit) for value, limit in zip(given, _HEADER, strict=True)]
        return [value or ("0" if index < 4 else "") for index, value in enumerate(copied)]

    def _party(self, id: str, qualifier: str) -> Sequence[str]:
        return (self._safe(id, _PARTY), self._safe(qualifier, _QUALIFIER))

    @staticmethod
    def _error(error: ErrorAt | None) -> tuple[ElementValue, ...]:
        if error is None:
            return ()
        if not error.tag:
            return (error.code,)
        if error.element is None:
            return (error.code, error.tag)
        return (error.code, error.tag, _position(error))

    def _safe(self, value: str, limit: int) -> str:
        """A value of the sender's as it may stand in the answer: printable, in its character set, of allowed length."""
        cut = "".join(char if char.isprintable() else "." for char in value[:limit])
        try:
            cut.encode(self._writer.encoding)
        except UnicodeEncodeError:
            cut = cut.encode("ascii", "replace").decode().replace("?", ".")
        return cut


def _segment(tag: str, *elements: ElementValue) -> SegmentValues:
    return (tag, *elements)


def _position(error: ErrorAt) -> Sequence[str]:
    return (str(error.element), str(error.component) if error.component else "")


def _places(errors: Sequence[ErrorAt]) -> Iterator[SegmentValues]:
    """UCS for each segment that is wrong, UCD for each of its elements."""
    by_segment = groupby(errors, key=lambda error: error.segment)
    for count, (segment, group) in enumerate(by_segment):
        if count == _MOST_SEGMENTS:
            return
        found = list(group)
        whole = [error for error in found if error.element is None]
        for error in whole:
            yield ("UCS", str(segment), error.code)
        if not whole:
            yield ("UCS", str(segment))
        for error in [error for error in found if error.element is not None][:_MOST_ELEMENTS]:
            yield ("UCD", error.code, _position(error))
