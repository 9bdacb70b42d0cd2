"""SOAP faults (1.1 and 1.2) as typed errors."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from lxml import etree

from connectors.soap.settings import Faults
from connectors.soap.xml import below, local, value
from orderhub.errors import ConnectorError, ConnectorRefused, ConnectorUnavailable, OutcomeUnclear

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
#: Codes of WS-Security (SOAP Message Security 1.1, section 12) and what servers commonly say instead.
_DENIED = frozenset(
    (
        "FailedAuthentication",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "FailedCheck",
        "SecurityTokenUnavailable",
        "AuthenticationFailure",
        "UnsupportedSecurityToken",
        "MessageExpired",
    )
)
#: The sender's doing, or a message that the receiver did not even begin with.
_SENDER = frozenset(("Client", "Sender", "VersionMismatch", "MustUnderstand", "DataEncodingUnknown"))


class Fault(NamedTuple):
    """What a fault says. ``codes`` are its code, its subcodes, the names of its detail's elements and the service's own code,
    without prefixes, and each part of a code with dots as well (``Client`` of ``Client.Authentication``)."""

    codes: tuple[str, ...]
    text: str
    detail: str

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail and self.detail not in self.text else ""
        return f"{'/'.join(self.codes[:3]) or 'fault'}: {self.text}{detail}"

    def any_of(self, codes: frozenset[str]) -> bool:
        return not codes.isdisjoint(self.codes)


class SoapFault(ConnectorRefused):
    """The service answered with a fault that says that what was sent is wrong; nothing was done."""

    code: ClassVar[str] = "SOAP_FAULT"

    def __init__(self, what: str, *, fault: Fault, todo: str) -> None:
        self.fault = fault
        super().__init__(what, todo=todo)


class SoapDenied(SoapFault):
    """User, password or signature are not accepted."""

    code: ClassVar[str] = "SOAP_DENIED"


class SoapAbsent(SoapFault):
    """The service says by a fault that there is nothing."""

    code: ClassVar[str] = "SOAP_ABSENT"


class SoapKnown(SoapFault):
    """The service says by a fault that it has this already."""

    code: ClassVar[str] = "SOAP_KNOWN"


def fault_of(body: etree._Element, code_path: str | None) -> Fault | None:
    """The fault in a SOAP body, None when there is none."""
    element = next((one for one in body.iterchildren(tag=etree.Element) if local(one) == "Fault"), None)
    if element is None:
        return None
    codes: list[str] = []
    # servers send the form of 1.2 in envelopes of 1.1 and the other way round
    found = value(element, "faultcode") or value(element, "Code/Value")
    path = "Code/Subcode"
    while found:
        codes.append(found.rpartition(":")[2])
        found = value(element, f"{path}/Value")
        path += "/Subcode"
    codes += [part for code in list(codes) for part in code.split(".") if part not in codes]
    text = value(element, "faultstring") or value(element, "Reason/Text") or "no reason was given"
    details = [*below(element, "detail"), *below(element, "Detail")]
    inner = [child for detail in details for child in detail.iterchildren(tag=etree.Element)]
    codes += [local(child) for child in inner]
    own = next((code for detail in details if (code := value(detail, code_path))), None)
    said = " ".join(" ".join(str(part) for part in detail.itertext()).strip() for detail in details)
    return Fault(
        tuple(dict.fromkeys([*([own] if own else []), *codes])),
        " ".join(text.split())[:500],
        " ".join(said.split())[:500],
    )


def error_of(
    fault: Fault, faults: Faults, operation: str, *, status: int, effect: bool, declared: bool
) -> ConnectorError:
    """The error that a fault stands for: what the settings say, else what its code says.

    :param effect: whether the operation writes. :param declared: whether the WSDL knows the detail's element as a fault of
        the operation, so that the service itself said no.
    """
    said = f"{operation} was answered with a fault: {str(fault).rstrip('. ')}."
    if fault.any_of(faults.absent):
        return SoapAbsent(said, fault=fault, todo="There is nothing to do.")
    if fault.any_of(faults.unchanged):
        return SoapKnown(said, fault=fault, todo="There is nothing to do.")
    if fault.any_of(faults.rejected):
        return SoapFault(said, fault=fault, todo="Correct what it names.")
    if fault.any_of(faults.unavailable):
        return ConnectorUnavailable(said, todo="The hub tries again later.")
    if fault.any_of(faults.denied | _DENIED) or status in (401, 403):
        return SoapDenied(said, fault=fault, todo="Check user, password and certificate of the connection.")
    if fault.any_of(_SENDER) or declared:
        return SoapFault(said, fault=fault, todo="Correct what it names; the settings' faults can say more.")
    if effect:
        return OutcomeUnclear(
            said, todo="The hub looks up what the service has; the settings' faults can say what it means."
        )
    return ConnectorUnavailable(said, todo="The hub tries again; the settings' faults can say what it means.")
