"""The reference: reads a message exactly and explains every departure from its grammar, at its place.

The fast way (``fast.py``) may only accept what this accepts without a finding, and must build the same tree.
"""

from __future__ import annotations

import re
from typing import ClassVar

from orderhub.findings import Finding, Findings, Place
from orderhub.formats.edi.delimiters import BETWEEN_SEGMENTS, Delimiters, shield
from orderhub.formats.edi.grammar import NUMERIC, Composite, Element, Message, Segment
from orderhub.formats.edi.policy import Policy
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edi.structure import START, advance, explain
from orderhub.formats.edi.tree import GroupNode, ParsedSegment, Step, root_node
from orderhub.formats.edi.values import judge

_BETWEEN = BETWEEN_SEGMENTS.decode("ascii")


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
        message: str,
        segment: int | None = None,
        element: int | None = None,
        component: int | None = None,
        *,
        value: str | None = None,
        path: str = "",
        place: Place | None = None,
        code_severity: bool = False,
    ) -> None:
        """:param code: without the standard's name."""
        code = self.policy.prefix + code
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
                message=message,
                place=place or self.source.place(segment, element, component, path=path),
                value=value,
                rule=path or None,
            )
        )


def split_exactly(source: MessageSource) -> list[str]:
    """The segments of a message as text, released characters shielded, line ends between segments dropped."""
    text = shield(source.delimiters).cover(source.raw.decode(source.encoding, "replace"))
    terminator = source.delimiters.terminator
    pieces = [piece.lstrip(_BETWEEN) for piece in text.split(terminator)]
    if terminator in _BETWEEN:
        return [piece for piece in pieces if piece]  # an empty line is no segment
    if not pieces[-1]:
        pieces.pop()
    return pieces


def split_header(source: MessageSource, limit: int) -> str:
    """The first segment alone, shielded, as far as it stands within ``limit`` bytes."""
    text = shield(source.delimiters).cover(source.raw[:limit].decode(source.encoding, "replace"))
    return text.partition(source.delimiters.terminator)[0]


