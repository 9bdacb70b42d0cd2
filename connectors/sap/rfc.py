"""Function modules called over HTTP, and the table RETURN in which they say what went wrong: the status is 200 all the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from orderhub.errors import (
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
)
from orderhub.transport.csrf import CsrfWrites
from orderhub.transport.http import HttpRefused, said
from orderhub.transport.records import at, dump, plain

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_RFC = "urn:sap-com:document:sap:rfc:functions"
#: Types of a message in RETURN (structure BAPIRET2) that mean that nothing was done: error and termination.
_FAILED = frozenset("EA")


class BapiRefused(ConnectorRefused):
    """The function module refused: a row of RETURN has the type E or A. ``rows`` are those."""

    def __init__(self, function: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.said = " ".join(dict.fromkeys(message_of(row) for row in rows))[:500]
        super().__init__(
            f"{function} refused: {self.said}", todo="Correct what it names in SAP or in the order."
        )


class Functions:
    """Calls below one path."""

    def __init__(self, writes: CsrfWrites, path: str, form: str) -> None:
        self._writes = writes
        self._path = path.rstrip("/")
        self._form = form

    def call(self, function: str, parameters: Mapping[str, Any], *, effect: bool) -> dict[str, Any]:
        """What the function module gives, by the names of its parameters.

        :raises BapiRefused: RETURN says that nothing was done.
        :raises ConnectorRefused: an exception of the function module, or a refused request.
        :raises OutcomeUnclear: a function that writes was called and gave no answer.
        :raises ConnectorProtocolError: an answer that is none.
        """
        if self._form == "json":
            path, body, kind = f"{self._path}/{function}", dump(parameters), "application/json"
        else:
            path, body, kind = self._path, _envelope(function, parameters), "text/xml; charset=utf-8"
        headers = {
            "Content-Type": kind,
            "Accept": kind.partition(";")[0],
            "SOAPAction": f'"{_RFC}:{function}"',
        }
        # a fault of SOAP comes with 500, and says that the function module raised an exception
        accept = (500,) if self._form == "soap" else ()
        try:
            answer = self._writes.post(path, body, headers, effect=effect, accept=accept)
        except HttpRefused as error:
            text = _fault(error.answer.content) if self._form == "soap" else None
            if text is None:
                raise
            raise ConnectorRefused(
                f"{function} failed: {text}", todo="Check the function and its parameters."
            ) from error
        if self._form == "json":
            content = plain(answer.content, function)
        else:
            fault = _fault(answer.content)
            if fault is not None:
                raise ConnectorRefused(
                    f"{function} failed: {fault}", todo="Check the function and its parameters."
                )
            if answer.status_code >= 500:
                # not SAP's own words: somebody before it, who does not know what SAP did
                lost = OutcomeUnclear if effect else ConnectorUnavailable
                raise lost(
                    f"{function} was answered with {answer.status_code}: {said(answer)}",
                    todo="The hub looks up what SAP has, or tries again.",
                )
            content = _read(answer.content, function)
        if not isinstance(content, dict):
            raise ConnectorProtocolError(
                f"The answer to {function} has no parameters.", todo="Check the path of the service."
            )
        failed = [row for row in rows_of(content, "RETURN") if str(row.get("TYPE", "")).upper() in _FAILED]
        if failed:
            raise BapiRefused(function, failed)
        return content


def rows_of(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows of a table parameter; a structure is one row."""
    value = content.get(name)
    if isinstance(value, dict) and list(value) == ["item"]:
        value = value["item"]
    members = value if isinstance(value, list) else [value]
    return [row for row in members if isinstance(row, dict)]


def message_of(row: Mapping[str, Any]) -> str:
    """A message as people read it, with its class and number."""
    text = " ".join(str(row.get("MESSAGE") or "no text").split())
    number = "/".join(str(row[name]) for name in ("ID", "NUMBER") if row.get(name))
    place = at(row, "FIELD") or at(row, "PARAMETER")
    return f"{text} ({', '.join(part for part in (number, str(place or '')) if part)})"


def _envelope(function: str, parameters: Mapping[str, Any]) -> bytes:
    root = etree.Element(f"{{{_ENVELOPE}}}Envelope", nsmap={"soap": _ENVELOPE, "urn": _RFC})
    body = etree.SubElement(root, f"{{{_ENVELOPE}}}Body")
    call = etree.SubElement(body, f"{{{_RFC}}}{function}")
    for name, value in parameters.items():
        _add(call, name, value)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _add(parent: etree._Element, name: str, value: Any) -> None:
    node = etree.SubElement(parent, name)
    match value:
        case dict():
            for inner, member in value.items():
                _add(node, inner, member)
        case list():
            for member in value:
                _add(node, "item", member)
        case None:
            pass
        case bool():
            node.text = "X" if value else ""
        case str():
            # letters that XML cannot hold have no meaning to SAP either
            node.text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", value)
        case _:
            node.text = dump(value).decode()


def parse_xml(content: bytes, place: str) -> etree._Element:
    """:raises ConnectorProtocolError: no XML, or one with a DOCTYPE."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise ConnectorProtocolError(
            f"The answer to {place} is no XML ({error}).", todo="Check the path of the service."
        ) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ConnectorProtocolError(
            f"The answer to {place} has a DOCTYPE.", todo="Check the path of the service."
        )
    return root


def value_of(node: etree._Element) -> Any:
    """An element in plain form: rows (``item``) as a list, a structure as a dict, a text as it is."""
    children = [child for child in node if isinstance(child.tag, str)]
    if not children:
        return (node.text or "").strip()
    names = [etree.QName(child).localname for child in children]
    if all(name == "item" for name in names):
        return [value_of(child) for child in children]
    return {name: value_of(child) for name, child in zip(names, children, strict=True)}


def _read(content: bytes, function: str) -> Any:
    body = parse_xml(content, function).find(f"{{{_ENVELOPE}}}Body")
    answer = next((child for child in body if isinstance(child.tag, str)), None) if body is not None else None
    if answer is None:
        raise ConnectorProtocolError(
            f"The answer to {function} is no SOAP.", todo="Check the path of the service."
        )
    return value_of(answer)


def _fault(content: bytes) -> str | None:
    try:
        root = parse_xml(content, "a call")
    except ConnectorProtocolError:
        return None
    fault = root.find(f"{{{_ENVELOPE}}}Body/{{{_ENVELOPE}}}Fault")
    return (
        (" ".join((fault.findtext("faultstring") or "no text").split())[:300]) if fault is not None else None
    )
