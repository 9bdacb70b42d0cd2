"""What UNB and UNG say."""

from __future__ import annotations

from orderhub.formats.base import EnvelopeInfo, GroupInfo
from orderhub.formats.edi.envelope import OpenInterchange, value_at
from orderhub.formats.edifact.syntax import codec_of


def open_interchange(elements: list[list[str]], *, bom: bool) -> OpenInterchange:
    """What UNB says. ``bom``: the file began with a byte order mark, so its text is UTF-8 whatever UNB says."""
    syntax, version = value_at(elements, 1), value_at(elements, 1, 1)
    codec = "utf-8" if bom else codec_of(syntax) or "iso8859-1"
    info = EnvelopeInfo(
        format="edifact",
        sender=value_at(elements, 2) or None,
        sender_qualifier=value_at(elements, 2, 1) or None,
        receiver=value_at(elements, 3) or None,
        receiver_qualifier=value_at(elements, 3, 1) or None,
        prepared_at=":".join(v for v in (value_at(elements, 4), value_at(elements, 4, 1)) if v) or None,
        control_reference=value_at(elements, 5) or None,
        application_reference=value_at(elements, 7) or None,
        test=value_at(elements, 11) == "1",
        syntax=f"{syntax}:{version}",
        encoding=codec,
    )
    return OpenInterchange(info, codec, syntax=syntax, version=version)


def open_group(elements: list[list[str]], number: int) -> GroupInfo:
    """What UNG says."""
    version = ".".join(v for v in (value_at(elements, 7), value_at(elements, 7, 1)) if v)
    return GroupInfo(
        code=value_at(elements, 1) or None,
        sender=value_at(elements, 2) or None,
        receiver=value_at(elements, 3) or None,
        prepared_at=":".join(v for v in (value_at(elements, 4), value_at(elements, 4, 1)) if v) or None,
        control_number=value_at(elements, 5) or None,
        agency=value_at(elements, 6) or None,
        version=version or None,
        number=number,
    )
