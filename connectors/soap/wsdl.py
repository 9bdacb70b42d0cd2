"""What a WSDL describes: services and ports, operations, the schema of their messages, and where requests go."""

from __future__ import annotations

import urllib.parse
import warnings
from collections.abc import Sequence
from typing import Any

import zeep.exceptions
from lxml import etree
from zeep import Settings as ZeepSettings
from zeep.wsdl import Document as Wsdl
from zeep.wsdl.bindings import Soap11Binding, Soap12Binding

from connectors.soap.documents import Documents
from connectors.soap.faults import SOAP_11, SOAP_12
from connectors.soap.schema import MessageSchema, Wrapper
from connectors.soap.settings import SoapSettings
from orderhub.connector import Credentials
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.transport.addresses import AddressGuard, shown

#: What zeep raises over documents that are no WSDL, or half of one; it has no one class for them.
BROKEN = (
    zeep.exceptions.Error,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    NotImplementedError,
    AssertionError,
    RecursionError,
    etree.LxmlError,
)


class Description:
    """One port of a service, as zeep reads it.

    :raises ConnectorUnavailable: the WSDL is not reached.
    :raises ConnectorRefused: an address that is not allowed, or no such service or port.
    :raises ConnectorProtocolError: it is no WSDL that can be used.
    """

    def __init__(
        self, settings: SoapSettings, credentials: Credentials, documents: Documents, guard: AddressGuard
    ) -> None:
        self._documents = documents
        self.place = shown(credentials.url)
        try:
            with warnings.catch_warnings():
                # operations that a binding has and its port type has not; asked for by name they are missing
                warnings.simplefilter("ignore")
                self._wsdl = Wsdl(
                    credentials.url,
                    documents,
                    settings=ZeepSettings(strict=True, forbid_dtd=True, forbid_entities=True),
                )
        except BROKEN as error:
            raise ConnectorProtocolError(
                f"What stands at {self.place} is no WSDL that can be used ({type(error).__name__}: {str(error)[:200]}).",
                todo="Check the connection's address; it is that of the WSDL.",
            ) from error
        self.name, self._port = _chosen(self._wsdl, settings)
        self._binding = self._port.binding
        #: The namespace of the envelope.
        self.soap = SOAP_12 if isinstance(self._binding, Soap12Binding) else SOAP_11
        self.address = _endpoint(credentials, guard, self._port.binding_options.get("address"))
        self._schema: MessageSchema | None = None

    @property
    def operations(self) -> list[str]:
        """The names of all operations."""
        return sorted(self._binding.all())

    def operation(self, name: str) -> Any:
        """:raises ConnectorRefused: there is none of this name."""
        found = self._binding.all().get(name)
        if found is None:
            raise ConnectorRefused(
                f"The service {self.name} has no operation {name!r}.",
                todo=f"It has: {', '.join(self.operations) or 'none'}.",
            )
        return found

    def schema(self) -> MessageSchema:
        """The schema of the messages. :raises ConnectorProtocolError: it contradicts itself."""
        if self._schema is None:
            self._schema = MessageSchema(self._documents.loaded, self._wrappers())
        return self._schema

    def _wrappers(self) -> Sequence[Wrapper]:
        found: list[Wrapper] = []
        for operation in self._binding.all().values():
            if operation.style != "rpc":
                continue
            for message, abstract, tag in (
                (operation.input, operation.abstract.input_message, None),
                (operation.output, operation.abstract.output_message, "answer"),
            ):
                if message is None or message.body is None:
                    continue
                parts = {
                    name: str(part.type.qname)
                    for name, part in abstract.parts.items()
                    if part.element is None and part.type is not None and name in _names(message.body)
                }
                found.append(Wrapper(answer_tag(operation) if tag else str(message.body.qname), parts))
        return found


def _chosen(wsdl: Any, wanted: SoapSettings) -> tuple[str, Any]:
    """The port that the settings name, else the first that speaks SOAP."""
    services = wsdl.services
    if wanted.service is not None and wanted.service not in services:
        raise ConnectorRefused(
            f"The WSDL has no service {wanted.service!r}.",
            todo=f"It has: {', '.join(services) or 'none'}.",
        )
    ports = [
        (service, name, port)
        for service, one in services.items()
        for name, port in one.ports.items()
        if wanted.service in (None, service) and isinstance(port.binding, (Soap11Binding, Soap12Binding))
    ]
    for service, name, port in ports:
        if wanted.port in (None, name):
            return f"{service}/{name}", port
    raise ConnectorRefused(
        f"The WSDL has no SOAP port {wanted.port!r}."
        if wanted.port
        else "The WSDL has no port that speaks SOAP.",
        todo=f"It has: {', '.join(f'{service}/{name}' for service, name, _ in ports) or 'none'}.",
    )


def _endpoint(credentials: Credentials, guard: AddressGuard, declared: object) -> str:
    """Where requests go: what the connection says, else what the WSDL says, where that is allowed: a WSDL must not lead
    password and documents elsewhere."""
    given = credentials.extra.get("endpoint")
    address = urllib.parse.urljoin(credentials.url, str(given or declared or ""))
    if not given and credentials.url.startswith("https:") and address.startswith("http:"):
        raise ConnectorRefused(
            f"The WSDL came over https and sends requests to {shown(address)} over http.",
            todo="Write the service's address as `endpoint` into the connection's extra.",
        )
    try:
        guard.check_url(address)
    except ConnectorRefused as error:
        raise ConnectorRefused(
            f"The WSDL sends requests to {shown(address)}: {error.what}",
            todo="If that is right, write it as `endpoint` into the connection's extra.",
        ) from error
    return address


def _names(element: Any) -> set[str]:
    return {name for name, _ in element.type.elements}


def answer_tag(operation: Any) -> str:
    """The full name of the element around the parts of an answer of the style rpc, by convention."""
    space = etree.QName(str(operation.output.body.qname)).namespace
    return f"{{{space}}}{operation.name}Response" if space else f"{operation.name}Response"
