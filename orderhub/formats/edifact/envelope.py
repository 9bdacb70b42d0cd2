"""What the service segments around messages say: UNB opens an interchange, trailers count and repeat references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orderhub.formats.base import EnvelopeInfo, GroupInfo
from orderhub.formats.edifact.syntax import Delimiters, codec_of, shield


class OpenInterchange:
    """What is open around the next message: the interchange and, within it, perhaps a group."""

    __slots__ = (
        "codec",
        "group",
        "group_info",
        "group_messages",
        "groups",
        "info",
        "messages",
        "references",
        "syntax",
        "version",
    )

    def __init__(self, info: EnvelopeInfo, syntax: str, version: str, codec: str) -> None:
        self.info = info
        self.syntax = syntax
        self.version = version
        self.codec = codec
        self.messages = 0
        self.groups = 0
        self.group: str | None = None  # reference of the open group
        self.group_info: GroupInfo | None = None
        self.group_messages = 0
        self.references: set[str] = set()


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
    return OpenInterchange(info, syntax, version, codec)


def group_info(elements: list[list[str]], number: int) -> GroupInfo:
    """What UNG says. ``number`` counts the groups of the interchange from 1."""
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


class Trailer(NamedTuple):
    """What a trailer must say: ``counted`` things, and the header's ``reference``."""

    tag: str
    header: str
    counted: int
    reference: str
    things: str

    def check(self, count: str, reference: str) -> Iterator[tuple[str, str, int, str]]:
        """Code, message, element and value of what is wrong."""
        if not count.isascii() or not count.isdigit() or int(count[:18]) != self.counted:
            yield (
                f"EDIFACT_{self.tag}_COUNT",
                f"{self.tag} counts {count or 'nothing'!r}, there are {self.counted} {self.things}. Something is lost, "
                "doubled or miscounted; ask the sender to send it again.",
                1,
                count,
            )
        if reference != self.reference:
            yield (
                f"EDIFACT_{self.tag}_REFERENCE",
                f"{self.tag} has the reference {reference!r}, {self.header} has {self.reference!r}. They must be the "
                "same; ask the sender to send it again.",
                2,
                reference,
            )


#: Elements of a service segment, and components of each, that are taken apart; none has as many.
_PARTS = 30


def split_elements(text: str, delimiters: Delimiters) -> list[list[str]]:
    """The elements of a shielded service segment, each as its components, released characters put back."""
    uncover = shield(delimiters).uncover
    return [
        [uncover(value) for value in e.split(delimiters.component, _PARTS)]
        for e in text.split(delimiters.element, _PARTS)
    ]


def value_at(elements: list[list[str]], element: int, component: int = 0) -> str:
    """The value at an element (1 is the first after the tag) and component (from 0), empty when there is none."""
    if element >= len(elements) or component >= len(elements[element]):
        return ""
    return elements[element][component]
