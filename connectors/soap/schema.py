"""The schema that a WSDL carries, as libxml2 checks it. zeep reads values but lets wrong ones through: an empty date becomes
nothing, a value outside an enumeration stays, a missing element is not missed. Here each is named with its place.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lxml import etree

from connectors.soap.xml import local, parse, place
from orderhub.errors import ConnectorProtocolError

XML_SPACE = "http://www.w3.org/XML/1998/namespace"
XSD = "http://www.w3.org/2001/XMLSchema"
_WSDL = "http://schemas.xmlsoap.org/wsdl/"
_SCHEMA = f"{{{XSD}}}schema"
_IMPORT = f"{{{XSD}}}import"
_INCLUDES = (f"{{{XSD}}}include", f"{{{XSD}}}redefine")
#: Problems told of one message.
_MOST = 20
_NAMESPACE = re.compile(r"\{[^{}]*\}")


class Problem(NamedTuple):
    """What is wrong at a place. ``element`` is None when the place could not be found again."""

    path: str
    message: str
    element: etree._Element | None

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class Wrapper(NamedTuple):
    """The element around the parts of an operation of the style rpc, which no schema declares: part name to type."""

    tag: str
    parts: Mapping[str, str]


class MessageSchema:
    """The schema of all messages of a service.

    :param documents: the WSDL and all that it imports, by address, as bytes.
    :param wrappers: of operations of the style rpc.
    :raises ConnectorProtocolError: the schema contradicts itself.
    """

    def __init__(self, documents: Mapping[str, bytes], wrappers: Sequence[Wrapper] = ()) -> None:
        known = _prepared(documents, wrappers)
        self.empty = len(known) == 1
        root = parse(known["orderhub:all"], "The schema", known)
        try:
            self._schema = etree.XMLSchema(root)
        except etree.XMLSchemaParseError as error:
            raise ConnectorProtocolError(
                f"The schema of the WSDL cannot be used: {_readable(str(error))[:300]}.",
                todo="Tell the service's owner, or set check_answers: false to go on without.",
            ) from error

    def problems(self, element: etree._Element) -> list[Problem]:
        """What is wrong in a message, at most the first twenty places."""
        if self._schema.validate(element):
            return []
        found: dict[str, Problem] = {}
        log: Any = self._schema.error_log  # the stubs do not know that it can be iterated
        for entry in log:
            wrong = _at(element, entry.path)
            path = place(wrong, element) if wrong is not None else f"/{local(element)}"
            # the type's complaint follows that of its facet and says less
            found.setdefault(path, Problem(path, _readable(entry.message), wrong))
            if len(found) == _MOST:
                break
        return list(found.values())


def _readable(message: str) -> str:
    """Without the element, whose place is told, and without namespaces, where they are not what is wrong."""
    own = re.match(r"Element '\{([^{}]*)\}", message)
    others = {uri[1:-1] for uri in _NAMESPACE.findall(message)} - {own[1] if own else ""}
    if own is not None and "not expected" in message and others:
        return message.strip().removesuffix(".")
    plain = _NAMESPACE.sub("", message)
    return re.sub(r"^Element '[^']*'(?:, attribute '([^']*)')?: ", r"\1 ", plain).strip().removesuffix(".")


def _at(top: etree._Element, path: str | None) -> etree._Element | None:
    """The element that libxml2 names by a path in the document's own prefixes."""
    if not path:
        return None
    prefixes: dict[str, str] = {}
    for element in top.iter(tag=etree.Element):
        for prefix, uri in element.nsmap.items():
            if prefix is not None:
                prefixes.setdefault(prefix, uri)
    # the path is written from the message on, while here the message may stand in an envelope
    below = path.lstrip("/").partition("/")[2]
    try:
        found = top.xpath(f"./{below}" if below else ".", namespaces=prefixes or None)
    except etree.XPathError:
        return None
    return found[0] if isinstance(found, list) and len(found) == 1 and etree.iselement(found[0]) else None


