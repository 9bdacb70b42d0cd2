"""What goes into a request: parameters with placeholders, and values set into the element that a mapping wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from connectors.soap.xml import local
from orderhub.errors import ConnectorRefused

_PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_.\[\]]*)\}")
#: Gives the value of a placeholder; None: there is none now, and the parameter is left out.
Given = Callable[[str], Any]


def filled(parameters: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The parameters of one call. Lists and maps that have nothing in them any more are left out as well."""
    found = ((name, _filled(value, given)) for name, value in parameters.items())
    return {name: value for name, value in found if value is not None}


def _filled(value: Any, given: Given) -> Any:
    if isinstance(value, Mapping):
        return filled(value, given) or (None if value else {})
    if isinstance(value, list):
        some = [one for one in (_filled(part, given) for part in value) if one is not None]
        return some or None
    if isinstance(value, str) and (match := _PLACEHOLDER.fullmatch(value)):
        return given(match[1])
    return value


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, the second over the first."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[name] = merged(old, value) if both and old is not None else value
    return result


def nested(path: str, value: Any) -> dict[str, Any]:
    """A value at a path, as nested parameters."""
    first, _, rest = path.partition("/")
    return {first.removeprefix("@"): nested(rest, value) if rest else value}


def put(element: etree._Element, path: str, text: str, kind: Any) -> None:
    """Set the text at a path below an element; what is missing is made where the schema wants it.

    :param kind: zeep's type of the element. :raises ConnectorRefused: the schema has no such place.
    """
    first, _, rest = path.partition("/")
    if first.startswith("@"):
        element.set(first[1:], text)
        return
    declared = [one for _, one in getattr(kind, "elements", []) if getattr(one, "qname", None) is not None]
    chosen = next((one for one in declared if one.qname.localname == first), None)
    child = next((one for one in element.iterchildren(tag=etree.Element) if local(one) == first), None)
    if child is None:
        if chosen is None:
            raise ConnectorRefused(
                f"The request's {local(element)!r} has no place {first!r}.",
                todo="Compare key and parameters of the load with the WSDL.",
            )
        tags = [str(one.qname) for one in declared]
        rank = tags.index(str(chosen.qname))
        after = [at for at, one in enumerate(element) if one.tag in tags and tags.index(str(one.tag)) > rank]
        child = etree.Element(str(chosen.qname))
        element.insert(after[0] if after else len(element), child)
    if rest:
        put(child, rest, text, chosen.type if chosen is not None else None)
    else:
        child.text = text


def leaves(parameters: Mapping[str, Any], path: str = "") -> list[tuple[str, str]]:
    """Nested parameters as paths and texts, for an element that is written already."""
    found: list[tuple[str, str]] = []
    for name, value in parameters.items():
        here = f"{path}/{name}" if path else str(name)
        if isinstance(value, Mapping):
            found += leaves(value, here)
        elif isinstance(value, list):
            raise ConnectorRefused(
                f"The parameter {here} is a list, which cannot be laid over what a mapping wrote.",
                todo="Let the mapping write it.",
            )
        else:
            found.append((here, str(value).lower() if isinstance(value, bool) else str(value)))
    return found
