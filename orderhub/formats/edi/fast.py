"""The fast way: says yes to a message that has nothing wrong, and builds its tree; everything else it leaves to the
reference (``check.py``). It never finds errors itself.

Four things make it fast, each bounded: segments seen before (text → parsed tuple), one regular expression per segment
definition for the others, runs of tags seen before (state and tags → where each segment stands), which rest on the same
``advance`` that the reference uses, and whole sequences of tags seen before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from orderhub.formats.edi.delimiters import Delimiters, shield
from orderhub.formats.edi.grammar import Composite, Element, Message, Note, Segment
from orderhub.formats.edi.source import MessageSource
from orderhub.formats.edi.structure import COUNTED_BELOW, START, State, advance
from orderhub.formats.edi.tree import Arranged, GroupNode, Index, OwnIndex, ParsedSegment
from orderhub.formats.edi.values import KEPT, pattern, plain_number

#: Segments remembered; long ones are not (they hardly come again).
MEMO_LIMIT = 4_000
MEMO_LENGTH = 120
ONCE_LIMIT = 4_000
COMBINATIONS = 1_000
RUN_LIMIT = 5_000
SHAPE_LIMIT = 500
SHAPE_LENGTH = 2_000

_STAND_IN = re.compile("[\udc01-\udc04]")


class _Slow(Exception):
    """This message is for the reference."""


class Style(NamedTuple):
    """What differs between the standards. ``trailer`` is the tag of a message's last segment; ``reference`` where in the
    first segment the message's reference stands; ``repeats``: elements may repeat in a segment, which is left to the
    reference."""

    trailer: str
    reference: int
    repeats: bool = False


def segment_pattern(segment: Segment, delimiters: Delimiters, *, repeats: bool = False) -> str:
    """The regular expression that a segment without any fault matches, one group for each component."""
    plus, colon = re.escape(delimiters.element), re.escape(delimiters.component)
    text = f"[^{plus}{colon}{re.escape(delimiters.repetition) if repeats else ''}]"
    rest = ""
    required = False
    for part in reversed(segment.parts):
        if isinstance(part, Composite):
            own = _composite_pattern(part, colon, text)
        else:
            own = pattern(part, text)
        required = required or part.mandatory
        rest = f"{plus}{own}{rest}" if required else f"(?:{plus}{own}{rest})?{KEPT}"
    return f"({segment.tag}){rest}"


def _composite_pattern(part: Composite, colon: str, text: str) -> str:
    rest = ""
    required = False
    for component in reversed(part.components[1:]):
        own = pattern(component, text)
        required = required or component.mandatory
        rest = f"{colon}{own}{rest}" if required else f"(?:{colon}{own}{rest})?{KEPT}"
    whole = pattern(part.components[0], text) + rest
    if not part.mandatory:
        return f"(?:{whole})?{KEPT}"
    if any(component.mandatory for component in part.components):
        return whole
    return f"(?={colon}*{text}){whole}"


_Coded: TypeAlias = list[tuple[int, frozenset[str]]]


class _Rules:
    """Rules between the elements of a segment, and numbers with decimals but no mark. ``present`` are combinations of
    present elements that were found to follow the rules."""

    __slots__ = ("implied", "notes", "present")

    def __init__(self, notes: tuple[Note, ...], implied: list[tuple[int, Element]]) -> None:
        self.notes = notes
        self.implied = implied
        self.present: set[tuple[bool, ...]] = set()

    def apply(self, parsed: ParsedSegment) -> ParsedSegment:
        """The segment with its numbers as meant; ``_Slow`` when it breaks a rule."""
        if self.notes:
            given = tuple(map(bool, parsed))
            if given not in self.present:
                self._follow(given)
        if not self.implied or not any(parsed[at] for at, _ in self.implied):
            return parsed
        values = list(parsed)
        for at, what in self.implied:
            values[at] = plain_number(what, values[at])
        return tuple(values)

    def _follow(self, given: tuple[bool, ...]) -> None:
        """Check a combination of present elements that was not met before."""
        for note in self.notes:
            if not note.holds([any(given[flat] for flat in flats) for flats in note.flats]):
                raise _Slow
        if len(self.present) >= COMBINATIONS:
            self.present.clear()
        self.present.add(given)


class _Matcher(NamedTuple):
    """``accepted`` are combinations of codes, as ``codes_of`` gives them, that were found to be listed."""

    match: Callable[[str], Any]
    codes_of: Callable[[ParsedSegment], Any]
    accepted: set[Any]
    coded: _Coded
    numeric: list[int]
    rules: _Rules | None


class _Memo(dict[str, ParsedSegment]):
    """Segment text → parsed segment. What is missing is matched; ``_Slow`` when it does not match."""

    __slots__ = ("_delimiters", "_matchers", "_message", "_once", "_repeats", "_uncover")

    def __init__(self, message: Message, delimiters: Delimiters, repeats: bool) -> None:
        super().__init__()
        self._repeats = repeats
        self._message = message
        self._delimiters = delimiters
        self._uncover = shield(delimiters).uncover
        self._once: set[int] = set()
        self._matchers: dict[str, _Matcher] = {}

    def __missing__(self, text: str) -> ParsedSegment:
        matcher = self._matchers.get(text[:3])
        if matcher is None:
            matcher = self._compile(text[:3])
        match, codes_of, accepted, coded, numeric, rules = matcher
        found = match(text)
        if found is None:
            raise _Slow
        parsed: ParsedSegment = found.groups("")
        if coded:
            codes = codes_of(parsed)
            if codes not in accepted:
                self._accept(codes, parsed, accepted, coded)
        if rules is not None:
            parsed = rules.apply(parsed)
        if "," in text and any("," in parsed[at] for at in numeric):
            values = list(parsed)
            for at in numeric:
                values[at] = values[at].replace(",", ".")
            parsed = tuple(values)
        if not text.isascii() and _STAND_IN.search(text):
            parsed = tuple([self._uncover(value) for value in parsed])
        if len(text) <= MEMO_LENGTH:
            # Only what comes a second time is kept: most of what never does would only push out the rest, and a small
            # memory stays in the processor's cache.
            mark = hash(text)
            once = self._once
            if mark in once:
                if len(self) >= MEMO_LIMIT:
                    self.clear()
                self[text] = parsed
            else:
                if len(once) >= ONCE_LIMIT:
                    once.clear()
                once.add(mark)
        return parsed

    @staticmethod
    def _accept(codes: Any, parsed: ParsedSegment, accepted: set[Any], coded: _Coded) -> None:
        """Check a combination of codes that was not met before."""
        for at, listed in coded:
            value = parsed[at]
            if value and value not in listed:
                raise _Slow
        if len(accepted) >= COMBINATIONS:
            accepted.clear()
        accepted.add(codes)

    def _compile(self, head: str) -> _Matcher:
        """:param head: the first three characters of a segment: its tag, where it has two with the separator after it."""
        segment = self._message.segments.get(head.rstrip(self._delimiters.element))
        if segment is None:
            raise _Slow
        found = re.compile(segment_pattern(segment, self._delimiters, repeats=self._repeats), re.DOTALL)
        components = list(segment.components())
        coded = [(flat, what.codes) for flat, _, _, what in components if what.codes is not None]
        numeric = [flat for flat, _, _, what in components if what.kind == "n"]
        implied = [(flat, what) for flat, _, _, what in components if what.decimals]
        codes_of = itemgetter(*[flat for flat, _ in coded]) if coded else len
        rules = _Rules(segment.notes, implied) if segment.notes or implied else None
        matcher = _Matcher(found.fullmatch, codes_of, set(), coded, numeric, rules)
        self._matchers[head] = matcher
        return matcher


class _Run:
    """What a run of tags means from a given state: where it ends, and the index of what it holds."""

    __slots__ = ("index", "inner", "length", "state")

    def __init__(self, state: State, index: Index, inner: Index | None, length: int) -> None:
        self.state = state
        self.index = index
        self.inner = inner
        self.length = length


class _Shape(NamedTuple):
    """What a whole sequence of tags means: the message's own index, and index, start and end of its repeating groups."""

    head: Index
    nodes: tuple[tuple[Index, int, int], ...]


