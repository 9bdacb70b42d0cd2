"""What the hub found in an EDIFACT interchange, in the codes of element 0085 and at the places that CONTRL counts.

Facts of the service code list 0085 (ISO 9735, syntax versions 3 and 4). Positions as S011 has them: the tag is element 1, so
that the first element after it is 2; components count from 1. A segment is counted from UNH, which is 1; a missing one is
told by the last segment before it.
"""

from __future__ import annotations

from typing import NamedTuple

from orderhub.acknowledge.lengths import is_short
from orderhub.findings import Finding
from orderhub.formats.edifact.grammar import directory, service_directory

INVALID_VALUE = "12"
MISSING = "13"
NOT_SUPPORTED_VALUE = "14"
NOT_SUPPORTED = "15"
TOO_MANY = "16"
UNSPECIFIED = "18"
INVALID_CHARACTER = "21"
DUPLICATE = "26"
REFERENCES_DIFFER = "28"
COUNT_DIFFERS = "29"
OUTSIDE = "33"
TOO_MANY_SEGMENTS = "35"
TOO_MANY_GROUPS = "36"
WRONG_TYPE = "37"
TOO_LONG = "39"
TOO_SHORT = "40"


class ErrorAt(NamedTuple):
    """One error as CONTRL tells it. ``segment`` is the number of the segment in the message, None where the error is one
    of the envelope or of UNH or UNT, which ``tag`` names then. ``element`` and ``component`` as S011 has them."""

    code: str
    tag: str = ""
    segment: int | None = None
    element: int | None = None
    component: int | None = None


#: Finding → (0085, service segment, element of S011). Of interchange, group and message headers and trailers.
_ENVELOPE: dict[str, tuple[str, str, int | None]] = {
    "EDIFACT_UNA": ("20", "UNA", None),
    "EDIFACT_UNB_SYNTAX": ("2", "UNB", 2),
    "EDIFACT_UNZ_MISSING": (MISSING, "UNZ", None),
    "EDIFACT_UNZ_COUNT": (COUNT_DIFFERS, "UNZ", 2),
    "EDIFACT_UNZ_REFERENCE": (REFERENCES_DIFFER, "UNZ", 3),
    "EDIFACT_UNE_MISSING": (MISSING, "UNE", None),
    "EDIFACT_UNE_COUNT": (COUNT_DIFFERS, "UNE", 2),
    "EDIFACT_UNE_REFERENCE": (REFERENCES_DIFFER, "UNE", 3),
    "EDIFACT_TRAILER_STRAY": (OUTSIDE, "", None),
    "EDIFACT_UNB_MISSING": (OUTSIDE, "", None),
    "EDIFACT_GARBAGE": (OUTSIDE, "", None),
    "EDIFACT_CHARSET": (INVALID_CHARACTER, "", None),
    "EDIFACT_UNH": (MISSING, "UNH", None),
    "EDIFACT_UNH_DUPLICATE": (DUPLICATE, "UNH", 2),
    "EDIFACT_UNT_MISSING": (MISSING, "UNT", None),
    "EDIFACT_UNT_COUNT": (COUNT_DIFFERS, "UNT", 2),
    "EDIFACT_UNT_REFERENCE": (REFERENCES_DIFFER, "UNT", 3),
}
#: Finding → 0085, of segments as a whole.
_SEGMENT = {
    "EDIFACT_TAG": NOT_SUPPORTED,
    "EDIFACT_SEGMENT_UNKNOWN": NOT_SUPPORTED,
    "EDIFACT_SEGMENT_ORDER": NOT_SUPPORTED,
    "EDIFACT_SEGMENT_REPEAT": TOO_MANY_SEGMENTS,
    "EDIFACT_GROUP_REPEAT": TOO_MANY_GROUPS,
    "EDIFACT_SEGMENT_MISSING": MISSING,
}
#: Finding → 0085, of elements and components.
_ELEMENT = {
    "EDIFACT_ELEMENT_MISSING": MISSING,
    "EDIFACT_ELEMENT_EXCESS": TOO_MANY,
    "EDIFACT_COMPONENT_EXCESS": TOO_MANY,
    "EDIFACT_ELEMENT_TYPE": WRONG_TYPE,
    "EDIFACT_ELEMENT_CODE": INVALID_VALUE,
    "EDIFACT_CHARSET": INVALID_CHARACTER,
    "EDIFACT_REPERTOIRE": INVALID_CHARACTER,
}
#: Not errors of the source: what the hub says beside them.
_UNTOLD = frozenset({"FINDINGS_CUT"})
#: Errors of a document rather than of its syntax; others are invalid values where they have a place.
_DOCUMENT = {"LEDGER_IDENTITY_CONFLICT": DUPLICATE, "INTERCHANGE_HELD": UNSPECIFIED}


def envelope_error(finding: Finding) -> ErrorAt:
    """An error of the interchange itself."""
    place = finding.place
    if finding.code in _ENVELOPE:
        code, tag, element = _ENVELOPE[finding.code]
        return ErrorAt(code, tag=tag or place.segment or "", element=element)
    element = None if place.element is None else place.element + 1
    code = _ELEMENT.get(finding.code, UNSPECIFIED)
    return ErrorAt(code, tag=place.segment or "", element=element, component=place.component)


def message_errors(findings: tuple[Finding, ...], release: str | None, syntax_version: str) -> list[ErrorAt]:
    """The errors of a message, those of UNH, UNT and the message as a whole first, then by their places."""
    found = [_message_error(f, release, syntax_version) for f in findings if f.code not in _UNTOLD]
    return sorted(
        dict.fromkeys(found), key=lambda e: (e.segment or 0, e.element or 0, e.component or 0, e.code)
    )


def _message_error(finding: Finding, release: str | None, syntax_version: str) -> ErrorAt:
    place, code = finding.place, finding.code
    number, tag = place.segment_number, place.segment or ""
    element = None if place.element is None else place.element + 1
    if code in _ENVELOPE and code not in _ELEMENT:
        told, service, position = _ENVELOPE[code]
        return ErrorAt(told, tag=service or tag, element=position)
    if code in _SEGMENT:
        if code == "EDIFACT_SEGMENT_MISSING" and number is not None:
            number = max(number - 1, 1)
        return ErrorAt(_SEGMENT[code], tag=tag, segment=number)
    if code == "EDIFACT_ELEMENT_LENGTH":
        told = _length_code(finding, release, syntax_version)
    elif code in _ELEMENT:
        told = _ELEMENT[code]
    elif code in _DOCUMENT:
        told = _DOCUMENT[code]
    else:
        told = UNSPECIFIED if number is None else INVALID_VALUE
    if number is None:
        return ErrorAt(told)
    if tag in ("UNH", "UNT"):
        return ErrorAt(told, tag=tag, element=element, component=place.component)
    return ErrorAt(told, tag=tag, segment=number, element=element, component=place.component)


def _length_code(finding: Finding, release: str | None, syntax_version: str) -> str:
    tables = (directory(release, syntax_version) if release else None) or service_directory(syntax_version)
    return TOO_SHORT if is_short(finding, tables.segment(finding.place.segment or "")) else TOO_LONG
