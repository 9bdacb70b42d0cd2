"""What every format's reader hands on: envelopes, message trees and the summary of a file.

A reader streams: iterating over a :class:`ReadSession` yields one :class:`MessageTree` at a time, and only after the
last one does :attr:`ReadSession.summary` say everything about the file as a whole. A tree's nodes belong to its format;
a mapping touches them only through that format's dialect (``orderhub.formats.dialect``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, runtime_checkable

import msgspec

from orderhub.findings import Finding, Findings, Severity

#: A node of a tree. What it is, only the format's own dialect knows.
Node: TypeAlias = Any

#: What can be read: a path, the bytes themselves, or an open binary file (which is read from where it stands).
Source: TypeAlias = BinaryIO | bytes | Path


class EnvelopeInfo(msgspec.Struct, kw_only=True):
    """Who sent what to whom: one interchange of a file.

    ``control_reference`` is the sender's number of the interchange (UNB 0020, ISA13); ``prepared_at`` is date and time
    as the sender wrote them; ``syntax`` is the syntax identifier and version (``UNOC:3``); ``test`` is the sender's
    test indicator. ``refused`` is set as soon as an error of the envelope itself (counts, references, a missing
    trailer) is known: then none of the interchange's messages may go on. ``number`` counts interchanges in the file
    from 1, ``offset`` is the byte at which this one starts.
    """

    format: str
    sender: str | None = None
    sender_qualifier: str | None = None
    receiver: str | None = None
    receiver_qualifier: str | None = None
    control_reference: str | None = None
    prepared_at: str | None = None
    test: bool = False
    syntax: str | None = None
    encoding: str | None = None
    application_reference: str | None = None
    number: int = 1
    offset: int = 0
    refused: bool = False


class GroupInfo(msgspec.Struct, kw_only=True, frozen=True):
    """The functional group that a message stands in, where its format has them (X12 GS, EDIFACT UNG).

    ``code`` says what kind of messages the group holds (GS01: ``PO``), ``control_number`` is the sender's number of the
    group (GS06), ``version`` the version, release and industry code that all its messages follow (GS08:
    ``004010`` or ``005010X231A1``); ``sender`` and ``receiver`` are the applications' codes (GS02, GS03).
    ``agency`` is who answers for the standard (GS07), ``prepared_at`` date and time as the sender wrote them, ``number``
    counts the groups of an interchange from 1.
    """

    code: str | None = None
    control_number: str | None = None
    version: str | None = None
    sender: str | None = None
    receiver: str | None = None
    agency: str | None = None
    prepared_at: str | None = None
    number: int = 1


class MessageTree:
    """One message (an order, a batch of rows that make one order) with its findings.

    ``message_type`` is the name by which mappings know it (``ORDERS``, ``850``, the root element, ``rows``); ``release``
    the directory or version (``D.96A``) or ``None``; ``reference`` the sender's number of the message (UNH 0062);
    ``number`` counts messages in the file from 1. ``checked`` tells whether a grammar was there to check its structure
    against. ``findings`` are those about this message only. ``group`` is the functional group around it, if any.
    """

    __slots__ = (
        "checked",
        "findings",
        "group",
        "interchange",
        "message_type",
        "number",
        "reference",
        "release",
        "root",
    )

    def __init__(
        self,
        *,
        message_type: str,
        release: str | None,
        reference: str | None,
        number: int,
        root: Node,
        interchange: EnvelopeInfo,
        findings: list[Finding],
        checked: bool,
        group: GroupInfo | None = None,
    ) -> None:
        self.message_type = message_type
        self.release = release
        self.reference = reference
        self.number = number
        self.root = root
        self.interchange = interchange
        self.findings = findings
        self.checked = checked
        self.group = group

    @property
    def usable(self) -> bool:
        """Whether a mapping may run on it: no error in its structure, and its interchange is not refused."""
        return not self.interchange.refused and not any(f.severity is Severity.ERROR for f in self.findings)


class ReadSummary(msgspec.Struct, kw_only=True):
    """The file as a whole; complete once the session is exhausted.

    ``message_types`` and ``releases`` are the different ones met, in order of appearance; ``messages`` counts all
    messages, ``unusable`` those with errors; ``findings`` are the envelope's and the file's own (those of a message
    stay with its tree). ``well_formed`` says that the bytes follow the format's syntax and envelope rules; ``refused``
    that nothing of the file may go on: it cannot be read, or every interchange in it is refused.
    """

    format: str
    file: str
    findings: Findings
    message_types: list[str] = []
    releases: list[str] = []
    messages: int = 0
    unusable: int = 0
    interchanges: list[EnvelopeInfo] = []
    well_formed: bool = True
    refused: bool = False

    @property
    def message_type(self) -> str | None:
        """The first message's type, which stands for the file in listings."""
        return self.message_types[0] if self.message_types else None

    @property
    def release(self) -> str | None:
        """The first message's release."""
        return self.releases[0] if self.releases else None


@runtime_checkable
class ReadSession(Protocol):
    """One file being read. Iterate to the end (once), then look at ``summary``.

    Bad content never raises: it becomes findings. ``OSError`` from the source itself passes through.
    """

    summary: ReadSummary

    def __iter__(self) -> Iterator[MessageTree]: ...


class Reader(Protocol):
    """Reads one format. Stateless: the same reader serves any number of sessions."""

    @property
    def format(self) -> str:
        """The format's name: ``edifact``, ``csv``."""

    def read(self, source: Source, *, name: str, findings: Findings | None = None) -> ReadSession:
        """Open a session.

        :param source: path, bytes or binary file; not read before the iteration starts.
        :param name: the file's name as it shall stand in places.
        :param findings: where the findings of the file as a whole go; a new list when absent.
        """
