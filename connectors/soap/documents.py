"""The WSDL and what it imports: fetched from allowed places only, within limits, and kept.

An import may lead where the connection itself leads (same scheme, host and port), and to hosts that it names in
``allowed_hosts`` or ``private_hosts``; never to a file. A redirect is checked like a new address.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from connectors.soap.xml import parse
from orderhub.errors import ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.addresses import shown
from orderhub.transport.http import HttpClient

#: Of one service: documents, and bytes of all of them together.
MOST_DOCUMENTS = 200
MOST_BYTES = 16 * 1024 * 1024
#: Kept by one process for all services.
_MOST_KEPT_BYTES = 32 * 1024 * 1024

_XML = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">
<xs:attribute name="lang" type="xs:language"/><xs:attribute name="base" type="xs:anyURI"/>
<xs:attribute name="id" type="xs:ID"/><xs:attribute name="space" type="xs:NCName"/>
</xs:schema>"""
_ENCODING = b"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"
targetNamespace="http://schemas.xmlsoap.org/soap/encoding/">
<xs:attribute name="arrayType" type="xs:string"/><xs:attribute name="offset" type="xs:string"/>
<xs:attributeGroup name="commonAttributes"><xs:attribute name="id" type="xs:ID"/><xs:attribute name="href" type="xs:anyURI"/>
<xs:anyAttribute namespace="##other" processContents="lax"/></xs:attributeGroup>
<xs:attributeGroup name="arrayAttributes"><xs:attribute ref="e:arrayType"/><xs:attribute ref="e:offset"/></xs:attributeGroup>
<xs:group name="Array"><xs:sequence><xs:any namespace="##any" minOccurs="0" maxOccurs="unbounded" processContents="lax"/>
</xs:sequence></xs:group>
<xs:complexType name="Array"><xs:group ref="e:Array" minOccurs="0"/><xs:attributeGroup ref="e:arrayAttributes"/>
<xs:attributeGroup ref="e:commonAttributes"/></xs:complexType>
</xs:schema>"""
#: What many a WSDL imports from places that are none of a partner's, in as much as it is used: the attributes of XML
#: itself, and the arrays of SOAP 1.1 encoding.
BUILT_IN = {
    "http://www.w3.org/2001/xml.xsd": _XML,
    "https://www.w3.org/2001/xml.xsd": _XML,
    "http://www.w3.org/XML/1998/namespace": _XML,
    "http://schemas.xmlsoap.org/soap/encoding/": _ENCODING,
}


class Kept:
    """Documents by address and user, the oldest dropped first. One for all services of a process."""

    def __init__(self, most_bytes: int = _MOST_KEPT_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._documents: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[str, str], seconds: float) -> bytes | None:
        """What is not older than so many seconds."""
        with self._lock:
            at, content = self._documents.get(key, (0.0, b""))
            return content if at and time.monotonic() - at <= seconds else None

    def put(self, key: tuple[str, str], content: bytes) -> None:
        with self._lock:
            self._bytes -= len(self._documents.pop(key, (0.0, b""))[1])
            self._documents[key] = (time.monotonic(), content)
            self._bytes += len(content)
            while self._bytes > self._most and self._documents:
                _, (_, dropped) = self._documents.popitem(last=False)
                self._bytes -= len(dropped)

    def clear(self) -> None:
        with self._lock:
            self._documents.clear()
            self._bytes = 0


KEPT = Kept()


class Documents:
    """The documents of one service, in the order in which they were asked for. Stands where zeep wants its transport."""

    def __init__(self, client: HttpClient, *, user: str, keep_seconds: float, kept: Kept = KEPT) -> None:
        self._client = client
        self._user = user
        self._seconds = keep_seconds
        self._kept = kept
        self.loaded: dict[str, bytes] = {}

    def load(self, url: object) -> bytes:
        """A document by its address.

        :raises ConnectorRefused: a place that is not allowed, or the other side refuses it.
        :raises ConnectorUnavailable: not reached.
        :raises ConnectorProtocolError: too many, too large, or no XML.
        """
        address = str(url)
        if address in self.loaded:
            return self.loaded[address]
        if len(self.loaded) >= MOST_DOCUMENTS:
            raise ConnectorProtocolError(
                f"The WSDL imports more than {MOST_DOCUMENTS} documents.",
                todo="Ask the other side for fewer.",
            )
        content = BUILT_IN.get(address) or self._fetched(address)
        if len(content) + sum(map(len, self.loaded.values())) > MOST_BYTES:
            raise ConnectorProtocolError(
                f"The WSDL and its imports have more than {MOST_BYTES} bytes.", todo="Ask for a smaller one."
            )
        parse(content, f"The document {shown(address)}")
        self.loaded[address] = content
        return content

    def _fetched(self, address: str) -> bytes:
        self._client.guard.check_url(address)
        key = (address, self._user)
        content = self._kept.get(key, self._seconds)
        if content is None:
            try:
                answer = self._client.request("GET", address, effect=False)
            except ConnectorUnavailable as error:
                raise ConnectorUnavailable(
                    f"The WSDL cannot be fetched: {error.what}", todo=error.todo
                ) from error
            except ConnectorRefused as error:
                raise ConnectorRefused(
                    f"The WSDL cannot be fetched: {error.what}", todo=error.todo
                ) from error
            content = answer.content
            self._kept.put(key, content)
        return content
