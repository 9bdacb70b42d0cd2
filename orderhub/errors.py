"""Typed errors. Each says what, where, why, and what to do next; each knows whether a retry can help.

``code`` is stable: it stands in logs, in the ledger, on pages and in docs/reference/errors.md. Subclasses set it as
a class attribute.
"""

from __future__ import annotations

from typing import ClassVar

from orderhub.findings import Finding, Place, Severity


class HubError(Exception):
    """Base of all errors that the hub raises on purpose.

    :param what: what went wrong and why, one sentence, with the offending value.
    :param todo: what the reader should do next, one sentence.
    :param place: where in the source it happened.
    """

    code: ClassVar[str] = "HUB_ERROR"
    #: Whether doing the same thing again later can succeed without anybody changing anything.
    retryable: ClassVar[bool] = False

    def __init__(self, what: str, *, todo: str, place: Place | None = None) -> None:
        self.what = what
        self.todo = todo
        self.place = place
        super().__init__(what)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        return f"{self.code}: {where}{self.what} {self.todo}"

    def as_finding(self, severity: Severity = Severity.ERROR) -> Finding:
        """The same statement as a finding, for the ledger and for ``orderhub translate``."""
        return Finding(
            code=self.code, severity=severity, message=f"{self.what} {self.todo}", place=self.place or Place()
        )


class ConfigError(HubError):
    """A file that people write (flow, mapping, agreement, suite, settings) is wrong. ``place`` has line and column."""

    code = "CONFIG"


class SourceError(HubError):
    """The bytes of a source cannot be used as what they claim to be."""

    code = "SOURCE_UNUSABLE"


class MappingError(HubError):
    """A mapping file is wrong or cannot be compiled."""

    code = "MAPPING"


class PayloadRefused(MappingError):
    """A document cannot be written as a payload: a value is missing, or the format cannot hold it. ``findings`` (at least
    one) say everything that is wrong; each names the canonical field."""

    code = "PAYLOAD_REFUSED"

    def __init__(self, mapping: str, findings: list[Finding]) -> None:
        self.findings = findings
        first = findings[0]
        more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(
            f"{mapping} cannot write the document: {first.message}{more}",
            todo="Nothing was sent; let the document go again when that is done.",
            place=first.place,
        )

    @property
    def field(self) -> str | None:
        """The canonical field of the first finding."""
        return self.findings[0].field

    @property
    def reason(self) -> str:
        """What is wrong, in one line."""
        return " ".join(finding.message for finding in self.findings[:5])


class ConnectorError(HubError):
    """A connector failed."""

    code = "CONNECTOR"


class ConnectorUnavailable(ConnectorError):
    """The other side cannot be reached or is overloaded: try again later."""

    code = "CONNECTOR_UNAVAILABLE"
    retryable = True


class ConnectorRefused(ConnectorError):
    """The other side answered and refused (credentials, rights, a missing stream): trying again does not help."""

    code = "CONNECTOR_REFUSED"


class ConnectorProtocolError(ConnectorError):
    """The other side answered something that its protocol does not allow."""

    code = "CONNECTOR_PROTOCOL"


class OutcomeUnclear(ConnectorError):
    """The request was sent and no answer came: the effect may or may not have happened. Look it up, never resend."""

    code = "CONNECTOR_OUTCOME_UNCLEAR"


class LedgerError(HubError):
    """The ledger refused a step (a transition that is not allowed, a lost lease, a broken promise)."""

    code = "LEDGER"


class LedgerUnavailable(LedgerError):
    """The ledger's database cannot be reached."""

    code = "LEDGER_UNAVAILABLE"
    retryable = True


class LeaseLost(LedgerError):
    """Another worker took over this work; this one must stop without writing."""

    code = "LEDGER_LEASE_LOST"


class ArchiveError(HubError):
    """The archive cannot store, read or verify an original."""

    code = "ARCHIVE"


class ServiceError(HubError):
    """A service of the hub cannot be started or stopped (a port is taken, a program is missing)."""

    code = "SERVICE"
