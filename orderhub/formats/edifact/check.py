"""The reference: reads a message exactly and explains every departure from its grammar, at its place.

The fast way (``fast.py``) may only accept what this accepts without a finding, and must build the same tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from orderhub.findings import Finding, Findings, Place
from orderhub.formats.edifact.grammar import Composite, Element, Message, Segment
from orderhub.formats.edifact.problems import Policy
from orderhub.formats.edifact.source import MessageSource
from orderhub.formats.edifact.structure import START, advance, explain
from orderhub.formats.edifact.syntax import Delimiters, repertoire, shield
from orderhub.formats.edifact.tree import GroupNode, ParsedSegment, Step, root_node

_TAG = re.compile(r"[A-Z][A-Z0-9]{2}")
#: ISO 9735 10.1: an optional minus, digits, and at most one decimal mark that digits follow. Neither sign nor mark
#: counts for the length.
NUMBER = re.compile(r"-?(?:[0-9]+|[0-9]*[.,][0-9]+)")


class Collector:
    """The findings of one message: kept while there is room, counted always. Places are worked out only when kept."""

    __slots__ = ("findings", "policy", "source")

    def __init__(self, source: MessageSource, policy: Policy) -> None:
        self.source = source
        self.policy = policy
        self.findings = Findings()

    def add(
        self,
        code: str,
        message: Callable[[], str] | str,
        segment: int | None = None,
        element: int | None = None,
        component: int | None = None,
        *,
        value: str | None = None,
        path: str = "",
        place: Place | None = None,
        code_severity: bool = False,
    ) -> None:
        severity = self.policy.guide_codes if code_severity else self.policy.severity(code)
        if len(self.findings.kept) >= self.findings.limit:
            self.findings.count += 1
            if severity == "error":
                self.findings.errors += 1
            return
        self.findings.add(
            Finding(
                code=code,
                severity=severity,
                message=message if isinstance(message, str) else message(),
                place=place or self.source.place(segment, element, component, path=path),
                value=value,
                rule=path or None,
            )
        )


def split_exactly(source: MessageSource) -> list[str]:
    """The segments of a message as text, released characters shielded, line ends between segments dropped."""
    text = shield(source.delimiters).cover(source.raw.decode(source.encoding, "replace"))
    pieces = [piece.lstrip(" \t\r\n\x00\x1a") for piece in text.split(source.delimiters.terminator)]
    if not pieces[-1]:
        pieces.pop()
    return pieces


def split_header(source: MessageSource, limit: int) -> str:
    """The first segment alone, shielded, as far as it stands within ``limit`` bytes."""
    text = shield(source.delimiters).cover(source.raw[:limit].decode(source.encoding, "replace"))
    return text.partition(source.delimiters.terminator)[0]


def check_characters(source: MessageSource, syntax: str, collector: Collector) -> None:
    """Bytes that the codec does not have, and characters outside the syntax level's repertoire."""
    try:
        source.raw.decode(source.encoding)
    except UnicodeDecodeError as error:
        bad = source.raw[error.start : error.end]
        collector.add(
            "EDIFACT_CHARSET",
            f"The byte{'s' if len(bad) > 1 else ''} {bad.hex(' ').upper()} do{'' if len(bad) > 1 else 'es'} not exist "
            f"in {syntax} ({source.encoding}), which UNB names. Have the sender name the character set that is used.",
            place=source.place_at(error.start),
            value=bad.hex().upper(),
        )
        return
    allowed = repertoire(syntax, source.delimiters)
    if not source.raw.translate(None, allowed) and not _inner_break(source):
        return
    legal = set(allowed) - {13, 10}
    position = 0
    for start, end in source.spans():
        for position in range(start, end):
            if source.raw[position] not in legal:
                char = source.raw[position : position + 1].decode(source.encoding, "replace")
                what = "A line break" if char in "\r\n" else f"The character {char!r}"
                collector.add(
                    "EDIFACT_REPERTOIRE",
                    f"{what} does not belong to {syntax}, which UNB names; it was taken as it is. "
                    "Further ones in this message are not reported.",
                    place=source.place_at(position),
                    value=char,
                )
                return


def _inner_break(source: MessageSource) -> bool:
    raw = source.raw
    if b"\n" not in raw and b"\r" not in raw:
        return False
    return any(b"\n" in raw[start:end] or b"\r" in raw[start:end] for start, end in source.spans())


