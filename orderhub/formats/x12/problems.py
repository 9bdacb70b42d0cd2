"""What can be wrong with an X12 file: codes and default severities."""

from __future__ import annotations

from orderhub.findings import Severity
from orderhub.formats.edi.policy import Policy

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

#: Code → (default severity, what it means). An error of the interchange's envelope refuses the interchange, an error of a
#: transaction set only that one.
PROBLEMS: dict[str, tuple[Severity, str]] = {
    "X12_EMPTY": (ERROR, "the file holds nothing"),
    "X12_ENCODING": (ERROR, "the file is in an encoding that X12 cannot be read in"),
    "X12_ISA_MISSING": (ERROR, "something that belongs into an interchange stands outside one"),
    "X12_ISA": (ERROR, "the interchange header cannot be taken apart, or names separators that cannot serve"),
    "X12_ISA_LENGTH": (ERROR, "elements of the interchange header do not have their fixed lengths"),
    "X12_ISA_VALUE": (WARNING, "an element of the interchange header breaks its definition"),
    "X12_IEA_MISSING": (ERROR, "the interchange does not end: the file is probably cut off"),
    "X12_IEA_COUNT": (ERROR, "the interchange trailer counts other groups than were read"),
    "X12_IEA_REFERENCE": (ERROR, "the interchange trailer repeats another control number than the header"),
    "X12_GS": (ERROR, "the group header breaks its definition"),
    "X12_GS_MISSING": (ERROR, "a transaction set stands outside a group"),
    "X12_GS_DUPLICATE": (ERROR, "two groups of the interchange have the same control number"),
    "X12_GE_MISSING": (ERROR, "the group does not end"),
    "X12_GE_COUNT": (ERROR, "the group trailer counts other transaction sets than were read"),
    "X12_GE_REFERENCE": (ERROR, "the group trailer repeats another control number than the header"),
    "X12_ST": (ERROR, "the transaction set header breaks its definition"),
    "X12_ST_DUPLICATE": (ERROR, "two transaction sets of the group have the same control number"),
    "X12_SE_MISSING": (ERROR, "the transaction set does not end"),
    "X12_SE_COUNT": (ERROR, "the transaction set trailer counts other segments than there are"),
    "X12_SE_REFERENCE": (
        ERROR,
        "the transaction set trailer repeats another control number than the header",
    ),
    "X12_TRAILER_STRAY": (ERROR, "a trailer without its header"),
    "X12_GARBAGE": (ERROR, "something that is no segment stands between transaction sets or interchanges"),
    "X12_UNTERMINATED": (ERROR, "a segment does not end"),
    "X12_TOO_LARGE": (ERROR, "a transaction set or segment is larger than the reader takes"),
    "X12_CHARSET": (WARNING, "bytes that are not UTF-8, taken as ISO 8859-1"),
    "X12_REPERTOIRE": (WARNING, "control characters or line breaks within a segment"),
    "X12_TAG": (ERROR, "a segment tag is not two or three capital letters or digits"),
    "X12_GRAMMAR_UNKNOWN": (INFO, "no grammar table for this transaction set and release"),
    "X12_SEGMENT_UNKNOWN": (ERROR, "the transaction set does not have this segment"),
    "X12_SEGMENT_ORDER": (ERROR, "the segment may not stand here"),
    "X12_SEGMENT_REPEAT": (ERROR, "the segment occurs too often"),
    "X12_SEGMENT_MISSING": (ERROR, "a mandatory segment or loop is missing"),
    "X12_SEGMENT_RULE": (ERROR, "the elements of a segment break a rule between them"),
    "X12_GROUP_REPEAT": (ERROR, "the loop occurs too often"),
    "X12_ELEMENT_MISSING": (ERROR, "a mandatory element or component is missing"),
    "X12_ELEMENT_EXCESS": (ERROR, "the segment has more elements than its definition"),
    "X12_ELEMENT_REPEAT": (WARNING, "the element is repeated; only the first value was taken"),
    "X12_COMPONENT_EXCESS": (ERROR, "the element has more components than its definition"),
    "X12_ELEMENT_TYPE": (ERROR, "the value has characters that its type does not allow"),
    "X12_ELEMENT_DATE": (ERROR, "the value is no date"),
    "X12_ELEMENT_TIME": (ERROR, "the value is no time"),
    "X12_ELEMENT_LENGTH": (ERROR, "the value is too long or too short"),
    "X12_ELEMENT_CODE": (ERROR, "the code is not in the release's list"),
}

#: Errors of a transaction set that break the syntax itself (X12.6), not only its release; without the standard's name.
SYNTAX = frozenset({"ST", "ST_DUPLICATE", "SE_MISSING", "SE_COUNT", "SE_REFERENCE", "GS_MISSING", "TAG"})


class X12Policy(Policy, frozen=True):
    """See :class:`Policy`."""

    problems = PROBLEMS
    prefix = "X12_"


DEFAULT_POLICY = X12Policy()
