"""XML of a stranger: parsed without anything from outside, and values picked from it by local names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from orderhub.errors import ConnectorProtocolError

#: As the hub's own reader of XML has them; comments and instructions say nothing in a message.
_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
}


class Closed(etree.Resolver):
    """Gives known documents by their names, and nothing else."""

    def __init__(self, known: dict[str, bytes] | None = None) -> None:
        self.known = known or {}

    def resolve(self, system_url: object, public_id: object, context: object = None) -> object:
        content = self.known.get(str(system_url))
        if content is None:
            return self.resolve_empty(context)  # type: ignore[attr-defined]  # the stubs lack it
        return self.resolve_string(content, context)  # type: ignore[call-arg]  # as above: base_url is optional


def parse(data: bytes, what: str, known: dict[str, bytes] | None = None) -> etree._Element:
    """The root of a document.

    :param what: names it in errors. :param known: what it may import, by name.
    :raises ConnectorProtocolError: no XML, or it has a document type, which nothing in SOAP needs and attacks do.
    """
    parser = etree.XMLParser(**_OPTIONS)  # type: ignore[arg-type]  # all of them are bools
    parser.resolvers.add(Closed(known))
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ConnectorProtocolError(
            f"{what} is no XML: {str(error)[:200]}.", todo="Check the address and ask the other side."
        ) from error
    docinfo: Any = root.getroottree().docinfo  # the stubs lack doctype
    if docinfo.doctype:
        raise ConnectorProtocolError(
            f"{what} declares a document type, which is never read.",
            todo="Ask the other side to leave it out.",
        )
    return root


def local(element: etree._Element) -> str:
    """The name without its namespace."""
    return etree.QName(element).localname


def below(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """The elements at a path of local names."""
    first, _, rest = path.partition("/")
    for child in element.iterchildren(tag=etree.Element):
        if local(child) == first:
            if rest:
                yield from below(child, rest)
            else:
                yield child


def values(element: etree._Element, path: str) -> list[str]:
    """The texts at a path, whose last step may be an attribute (``order/@sequence``), without the white space around them."""
    way, _, last = path.rpartition("/")
    if not last.startswith("@"):
        return [(found.text or "").strip() for found in below(element, path)]
    owners = below(element, way) if way else iter((element,))
    found = (
        value
        for owner in owners
        for name, value in owner.attrib.items()
        if etree.QName(str(name)).localname == last[1:]
    )
    return [str(value).strip() for value in found]


def value(element: etree._Element, path: str | None) -> str | None:
    """The first text at a path that is not empty."""
    return next((text for text in values(element, path) if text), None) if path else None


def place(element: etree._Element, top: etree._Element) -> str:
    """Where an element stands, for people: ``/OrderPage/order[2]/line/unit``."""
    steps: list[str] = []
    at: etree._Element | None = element
    while at is not None:
        above = at.getparent() if at is not top else None
        same = list(above.iterchildren(at.tag)) if above is not None else [at]
        steps.append(local(at) + (f"[{same.index(at) + 1}]" if len(same) > 1 else ""))
        at = above
    return "/" + "/".join(reversed(steps))
