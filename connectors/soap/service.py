"""A service as its WSDL describes it: operations, requests built and checked, answers opened and checked.

zeep reads the WSDL and writes requests. Answers stay XML, because zeep's values lose what is wrong with them.
"""

from __future__ import annotations

import copy
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx
from lxml import etree
from zeep.wsa import WsAddressingPlugin

from connectors.soap.documents import Documents
from connectors.soap.faults import SOAP_11, SOAP_12, error_of, fault_of
from connectors.soap.schema import Problem
from connectors.soap.security import Security, Verification
from connectors.soap.settings import SoapSettings
from connectors.soap.wsdl import BROKEN, Description, answer_tag
from connectors.soap.xml import local, parse
from orderhub.connector import Credentials
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
)
from orderhub.transport.addresses import shown
from orderhub.transport.http import HttpClient, HttpRefused

_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class SoapInvalid(ConnectorError):
    """A request that does not fit the WSDL's schema; it was not sent."""

    code: ClassVar[str] = "SOAP_REQUEST_INVALID"


class SoapAnswerInvalid(ConnectorProtocolError):
    """An answer that does not fit the WSDL's schema."""

    code: ClassVar[str] = "SOAP_ANSWER_INVALID"


class Service:
    """One port of a service, and the way to it. Raises what :class:`Description` raises."""

    def __init__(
        self, settings: SoapSettings, credentials: Credentials, client: HttpClient, documents: Documents
    ) -> None:
        self._settings = settings
        self._client = client
        self._security = Security(settings, credentials)
        self._verification = Verification(credentials) if settings.verify else None
        self.described = Description(settings, credentials, documents, client.guard)

    # Requests

    def request(self, operation: str, parameters: Mapping[str, Any]) -> etree._Element:
        """An envelope from parameters, nested as the WSDL nests them; checked.

        :raises SoapInvalid: naming the parameter that is missing, unknown or wrong.
        """
        chosen = self.described.operation(operation)
        try:
            envelope = chosen.create(**parameters, **self._headers()).content
        except BROKEN as error:
            where = ".".join(str(step) for step in getattr(error, "path", []) or [])
            raise SoapInvalid(
                f"The parameters do not fit {operation}: {where + ': ' if where else ''}{str(error)[:300]}.",
                todo="Compare them with the WSDL.",
            ) from error
        return self._checked(operation, envelope)

    def request_of(self, operation: str, element: etree._Element) -> etree._Element:
        """An envelope around the whole element of the body, as a mapping writes it; checked.

        :raises SoapInvalid: naming the place.
        """
        self.described.operation(operation)
        envelope = etree.Element(
            f"{{{self.described.soap}}}Envelope", nsmap={"soap-env": self.described.soap}
        )
        if self._settings.headers:
            with_headers = self._headers_alone(operation)
            if with_headers is not None:
                envelope.append(with_headers)
        etree.SubElement(envelope, f"{{{self.described.soap}}}Body").append(element)
        return self._checked(operation, envelope)

    def body_of(self, operation: str) -> Any:
        """zeep's element of the request's body; None when it has none."""
        message = self.described.operation(operation).input
        return message.body if message is not None else None

    def _headers(self) -> dict[str, Any]:
        return {"_soapheaders": copy.deepcopy(self._settings.headers)} if self._settings.headers else {}

    def _headers_alone(self, operation: str) -> etree._Element | None:
        message = self.described.operation(operation).input
        try:
            found: etree._Element | None = message._serialize_header(
                copy.deepcopy(self._settings.headers), {"soap-env": self.described.soap}
            )
        except BROKEN as error:
            raise SoapInvalid(
                f"The headers do not fit {operation}: {str(error)[:300]}.", todo="Compare them with the WSDL."
            ) from error
        return found

    def _checked(self, operation: str, envelope: etree._Element) -> etree._Element:
        body = envelope.find(f"{{{self.described.soap}}}Body")
        content = list(body.iterchildren(tag=etree.Element)) if body is not None else []
        problems = [problem for element in content for problem in self.described.schema().problems(element)]
        if problems:
            raise SoapInvalid(
                f"The request of {operation} does not fit the WSDL: {said(problems)}.",
                todo="Correct the document or the mapping.",
            )
        return envelope

    # Calls

    def call(
        self, operation: str, envelope: etree._Element, *, effect: bool, safe_to_repeat: bool = False
    ) -> etree._Element:
        """Send a request; the element of the answer's body. A body without one gives the empty body itself.

        :param effect: whether it writes. :param safe_to_repeat: a write that acts once however often it is sent.
        :raises SoapFault: a fault that says no; :class:`SoapDenied`, :class:`SoapAbsent`, :class:`SoapKnown` are such.
        :raises ConnectorUnavailable: not executed, or a read without an answer.
        :raises OutcomeUnclear: a write that was sent and whose outcome is not known.
        :raises ConnectorRefused: a status that says no. :raises ConnectorProtocolError: the answer is no SOAP,
            or not signed (:class:`SoapUnsigned`).
        """
        chosen = self.described.operation(operation)
        headers = self._http_headers(chosen)
        if chosen.abstract.wsa_action:
            WsAddressingPlugin().egress(envelope, headers, chosen, {"address": self.described.address})
        self._security.apply(envelope, headers)
        content = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
        try:
            answer = self._client.request(
                "POST",
                self.described.address,
                headers=headers,
                content=content,
                effect=effect,
                accept={500, *_REDIRECTS},
                safe_to_repeat=safe_to_repeat,
            )
        except HttpRefused as error:
            fault = self._refusal(chosen, error.answer, effect=effect)
            if fault is not None:
                raise fault from error
            raise
        if answer.status_code in _REDIRECTS:
            to = shown(urllib.parse.urljoin(self.described.address, answer.headers.get("Location", "")))
            raise ConnectorRefused(
                f"{shown(self.described.address)} sends {operation} on to {to}; requests are never sent on.",
                todo="Write the right address as `endpoint` into the connection's extra, if it is the service's.",
            )
        return self._opened(chosen, answer, effect=effect)

    def problems(self, operation: str, element: etree._Element) -> list[Problem]:
        """What is wrong with an answer by the WSDL's schema; empty when answers are not checked."""
        if not self._settings.check_answers or local(element) == "Body":
            return []
        chosen = self.described.operation(operation)
        schema = self.described.schema()
        if chosen.style == "rpc" and chosen.output is not None and chosen.output.body is not None:
            # the wrapper's name is a convention only (WS-I Basic Profile 1.1, R2729), and many services give the parts the
            # wrapper's namespace, though they have none (R2735)
            same = copy.deepcopy(element)
            same.tag = answer_tag(chosen)
            for part in same.iterchildren(tag=etree.Element):
                part.tag = local(part)
            return schema.problems(same)
        return schema.problems(element)

    def _http_headers(self, operation: Any) -> dict[str, str]:
        """SOAP 1.1 names the action in a header of its own, 1.2 in the media type."""
        action = operation.soapaction or ""
        if self.described.soap == SOAP_12:
            named = f'; action="{action}"' if action else ""
            return {"Content-Type": f"application/soap+xml; charset=utf-8{named}"}
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}

    def _refusal(self, operation: Any, answer: httpx.Response, *, effect: bool) -> ConnectorError | None:
        """The fault in an answer that was refused by its status; None when it has none."""
        try:
            body = self._body(operation, answer)
        except ConnectorProtocolError:
            return None  # the status says enough
        return self._error(operation, body, answer.status_code, effect=effect)

    def _opened(self, operation: Any, answer: httpx.Response, *, effect: bool) -> etree._Element:
        if answer.status_code == 202 and not answer.content:
            return etree.Element(f"{{{self.described.soap}}}Body")
        try:
            body = self._body(operation, answer)
        except ConnectorProtocolError as error:
            if answer.status_code != 500:
                raise
            what = f"{operation.name} was answered with status 500 and no SOAP."
            if effect:
                raise OutcomeUnclear(
                    what, todo="The hub looks up what the service has before it goes on."
                ) from error
            raise ConnectorUnavailable(what, todo="Ask the service's owner; the hub tries again.") from error
        failure = self._error(operation, body, answer.status_code, effect=effect)
        if failure is not None:
            raise failure
        above = body.getparent()
        if self._verification is not None and above is not None:
            self._verification.verify(above, body)
        return next(body.iterchildren(tag=etree.Element), body)

    def _body(self, operation: Any, answer: httpx.Response) -> etree._Element:
        kind = answer.headers.get("Content-Type", "")
        if kind.lower().startswith("multipart/"):
            raise ConnectorProtocolError(
                f"{operation.name} was answered with attachments, which are not supported.",
                todo="Ask the service's owner to send the content within the message.",
            )
        root = parse(answer.content, f"The answer to {operation.name}")
        body = root.find(f"{{{self.described.soap}}}Body")
        if body is None and local(root) == "Envelope":
            # faults come in the other version's envelope when the service did not get as far as the message
            other = SOAP_11 if self.described.soap == SOAP_12 else SOAP_12
            body = root.find(f"{{{other}}}Body")
        if body is None:
            raise ConnectorProtocolError(
                f"{operation.name} was answered with {local(root)!r} instead of a SOAP envelope.",
                todo="Check the address of the service.",
            )
        return body

    def _error(
        self, operation: Any, body: etree._Element, status: int, *, effect: bool
    ) -> ConnectorError | None:
        fault = fault_of(body, self._settings.faults.code)
        if fault is None:
            return None
        declared = {
            part.element.name
            for message in (operation.abstract.fault_messages or {}).values()
            for part in message.parts.values()
            if part.element is not None
        }
        return error_of(
            fault,
            self._settings.faults,
            operation.name,
            status=status,
            effect=effect,
            declared=fault.any_of(frozenset(declared)),
        )


def said(problems: Sequence[Problem]) -> str:
    """The first problems in one line."""
    more = f", and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "; ".join(str(problem) for problem in problems[:5]) + more