def _prepared(documents: Mapping[str, bytes], wrappers: Sequence[Wrapper]) -> dict[str, bytes]:
    """All schemas by names of our own: one for each document, one for each namespace that includes those of its documents,
    and one that imports the namespaces. So it does not matter how a WSDL has cut its schemas, nor whether it says what it
    imports from where."""
    schemas, same = _distinct(_schemas(documents))
    declared = {
        (root.get("targetNamespace") or "", child.get("name") or "")
        for root in schemas.values()
        for child in root.iterchildren(f"{{{XSD}}}element")
    }
    for number, wrapper in enumerate(wrappers):
        tag = etree.QName(wrapper.tag)
        if (tag.namespace or "", tag.localname) not in declared:
            schemas[f"orderhub:wrapper/{number}"] = _wrapper(wrapper)
    included = {
        urllib.parse.urljoin(name, child.get("schemaLocation") or "")
        for name, root in schemas.items()
        for child in root.iterchildren(*_INCLUDES)
    }
    included |= {other for name, other in same.items() if name in included}
    spaces: dict[str, list[str]] = {}
    for name, root in schemas.items():
        space = root.get("targetNamespace") or ""
        if space or name not in included:
            spaces.setdefault(space, []).append(name)
    names = {name: f"orderhub:document/{number}" for number, name in enumerate(schemas)}
    names |= {name: names[other] for name, other in same.items()}
    collectors = {space: f"orderhub:namespace/{number}" for number, space in enumerate(spaces)}
    known: dict[str, bytes] = {}
    for name, root in schemas.items():
        # included without a namespace of its own: it takes that of whoever includes it, which it cannot import then
        taking = not root.get("targetNamespace") and name in included
        asked = {child.get("namespace") or "" for child in root.iterchildren(_IMPORT)}
        imported = {
            space: collector for space, collector in collectors.items() if not taking or space in asked
        }
        _rewire(root, name, names, imported)
        known[names[name]] = etree.tostring(root)
    for space, members in spaces.items():
        known[collectors[space]] = etree.tostring(
            _schema_of(space, [("include", {"schemaLocation": names[member]}) for member in members])
        )
    known["orderhub:all"] = etree.tostring(_schema_of("urn:orderhub:all", _imports(collectors)))
    return known


def _distinct(
    schemas: Iterable[tuple[str, etree._Element]],
) -> tuple[dict[str, etree._Element], dict[str, str]]:
    """The schemas, and the names of those that are there already under another name: one document at two addresses, or
    another copy of the attributes of XML."""
    found: dict[str, etree._Element] = {}
    first: dict[object, str] = {}
    same: dict[str, str] = {}
    for name, root in schemas:
        space = root.get("targetNamespace")
        content = XML_SPACE if space == XML_SPACE else (space, etree.tostring(root, method="c14n"))
        known = first.setdefault(content, name)
        if known == name:
            found[name] = root
        else:
            same[name] = known
    return found, same


def _schemas(documents: Mapping[str, bytes]) -> Iterator[tuple[str, etree._Element]]:
    for address, content in documents.items():
        root = parse(content, f"The document {address}")
        if root.tag == _SCHEMA:
            yield address, root
            continue
        for number, schema in enumerate(root.iterfind(f"{{{_WSDL}}}types/{_SCHEMA}")):
            # parsed again, so that the prefixes of the WSDL stay known to it
            yield f"{address}#{number}", parse(etree.tostring(schema, with_tail=False), "A schema")


def _rewire(root: etree._Element, name: str, names: Mapping[str, str], collectors: Mapping[str, str]) -> None:
    for child in list(root.iterchildren(_IMPORT, *_INCLUDES)):
        if child.tag == _IMPORT:
            root.remove(child)
            continue
        target = names.get(urllib.parse.urljoin(name, child.get("schemaLocation") or ""))
        if target is None:
            root.remove(child)
        else:
            child.set("schemaLocation", target)
    own = root.get("targetNamespace") or ""
    others = {space: collector for space, collector in collectors.items() if space != own}
    for position, (kind, attributes) in enumerate(_imports(others)):
        root.insert(position, etree.Element(f"{{{XSD}}}{kind}", attributes))


def _imports(collectors: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    return [
        ("import", {"schemaLocation": collector} | ({"namespace": space} if space else {}))
        for space, collector in collectors.items()
    ]


def _schema_of(space: str, children: Sequence[tuple[str, dict[str, str]]]) -> etree._Element:
    root = etree.Element(_SCHEMA, {"targetNamespace": space} if space else {}, nsmap={"xs": XSD})
    for kind, attributes in children:
        etree.SubElement(root, f"{{{XSD}}}{kind}", attributes)
    return root


def _wrapper(wrapper: Wrapper) -> etree._Element:
    """Parts are elements without a namespace (WS-I Basic Profile 1.1, R2735)."""
    tag = etree.QName(wrapper.tag)
    spaces = {etree.QName(kind).namespace or "" for kind in wrapper.parts.values()}
    prefixes = {f"p{number}": space for number, space in enumerate(sorted(spaces - {"", XSD}))}
    of_space = {space: prefix for prefix, space in prefixes.items()} | {XSD: "xs"}
    attributes = {"targetNamespace": tag.namespace} if tag.namespace else {}
    root = etree.Element(_SCHEMA, attributes, nsmap={"xs": XSD, **prefixes})
    element = etree.SubElement(root, f"{{{XSD}}}element", {"name": tag.localname})
    sequence = etree.SubElement(etree.SubElement(element, f"{{{XSD}}}complexType"), f"{{{XSD}}}sequence")
    for name, kind in wrapper.parts.items():
        of = etree.QName(kind)
        written = f"{of_space[of.namespace]}:{of.localname}" if of.namespace else of.localname
        etree.SubElement(sequence, f"{{{XSD}}}element", {"name": name, "type": written})
    return root
