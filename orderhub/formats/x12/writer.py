"""Writing X12: segments to text, transaction sets, groups and interchanges with their counts and control numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from orderhub.errors import SourceError

#: An element: one value, or the components of a composite.
ElementValue: TypeAlias = str | Sequence[str]


class Party(NamedTuple):
    """Who sends or receives: ISA05/06 or ISA07/08. ``qualifier`` says what kind of identification it is (``01`` DUNS,
    ``14`` and ``07`` GS1, ``ZZ`` mutually defined)."""

    id: str
    qualifier: str = "ZZ"


class X12Writer:
    """Turns values into the bytes of an interchange.

    X12 has no release character: a value that holds a separator cannot be written. Empty components and elements at the
    end of a segment are left out (X12.6).

    :param version: what GS08 says (``004010``); the release of ISA12 and whether ISA11 names a repetition separator
        follow from it.
    :param encoding: ``ascii`` unless agreed otherwise; X12 itself names no character set.
    :param line_breaks: a line end after each segment, for people.
    """

    def __init__(
        self,
        version: str = "004010",
        *,
        element: str = "*",
        component: str = ":",
        repetition: str = "^",
        terminator: str = "~",
        encoding: str = "ascii",
        line_breaks: bool = False,
    ) -> None:
        self.version = version
        self.encoding = encoding
        self._element = element
        self._component = component
        # ISA11 holds the repetition separator from 00402 on, before that the identifier of the standard's body
        self._repetition = repetition if version[:5] >= "00402" else ""
        self._terminator = terminator
        self._end = terminator + ("\n" if line_breaks and terminator not in "\r\n" else "")

    def segment(self, tag: str, *elements: ElementValue) -> str:
        """One segment with its terminator.

        :raises SourceError: a value holds a separator, which X12 cannot write.
        """
        texts = [tag]
        for element in elements:
            if isinstance(element, str):
                texts.append(self._checked(tag, element))
            else:
                joined = self._component.join([self._checked(tag, value) for value in element])
                texts.append(joined.rstrip(self._component))
        while len(texts) > 1 and not texts[-1]:
            texts.pop()
        return self._element.join(texts) + self._end

    def _checked(self, tag: str, value: str) -> str:
        for separator in (self._element, self._component, self._repetition, self._terminator):
            if separator and separator in value:
                raise SourceError(
                    f"{value[:40]!r} in {tag} holds {separator!r}, which serves as a separator; X12 has no way to "
                    "release it.",
                    todo="Choose other separators for this partner, or write the value without it.",
                )
        return value

    def encode(self, text: str) -> bytes:
        """:raises SourceError: a character that the agreed character set does not have."""
        try:
            return text.encode(self.encoding)
        except UnicodeEncodeError as error:
            raise SourceError(
                f"The character {text[error.start]!r} does not exist in {self.encoding}.",
                todo="Agree on UTF-8 with the partner, or write the value without it.",
            ) from error

    def transaction(
        self,
        kind: str,
        control_number: str,
        segments: Iterable[tuple[str, *tuple[ElementValue, ...]]],
        *,
        convention: str = "",
    ) -> bytes:
        """A transaction set from ST to SE, with the count and the control number in SE.

        :param kind: ST01 (``850``). :param control_number: ST02, 4 to 9 characters.
        :param segments: tag and elements of each segment between ST and SE.
        :param convention: ST03, the implementation convention (005010 and later).
        """
        texts = [self.segment("ST", kind, control_number, convention)]
        texts += [self.segment(*segment) for segment in segments]
        texts.append(self.segment("SE", str(len(texts) + 1), control_number))
        return self.encode("".join(texts))

    def group(
        self,
        code: str,
        transactions: Iterable[bytes],
        *,
        sender: str,
        receiver: str,
        control_number: str,
        prepared_at: dt.datetime,
    ) -> bytes:
        """A functional group from GS to GE, with the count and the control number in GE.

        :param code: GS01 (``PO`` for orders, ``FA`` for functional acknowledgements).
        :param sender: GS02. :param receiver: GS03.
        """
        head = self.segment(
            "GS",
            code,
            sender,
            receiver,
            f"{prepared_at:%Y%m%d}",
            f"{prepared_at:%H%M}",
            control_number,
            "X",
            self.version,
        )
        body = list(transactions)
        return b"".join(
            [self.encode(head), *body, self.encode(self.segment("GE", str(len(body)), control_number))]
        )

    def interchange(
        self,
        groups: Iterable[bytes],
        *,
        sender: Party,
        receiver: Party,
        control_number: int,
        prepared_at: dt.datetime,
        test: bool = False,
        acknowledgement_wanted: bool = False,
    ) -> Iterator[bytes]:
        """The interchange piece by piece: ISA (106 bytes), the groups, and an IEA that counts them.

        :param control_number: ISA13, at most nine digits.
        :raises SourceError: an identification longer than ISA has room for, or one that holds a separator.
        """
        for party in (sender, receiver):
            if len(party.id) > 15 or len(party.qualifier) != 2:
                raise SourceError(
                    f"ISA has 15 characters for an identification and 2 for its qualifier; {party.id!r} "
                    f"({party.qualifier!r}) does not fit.",
                    todo="Correct the identifier in the agreement.",
                )
        if not 0 <= control_number < 10**9:
            raise SourceError(
                f"The interchange control number {control_number} has more than nine digits.",
                todo="Start the partner's counter again.",
            )
        number = f"{control_number:09d}"
        fields = (
            "ISA",
            "00",
            " " * 10,
            "00",
            " " * 10,
            self._checked("ISA", sender.qualifier),
            f"{self._checked('ISA', sender.id):15}",
            self._checked("ISA", receiver.qualifier),
            f"{self._checked('ISA', receiver.id):15}",
            f"{prepared_at:%y%m%d}",
            f"{prepared_at:%H%M}",
            self._repetition or "U",
            self.version[:5] if len(self.version) >= 5 else "00401",
            number,
            "1" if acknowledgement_wanted else "0",
            "T" if test else "P",
            self._component,
        )
        yield self.encode(self._element.join(fields) + self._end)
        count = 0
        for group in groups:
            count += 1
            yield group
        yield self.encode(self.segment("IEA", str(count), number))