class FastReader:
    """Reads faultless messages of one type, with one set of delimiters."""

    def __init__(self, message: Message, delimiters: Delimiters, style: Style) -> None:
        self._message = message
        self._trailer = style.trailer
        self._reference = style.reference
        self._terminator = delimiters.terminator
        self._element = delimiters.element
        self._shield = shield(delimiters)
        self._release = delimiters.release
        self._memo = _Memo(message, delimiters, style.repeats and delimiters.repetition.strip() != "")
        self._runs: dict[tuple[State, tuple[str, ...]], _Run | None] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._trigger = message.repeating.tag if message.repeating else None
        self._number = message.repeating.number if message.repeating else -1
        # Counts that an inexact state does not keep: no tag may occur more often than the least of its limits.
        self._limits: dict[str, int] = {}
        for position in message.positions[1:]:
            if position.maximum >= COUNTED_BELOW:
                known = self._limits.get(position.tag, position.maximum)
                self._limits[position.tag] = min(known, position.maximum)

    def read(self, text: str, source: MessageSource) -> GroupNode | None:
        """The tree of a whole message (with its trailer and its terminator), ``None`` when it is not faultless."""
        if self._release and self._release in text:
            text = self._shield.cover(text)
        pieces = self._split(text)
        if pieces is None:
            return None
        memo = self._memo
        try:
            segments = [memo[piece] for piece in pieces]
        except _Slow:
            return None
        # the trailer: number of segments, and the header's reference
        trailer = segments[-1]
        if (
            trailer[0] != self._trailer
            or trailer[2] != segments[0][self._reference]
            or trailer[1] != str(len(segments))
        ):
            return None
        tags = [segment[0] for segment in segments]
        if len(tags) > COUNTED_BELOW and not self._within_limits(tags):
            return None
        return self._arrange(tags, segments, source)

    def _split(self, text: str) -> list[str] | None:
        """The segments; ``None`` when a line end stands elsewhere than after a segment."""
        end = self._terminator
        pieces: list[str]
        if end in "\r\n":
            text = text.replace("\r\n", "\r") if end == "\r" else text
            if ("\n" if end == "\r" else "\r") in text:
                return None
            pieces = text.split(end)
        elif "\n" not in text and "\r" not in text:
            pieces = text.split(end)
        else:
            pieces = text.split(end + "\n")
            count = len(pieces) - 1
            if text.count(end) != count or text.count("\n") != count or "\r" in text:
                text = text.replace(end + "\r\n", end).replace(end + "\n", end).replace(end + "\r", end)
                if "\n" in text or "\r" in text:
                    return None
                pieces = text.split(end)
        return None if pieces.pop() else pieces

    def _within_limits(self, tags: list[str]) -> bool:
        counts = Counter(tags)
        return all(counts[tag] <= limit for tag, limit in self._limits.items() if tag in counts)

    def _arrange(
        self, tags: list[str], segments: list[ParsedSegment], source: MessageSource
    ) -> GroupNode | None:
        key = tuple(tags)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shape(key)
            if shape is None:
                return None
            if len(self._shapes) >= SHAPE_LIMIT:
                self._shapes.clear()
            if len(tags) <= SHAPE_LENGTH:
                self._shapes[key] = shape
        index = OwnIndex(shape.head)
        index.shared = shape.head
        if shape.nodes:
            index[self._number] = [
                (inner, segments[start:end], start, source) for inner, start, end in shape.nodes
            ]
        return index, segments, 0, source

    def _shape(self, tags: tuple[str, ...]) -> _Shape | None:
        starts = [at for at, tag in enumerate(tags) if tag == self._trigger]
        size = len(tags)
        run = self._run(START, tags[: starts[0]] if starts else tags)
        if run is None:
            return None
        if not starts:
            return _Shape(run.index, ()) if run.length == size else None
        head = run
        nodes: list[tuple[Index, int, int]] = []
        for start, end in pairwise((*starts, size)):
            run = self._run(run.state, tags[start:end])
            if run is None or run.inner is None:
                return None
            nodes.append((run.inner, start, start + run.length))
        index: Index = dict(head.index)
        last = starts[-1]
        for number, places in run.index.items():
            index[number] = tuple(
                [at + last if at.__class__ is int else (at[0] + last, at[1] + last, at[2]) for at in places]
            )
        return _Shape(index, tuple(nodes))

    def _run(self, state: State, tags: tuple[str, ...]) -> _Run | None:
        key = (state, tags)
        try:
            return self._runs[key]
        except KeyError:
            pass
        if len(self._runs) >= RUN_LIMIT:
            self._runs.clear()
        run = self._work_out(state, tags)
        self._runs[key] = run
        return run

    def _work_out(self, state: State, tags: tuple[str, ...]) -> _Run | None:
        steps: list[tuple[State, bool] | None] = []
        for tag in tags:
            step = advance(self._message, state, tag, exact=False)
            if step is None:
                return None
            steps.append(step)
            state = step[0]
        arranged = Arranged(self._message, steps)
        if len(arranged.repeating) == 1:
            _, length, inner = arranged.repeating[0]
            return _Run(state, arranged.index, inner, length)
        return _Run(state, arranged.index, None, len(tags)) if not arranged.repeating else None
