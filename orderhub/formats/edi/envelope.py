"""What the service segments around messages say: trailers count what they close and repeat their header's reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orderhub.formats.base import EnvelopeInfo, GroupInfo
from orderhub.formats.edi.delimiters import Delimiters, shield


class OpenInterchange:
    """What is open around the next message: the interchange and, within it, perhaps a group.

    ``syntax`` and ``version`` are what the standard needs to read messages with (UNB S001; of X12 only GS08, which
    ``group`` has); ``references`` are those of the messages so far, within which they must differ.
    """

    __slots__ = (
        "codec",
        "group",
        "group_messages",
        "group_numbers",
        "groups",
        "info",
        "messages",
        "references",
        "syntax",
        "version",
    )

    def __init__(self, info: EnvelopeInfo, codec: str, *, syntax: str = "", version: str = "") -> None:
        self.info = info
        self.syntax = syntax
        self.version = version
        self.codec = codec
        self.messages = 0
        self.groups = 0
        self.group: GroupInfo | None = None
        self.group_messages = 0
        self.group_numbers: set[str] = set()
        self.references: set[str] = set()


class Trailer(NamedTuple):
    """What a trailer must say: ``counted`` things, and the header's ``reference``; ``numeric``: references are numbers, of
    which leading zeros are nothing."""

    tag: str
    header: str
    counted: int
    reference: str
    things: str
    numeric: bool = False

    def check(self, count: str, reference: str) -> Iterator[tuple[str, str, int, str]]:
        """Code (without the standard's name), message, element and value of what is wrong."""
        if not count.isascii() or not count.isdigit() or int(count[:18]) != self.counted:
            yield (
                f"{self.tag}_COUNT",
                f"{self.tag} counts {count or 'nothing'!r}, there are {self.counted} {self.things}. Something is lost, "
                "doubled or miscounted; ask the sender to send it again.",
                1,
                count,
            )
        if not self._same(reference):
            yield (
                f"{self.tag}_REFERENCE",
                f"{self.tag} has the reference {reference!r}, {self.header} has {self.reference!r}. They must be the "
                "same; ask the sender to send it again.",
                2,
                reference,
            )

    def _same(self, reference: str) -> bool:
        if reference == self.reference:
            return True
        both = (reference, self.reference)
        return (
            self.numeric
            and all(text.isascii() and text.isdigit() for text in both)
            and len({text.lstrip("0") for text in both}) == 1
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
