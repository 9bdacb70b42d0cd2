"""What libxml2 complains about, as findings: which code, and what to do."""

from __future__ import annotations

from lxml import etree

from orderhub.findings import Finding, Place, Severity

_TYPES = etree.ErrorTypes
_ENCODING = frozenset(
    {_TYPES.ERR_INVALID_ENCODING, _TYPES.ERR_UNKNOWN_ENCODING, _TYPES.ERR_UNSUPPORTED_ENCODING}
    | set(range(6000, 6007))  # XML_I18N_…
)
_ENTITY = frozenset(
    {
        _TYPES.ERR_UNDECLARED_ENTITY,
        _TYPES.WAR_UNDECLARED_ENTITY,
        _TYPES.ERR_UNPARSED_ENTITY,
        _TYPES.ERR_ENTITY_LOOP,
        _TYPES.ERR_ENTITY_PROCESSING,
        _TYPES.ERR_ENTITY_IS_EXTERNAL,
        _TYPES.ERR_ENTITY_IS_PARAMETER,
    }
)
_LIMIT = frozenset({_TYPES.ERR_NAME_TOO_LONG, 114, _TYPES.ERR_NO_MEMORY})  # 114: XML_ERR_RESOURCE_LIMIT
_TRUNCATED = frozenset({_TYPES.ERR_TAG_NOT_FINISHED, _TYPES.ERR_GT_REQUIRED, _TYPES.ERR_LTSLASH_REQUIRED})


def syntax_finding(
    error: etree.XMLSyntaxError,
    parser: etree._FeedParser,
    file: str,
    passed_over: tuple[int, int, int],
    *,
    at_end: bool,
) -> Finding:
    """What the parser stopped at: the first thing in its log. ``passed_over``: bytes, line ends and bytes behind the
    last of them that the parser was not given; ``at_end``: it stopped because the bytes ended."""
    number: int = getattr(error, "code", 0) or 0  # the stubs lack it
    text, line, column = error.msg or "no XML", error.lineno or 0, error.offset or 0
    for entry in parser.feed_error_log.filter_from_errors():
        number, text, line, column = entry.type, entry.message, entry.line, entry.column
        break
    text = text.partition(", line ")[0].strip().rstrip(".")
    code, todo = "XML_SYNTAX", "Ask the sender for a well-formed file."
    if number in _ENCODING:
        code, todo = (
            "XML_ENCODING",
            "The bytes are not of the encoding that the first line names: ask the sender.",
        )
    elif "amplification" in text:
        code, todo = "XML_ENTITY", "Entities that grow into each other are never followed: ask the sender."
    elif number in _ENTITY:
        code, todo = "XML_ENTITY", "Only &amp; &lt; &gt; &quot; &apos; and numbers are taken: ask the sender."
    elif "depth" in text.lower():
        code, todo = "XML_TOO_DEEP", "No business document is nested like that: ask the sender."
    elif number in _LIMIT or "too long" in text:
        code, todo = "XML_TOO_LARGE", "Ask the sender to split it."
    elif at_end and (number in _TRUNCATED or text.startswith("Premature end")):
        code, todo = "XML_TRUNCATED", "Something is cut off: ask the sender for the whole file."
    elif number == _TYPES.ERR_DOCUMENT_EMPTY or text == "no element found":
        code = "XML_EMPTY"
    _, lines, indent = passed_over
    if column and line == 1:
        column += indent
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=f"It is no well-formed XML: {text}. {todo}",
        place=Place(file=file, line=line + lines if line else None, column=column or None),
    )


def refused(code: str, what: str, todo: str, place: Place, value: str | None = None) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=f"{what} {todo}", place=place, value=value)


def noted(code: str, message: str, place: Place) -> Finding:
    return Finding(code=code, severity=Severity.INFO, message=message, place=place)