def check_repertoire(source: MessageSource, allowed: bytes, whose: str, collector: Collector) -> None:
    """Characters outside a repertoire; of them only the first is told.

    :param allowed: the bytes that a message may hold, line ends among them, which may only stand between segments.
    :param whose: whom the repertoire belongs to, in words.
    """
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
                    "REPERTOIRE",
                    f"{what} does not belong to {whose}; it was taken as it is. "
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
    """Checks one segment against its definition and makes the flat tuple of it. A standard's own brings its words.

    :param guide: the message names a guide, whose codes may go beyond the directory's.
    """

    #: What a segment tag looks like, and the same in words.
    tag: ClassVar[re.Pattern[str]] = re.compile(r"[A-Z][A-Z0-9]{2}")
    tag_words: ClassVar[str] = "three capital letters or digits"
    #: What to do about a separator that was meant as text, and about a code that is not listed.
    separator_advice: ClassVar[str] = "release a separator that was meant as text"
    code_advice: ClassVar[str] = "Use a code of the directory"
    #: A code of the wrong length is first of all no listed one (X12 has no lengths of its own for coded elements).
    codes_first: ClassVar[bool] = False
    #: Elements whose codes are the standard's own whatever the composite says.
    own_codes: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, delimiters: Delimiters, collector: Collector, guide: bool) -> None:
        self._element = delimiters.element
        self._component = delimiters.component
        self._uncover = shield(delimiters).uncover
        self._add = collector.add
        self._guide = guide

    # ------------------------------------------------------------------ what differs between the standards

    def path(self, tag: str, element: int, component: int, composite: str, number: str) -> str:
        """A value's path as an author would write it. ``number`` is empty for a composite as a whole."""
        return "/".join(p for p in (tag, composite, number) if p)

    def label(self, path: str, what: Element) -> str:
        """An element in an error text."""
        return what.number

    def foreign(self, part: Composite, pieces: list[str]) -> bool:
        """Whether the composite says that its codes are somebody else's."""
        return False

    def pieces(self, number: int, element: int, text: str) -> list[str]:
        """The components of an element."""
        return text.split(self._component)

    def whole(self, number: int, definition: Segment, values: list[str]) -> None:
        """Rules between the elements of a segment."""

    # ------------------------------------------------------------------ the same for all

    def loose(self, text: str) -> ParsedSegment:
        """A segment without a definition: tag and every component as it comes."""
        values = [self._uncover(v) for e in text.split(self._element) for v in e.split(self._component)]
        return tuple(values)

    def check(self, number: int, text: str, definition: Segment) -> ParsedSegment:
        """:param number: the segment's in the message, from 0."""
        elements = text.split(self._element)
        values = [""] * definition.size
        values[0] = definition.tag
        given = elements[1:]
        while given and not given[-1].strip(self._component):
            given.pop()
        if len(given) > len(definition.parts):
            self._add(
                "ELEMENT_EXCESS",
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
                pieces = self.pieces(number, at + 1, text_of)
                self._excess(number, at + 1, pieces, 1, f"{definition.tag} {part.number}")
                values[definition.starts[at]] = self._value(
                    number, at + 1, 0, part, pieces[0], "", definition.tag
                )
                if part.mandatory and not pieces[0]:
                    self._missing(number, at + 1, 0, part, definition.tag)
        self.whole(number, definition, values)
        return tuple(values)

    def _composite(
        self, number: int, element: int, part: Composite, text: str, values: list[str], flat: int, tag: str
    ) -> None:
        pieces = self.pieces(number, element, text)
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        if not any(pieces):
            if part.mandatory:
                self._add(
                    "ELEMENT_MISSING",
                    f"The mandatory composite {part.number} of {tag} is missing. Have the sender fill it.",
                    number,
                    element,
                    path=self.path(tag, element, 0, part.number, ""),
                )
            return
        self._excess(number, element, pieces, len(part.components), f"composite {part.number} of {tag}")
        foreign = self.foreign(part, pieces)
        for index, component in enumerate(part.components):
            piece = pieces[index] if index < len(pieces) else ""
            if component.mandatory and not piece:
                self._missing(number, element, index + 1, component, tag, part.number)
            values[flat + index] = self._value(
                number,
                element,
                index + 1,
                component,
                piece,
                part.number,
                tag,
                foreign=foreign and component.number not in self.own_codes,
            )

    def _excess(self, number: int, element: int, pieces: list[str], most: int, where: str) -> None:
        while len(pieces) > 1 and not pieces[-1]:
            pieces.pop()
        if len(pieces) > most:
            self._add(
                "COMPONENT_EXCESS",
                f"There are {len(pieces)} components in {where}, its definition has {most}. "
                f"Remove what follows, or {self.separator_advice}.",
                number,
                element,
                most + 1,
                value=self._uncover(pieces[most]),
            )

    def _missing(
        self, number: int, element: int, component: int, what: Element, tag: str, composite: str = ""
    ) -> None:
        path = self.path(tag, element, component, composite, what.number)
        self._add(
            "ELEMENT_MISSING",
            f"The mandatory {self.label(path, what)} ({what.name or 'element'}) of {tag} is missing. "
            "Have the sender fill it.",
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
        """The value itself; a number with a point as decimal mark."""
        if not piece:
            return ""
        path = self.path(tag, element, component, composite, what.number)
        raw, fault, length = judge(what, piece)
        value = self._uncover(raw)
        code = ""
        if fault is not None:
            code, text = fault.code, f"{value[:40]!r} {fault.text}; {path} is {_KINDS[what.kind]}."
            if what.kind in NUMERIC:
                text += " Write digits, at most one decimal mark, no grouping."
            self._add(code, text, number, element, component, value=value[:200], path=path)
            if what.kind not in ("a", "an"):
                return value
        wrong_length = not what.minimum <= length <= what.maximum
        unlisted = what.codes is not None and value not in what.codes and not foreign
        if wrong_length and not (unlisted and self.codes_first):
            self._add(
                "ELEMENT_LENGTH",
                f"{value[:40]!r} has {length} characters; {path} takes {lengths(what)}.",
                number,
                element,
                component,
                value=value[:200],
                path=path,
            )
        elif unlisted:
            self._add(
                "ELEMENT_CODE",
                f"{value!r} is not in the code list of {path} ({what.name or what.number}). {self.code_advice}.",
                number,
                element,
                component,
                value=value,
                path=path,
                code_severity=self._guide,
            )
        return value


_KINDS = {
    "a": "alphabetic",
    "an": "text",
    "n": "numeric",
    "r": "a decimal number",
    "i": "a whole number",
    "dt": "a date (year, month, day)",
    "tm": "a time (hours, minutes, perhaps seconds)",
}


def lengths(what: Element) -> str:
    """``1 to 35``, ``8``"""
    least = what.minimum or 1
    return str(least) if least == what.maximum else f"{least} to {what.maximum}"


def check_message(
    message: Message,
    source: MessageSource,
    segments: list[str],
    collector: Collector,
    checker: SegmentChecker,
) -> GroupNode:
    """Check every segment and its place in the message, and build the tree."""
    parsed: list[ParsedSegment] = []
    steps: list[Step] = []
    state = START
    for number, text in enumerate(segments):
        tag = text.partition(source.delimiters.element)[0]
        if checker.tag.fullmatch(tag) is None:
            collector.add(
                "TAG",
                f"{tag[:20]!r} is no segment tag. A segment begins with {checker.tag_words}; "
                "look for a terminator that was meant as text.",
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
                opened = problem.code == "GROUP_REPEAT" or (
                    problem.position is not None
                    and problem.position.parent is not None
                    and problem.code == "SEGMENT_MISSING"
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
    if code == "SEGMENT_UNKNOWN":
        text = f"{message.description} has no segment {tag}; it was left out. Remove it, or correct its tag."
    elif code == "SEGMENT_REPEAT":
        text = f"{where} may occur {getattr(position, 'maximum', 1)} times in {message.description}; this is one more."
    elif code == "GROUP_REPEAT":
        text = f"The group {where} may occur {getattr(position, 'maximum', 1)} times; this is one more."
    elif code == "SEGMENT_MISSING":
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