class SegmentChecker:
    """Checks one segment against its definition and makes the flat tuple of it."""

    def __init__(self, delimiters: Delimiters, collector: Collector, guide: bool) -> None:
        self._element = delimiters.element
        self._component = delimiters.component
        self._uncover = shield(delimiters).uncover
        self._add = collector.add
        self._guide = guide

    def loose(self, text: str) -> ParsedSegment:
        """A segment without a definition: tag and every component as it comes."""
        values = [self._uncover(v) for e in text.split(self._element) for v in e.split(self._component)]
        return tuple(values)

    def check(self, number: int, text: str, definition: Segment) -> ParsedSegment:
        elements = text.split(self._element)
        values = [""] * definition.size
        values[0] = definition.tag
        given = elements[1:]
        while given and not given[-1].strip(self._component):
            given.pop()
        if len(given) > len(definition.parts):
            self._add(
                "EDIFACT_ELEMENT_EXCESS",
                f"{definition.tag} has {len(given)} elements, its definition only {len(definition.parts)}. "
                "Remove what follows, or correct a separator that was meant as text.",
                number,
                len(definition.parts) + 1,
                value=self._uncover(given[len(definition.parts)]),
            )
        for at, part in enumerate(definition.parts):
            text_of = given[at] if at < len(given) else ""
            if isinstance(part, Composite):
                self._composite(number, at + 1, part, text_of, values, definition.starts[at], definition.tag)
            else:
                pieces = text_of.split(self._component)
                self._excess(number, at + 1, pieces, 1, f"{definition.tag} {part.number}")
                values[definition.starts[at]] = self._value(
                    number, at + 1, 0, part, pieces[0], "", definition.tag
                )
                if part.mandatory and not pieces[0]:
                    self._missing(number, at + 1, 0, part, definition.tag)
        return tuple(values)

    def _composite(
        self, number: int, element: int, part: Composite, text: str, values: list[str], flat: int, tag: str
    ) -> None:
        pieces = text.split(self._component)
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        if not any(pieces):
            if part.mandatory:
                self._add(
                    "EDIFACT_ELEMENT_MISSING",
                    f"The mandatory composite {part.number} of {tag} is missing. Have the sender fill it.",
                    number,
                    element,
                    path=f"{tag}/{part.number}",
                )
            return
        self._excess(number, element, pieces, len(part.components), f"composite {part.number} of {tag}")
        agency = self._agency(part, pieces)
        for index, component in enumerate(part.components):
            piece = pieces[index] if index < len(pieces) else ""
            if component.mandatory and not piece:
                self._missing(number, element, index + 1, component, tag, part.number)
            values[flat + index] = self._value(
                number, element, index + 1, component, piece, part.number, tag, foreign=agency
            )

    @staticmethod
    def _agency(part: Composite, pieces: list[str]) -> bool:
        """Whether a code list of somebody else is named (1131, or 3055 other than 6, UN/ECE)."""
        for index, component in enumerate(part.components[: len(pieces)]):
            if component.number == "1131" and pieces[index]:
                return True
            if component.number == "3055" and pieces[index] not in ("", "6"):
                return True
        return False

    def _excess(self, number: int, element: int, pieces: list[str], most: int, where: str) -> None:
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        if len(pieces) > most:
            self._add(
                "EDIFACT_COMPONENT_EXCESS",
                f"There are {len(pieces)} components in {where}, its definition has {most}. "
                "Remove what follows, or release a separator that was meant as text.",
                number,
                element,
                most + 1,
                value=self._uncover(pieces[most]),
            )

    def _missing(
        self, number: int, element: int, component: int, what: Element, tag: str, composite: str = ""
    ) -> None:
        path = "/".join(p for p in (tag, composite, what.number) if p)
        self._add(
            "EDIFACT_ELEMENT_MISSING",
            f"The mandatory {what.number} ({what.name or 'element'}) of {tag} is missing. Have the sender fill it.",
            number,
            element,
            component,
            path=path,
        )

    def _value(
        self,
        number: int,
        element: int,
        component: int,
        what: Element,
        piece: str,
        composite: str,
        tag: str,
        *,
        foreign: bool = False,
    ) -> str:
        """The value itself; a decimal comma of a numeric element becomes a point."""
        if not piece:
            return ""
        value = self._uncover(piece)
        path = "/".join(p for p in (tag, composite, what.number) if p)
        length = len(piece)
        if what.kind == "n":
            if NUMBER.fullmatch(piece) is None:
                self._add(
                    "EDIFACT_ELEMENT_TYPE",
                    f"{value!r} is no number; {path} is numeric ({_type_text(what)}). "
                    "Write digits, at most one decimal mark, no grouping.",
                    number,
                    element,
                    component,
                    value=value,
                    path=path,
                )
                return value
            length -= (piece[0] == "-") + ("." in piece or "," in piece)
            value = value.replace(",", ".")
        elif what.kind == "a" and any(c in "0123456789" for c in piece):
            self._add(
                "EDIFACT_ELEMENT_TYPE",
                f"{value!r} has digits; {path} is alphabetic ({_type_text(what)}).",
                number,
                element,
                component,
                value=value,
                path=path,
            )
        if not what.minimum <= length <= what.maximum:
            self._add(
                "EDIFACT_ELEMENT_LENGTH",
                f"{value[:40]!r} has {length} characters; {path} takes {_type_text(what)}.",
                number,
                element,
                component,
                value=value[:200],
                path=path,
            )
        elif what.codes is not None and value not in what.codes and not (foreign and what.number != "3055"):
            self._add(
                "EDIFACT_ELEMENT_CODE",
                f"{value!r} is not in the code list of {path} ({what.name or what.number}). "
                "Use a code of the directory, or name the list it comes from (1131, 3055).",
                number,
                element,
                component,
                value=value,
                path=path,
                code_severity=self._guide,
            )
        return value


