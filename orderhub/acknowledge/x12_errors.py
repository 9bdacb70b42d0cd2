"""What the hub found in an X12 interchange, in the codes of 997, 999 and TA1.

Facts of the code lists 716 and 718 (groups, transaction sets), 720 and 723 (segments, elements) and I18 (interchange note).
Segments are counted from ST, which is 1; elements from the first after the tag.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orderhub.acknowledge.lengths import is_short
from orderhub.findings import Finding
from orderhub.formats.edi.grammar import Segment
from orderhub.formats.x12.grammar import release_tables

SET_NOT_SUPPORTED = "1"
SEGMENTS_IN_ERROR = "5"
ELEMENTS_IN_ERROR = "8"
TOO_SHORT = "4"
TOO_LONG = "5"
INVALID_CODE = "7"
EXCLUDED = "10"
#: A rule between elements that forbids them together, as the finding names it: ``(E0406)``.
_EXCLUSION = re.compile(r"\(E[0-9]")


class ElementError(NamedTuple):
    """AK4: where in its segment, which code (723), and the bad value."""

    element: int
    component: int | None
    code: str
    value: str


class SegmentError(NamedTuple):
    """AK3: which segment, which code (720; empty where only its elements are wrong), and its wrong elements."""

    tag: str
    number: int
    code: str
    elements: tuple[ElementError, ...]


#: Finding → 718, of a transaction set's own segments.
_SET = {
    "X12_ST": "6",
    "X12_ST_DUPLICATE": "23",
    "X12_SE_MISSING": "2",
    "X12_SE_REFERENCE": "3",
    "X12_SE_COUNT": "4",
    "X12_TOO_LARGE": SEGMENTS_IN_ERROR,
}
#: Finding → 716, of groups.
_GROUP = {
    "X12_GS": "6",
    "X12_GS_DUPLICATE": "6",
    "X12_GE_MISSING": "3",
    "X12_GE_REFERENCE": "4",
    "X12_GE_COUNT": "5",
}
#: Finding → I18, of the interchange; what is not listed is invalid content.
_INTERCHANGE = {
    "X12_ISA_MISSING": "022",
    "X12_ISA": "026",
    "X12_ISA_LENGTH": "022",
    "X12_IEA_MISSING": "023",
    "X12_IEA_REFERENCE": "001",
    "X12_IEA_COUNT": "021",
    "X12_GS_MISSING": "022",
    "X12_TRAILER_STRAY": "022",
    "X12_GARBAGE": "022",
    "X12_UNTERMINATED": "023",
}
_INVALID_CONTENT = "024"
#: I18 where transaction sets stand outside a group, and for a reason of the hub's own.
NO_GROUP = "022"
#: Finding → 720, of segments as a whole.
_SEGMENT = {
    "X12_TAG": "1",
    "X12_SEGMENT_UNKNOWN": "6",
    "X12_SEGMENT_ORDER": "7",
    "X12_SEGMENT_MISSING": "3",
    "X12_SEGMENT_REPEAT": "5",
    "X12_GROUP_REPEAT": "4",
}
#: Finding → 723, of elements.
_ELEMENT = {
    "X12_ELEMENT_MISSING": "1",
    "X12_SEGMENT_RULE": "2",
    "X12_ELEMENT_EXCESS": "3",
    "X12_ELEMENT_REPEAT": "12",
    "X12_COMPONENT_EXCESS": "13",
    "X12_ELEMENT_TYPE": "6",
    "X12_ELEMENT_CODE": INVALID_CODE,
    "X12_ELEMENT_DATE": "8",
    "X12_ELEMENT_TIME": "9",
    "X12_CHARSET": "6",
    "X12_REPERTOIRE": "6",
}


def interchange_code(finding: Finding) -> str:
    """I18 of what refuses an interchange."""
    return _INTERCHANGE.get(finding.code, _INVALID_CONTENT)


def group_code(finding: Finding) -> str | None:
    """716 of what is wrong with a group; None for what is none of its own."""
    return _GROUP.get(finding.code)


def set_codes(findings: tuple[Finding, ...], segments: list[SegmentError], *, supported: bool) -> list[str]:
    """718 of a rejected transaction set, at most five."""
    codes = [_SET[finding.code] for finding in findings if finding.code in _SET]
    if segments:
        codes.append(SEGMENTS_IN_ERROR)
    if not supported and not codes:
        codes.append(SET_NOT_SUPPORTED)
    return list(dict.fromkeys(codes))[:5] or [SEGMENTS_IN_ERROR]


def segment_errors(findings: tuple[Finding, ...], release: str | None) -> list[SegmentError]:
    """The wrong segments of a transaction set in their order, each with its wrong elements."""
    by_segment: dict[tuple[int, str], list[Finding]] = {}
    for finding in findings:
        place = finding.place
        if finding.code not in _SET and place.segment and place.segment_number is not None:
            tag = place.segment
            if finding.code == "X12_SEGMENT_MISSING" and finding.rule:
                # what is missing, at the place where it should stand
                tag = finding.rule.rpartition("/")[2]
            by_segment.setdefault((place.segment_number, tag), []).append(finding)
    tables = release_tables(release) if release else None
    found = []
    for (number, tag), members in sorted(by_segment.items()):
        own = [_SEGMENT[f.code] for f in members if f.code in _SEGMENT]
        definition = tables.segment(tag) if tables else None
        elements = [
            _element(f, definition) for f in members if f.code not in _SEGMENT and f.place.element is not None
        ]
        code = own[0] if own else ELEMENTS_IN_ERROR
        found.append(SegmentError(tag, number, code, tuple(dict.fromkeys(elements))))
    return found


def _element(finding: Finding, definition: Segment | None) -> ElementError:
    place = finding.place
    if finding.code == "X12_ELEMENT_LENGTH":
        code = TOO_SHORT if is_short(finding, definition) else TOO_LONG
    elif finding.code == "X12_SEGMENT_RULE" and _EXCLUSION.search(finding.message):
        code = EXCLUDED
    else:
        # what a mapping or a rule has against a value: its code is not valid here
        code = _ELEMENT.get(finding.code, INVALID_CODE)
    return ElementError(place.element or 1, place.component, code, finding.value or "")
