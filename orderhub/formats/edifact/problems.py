"""What can be wrong with an EDIFACT file: codes, default severities, and who may change them."""

from __future__ import annotations

from orderhub.findings import Severity
from orderhub.formats.edi.policy import Policy

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

#: Code → (default severity, what it means). Codes that begin with EDIFACT_UN are about the envelope. An error of the
#: interchange's envelope refuses the interchange, an error of a message only that message.
PROBLEMS: dict[str, tuple[Severity, str]] = {
    "EDIFACT_EMPTY": (ERROR, "the file holds nothing"),
    "EDIFACT_ENCODING": (ERROR, "the file is in an encoding that EDIFACT cannot be read in"),
    "EDIFACT_UNA": (ERROR, "the service string advice names characters that cannot serve"),
    "EDIFACT_UNB_MISSING": (ERROR, "something that belongs into an interchange stands outside one"),
    "EDIFACT_UNB": (ERROR, "the interchange header breaks its definition"),
    "EDIFACT_UNB_SYNTAX": (WARNING, "the syntax identifier is not one of ISO 9735"),
    "EDIFACT_UNZ_MISSING": (ERROR, "the interchange does not end: the file is probably cut off"),
    "EDIFACT_UNZ_COUNT": (ERROR, "the interchange trailer counts something else than what was read"),
    "EDIFACT_UNZ_REFERENCE": (
        ERROR,
        "the interchange trailer repeats another control reference than the header",
    ),
    "EDIFACT_UNG": (ERROR, "the group header breaks its definition"),
    "EDIFACT_UNE_MISSING": (ERROR, "the group does not end"),
    "EDIFACT_UNE_COUNT": (ERROR, "the group trailer counts something else than what was read"),
    "EDIFACT_UNE_REFERENCE": (ERROR, "the group trailer repeats another reference than the header"),
    "EDIFACT_UNH": (ERROR, "the message header breaks its definition"),
    "EDIFACT_UNH_DUPLICATE": (ERROR, "two messages of the interchange have the same reference"),
    "EDIFACT_UNT_MISSING": (ERROR, "the message does not end"),
    "EDIFACT_UNT_COUNT": (ERROR, "the message trailer counts other segments than there are"),
    "EDIFACT_UNT_REFERENCE": (ERROR, "the message trailer repeats another reference than the header"),
    "EDIFACT_TRAILER_STRAY": (ERROR, "a trailer without its header"),
    "EDIFACT_GARBAGE": (ERROR, "something that is no segment stands between messages or interchanges"),
    "EDIFACT_UNTERMINATED": (ERROR, "a segment does not end"),
    "EDIFACT_TOO_LARGE": (ERROR, "a message or segment is larger than the reader takes"),
    "EDIFACT_CHARSET": (ERROR, "bytes that the character set named by UNB does not have"),
    "EDIFACT_REPERTOIRE": (WARNING, "characters that the syntax level named by UNB leaves out"),
    "EDIFACT_TAG": (ERROR, "a segment tag is not three capital letters or digits"),
    "EDIFACT_GRAMMAR_UNKNOWN": (INFO, "no grammar table for this message and directory"),
    "EDIFACT_SEGMENT_UNKNOWN": (ERROR, "the message type does not have this segment"),
    "EDIFACT_SEGMENT_ORDER": (ERROR, "the segment may not stand here"),
    "EDIFACT_SEGMENT_REPEAT": (ERROR, "the segment occurs too often"),
    "EDIFACT_SEGMENT_MISSING": (ERROR, "a mandatory segment or group is missing"),
    "EDIFACT_GROUP_REPEAT": (ERROR, "the group occurs too often"),
    "EDIFACT_ELEMENT_MISSING": (ERROR, "a mandatory element or component is missing"),
    "EDIFACT_ELEMENT_EXCESS": (ERROR, "the segment has more elements than its definition"),
    "EDIFACT_COMPONENT_EXCESS": (ERROR, "the element has more components than its definition"),
    "EDIFACT_ELEMENT_TYPE": (ERROR, "the value has characters that its type does not allow"),
    "EDIFACT_ELEMENT_LENGTH": (ERROR, "the value is too long or too short"),
    "EDIFACT_ELEMENT_CODE": (ERROR, "the code is not in the directory's list"),
}

#: Errors of a message that break the syntax itself (ISO 9735), not only its directory; without the standard's name.
SYNTAX = frozenset(
    {"UNH", "UNH_DUPLICATE", "UNT_MISSING", "UNT_COUNT", "UNT_REFERENCE", "CHARSET", "TAG"},
)


class EdifactPolicy(Policy, frozen=True):
    """See :class:`Policy`."""

    problems = PROBLEMS
    prefix = "EDIFACT_"


DEFAULT_POLICY = EdifactPolicy()