def _type_text(what: Element) -> str:
    return f"{what.kind}{'' if what.minimum else '..'}{what.maximum}"


def check_message(
    message: Message, source: MessageSource, segments: list[str], collector: Collector, *, guide: bool
) -> GroupNode:
    """Check every segment and its place in the message, and build the tree."""
    checker = SegmentChecker(source.delimiters, collector, guide)
    parsed: list[ParsedSegment] = []
    steps: list[Step] = []
    state = START
    for number, text in enumerate(segments):
        tag = text.partition(source.delimiters.element)[0]
        if _TAG.fullmatch(tag) is None:
            collector.add(
                "EDIFACT_TAG",
                f"{tag[:20]!r} is no segment tag. A segment begins with three capital letters or digits; "
                "look for a terminator that should have been released.",
                number,
                value=tag[:20],
            )
            parsed.append(checker.loose(text))
            steps.append(None)
            continue
        step = advance(message, state, tag)
        if step is None:
            problem = explain(message, state, tag)
            _report(message, problem.code, tag, number, problem.position, problem.missing, collector)
            if problem.state is not None:
                opened = problem.code == "EDIFACT_GROUP_REPEAT" or (
                    problem.position is not None
                    and problem.position.parent is not None
                    and problem.code == "EDIFACT_SEGMENT_MISSING"
                    and problem.position.parent.group is not None
                    and problem.position.parent.parts[0] is problem.position
                )
                step = (problem.state, opened)
        definition = message.segments.get(tag)
        parsed.append(checker.loose(text) if definition is None else checker.check(number, text, definition))
        steps.append(step)
        if step is not None:
            state = step[0]
    return root_node(message, steps, parsed, source)


def _report(
    message: Message,
    code: str,
    tag: str,
    number: int,
    position: object,
    missing: object,
    collector: Collector,
) -> None:
    where = getattr(position, "path", tag)
    if code == "EDIFACT_SEGMENT_UNKNOWN":
        text = f"{message.description} has no segment {tag}; it was left out. Remove it, or correct its tag."
    elif code == "EDIFACT_SEGMENT_REPEAT":
        text = f"{where} may occur {getattr(position, 'maximum', 1)} times in {message.description}; this is one more."
    elif code == "EDIFACT_GROUP_REPEAT":
        text = f"The group {where} may occur {getattr(position, 'maximum', 1)} times; this is one more."
    elif code == "EDIFACT_SEGMENT_MISSING":
        lacking = getattr(missing, "path", "a mandatory segment")
        trigger = f" (begins with {getattr(missing, 'tag', '')})" if getattr(missing, "group", None) else ""
        text = f"The mandatory {lacking}{trigger} is missing before this {tag}."
        where = lacking
    else:
        text = (
            f"{tag} may not stand here: in {message.description} its place is before what was read already. "
            "It was left out; put it where the message type has it."
        )
    collector.add(code, text, number, path=where)
