"""An OpenAPI description (2 or 3, JSON) read to see whether what the settings declare exists."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from orderhub.errors import ConnectorProtocolError
from orderhub.transport.records import plain


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the settings declare. ``path`` is the whole one, with the connection's; placeholders in braces."""

    method: str
    path: str
    params: frozenset[str] = frozenset()


def problems(body: bytes, uses: Iterable[Use]) -> list[str]:
    """What the description does not know, a sentence each; empty when everything exists.

    :raises ConnectorProtocolError: it is no OpenAPI description in JSON.
    """
    document = plain(body, "the OpenAPI description")
    if not isinstance(document, dict) or not isinstance(document.get("paths"), dict):
        raise ConnectorProtocolError(
            "The OpenAPI description has no paths.", todo="Give an OpenAPI description in JSON."
        )
    return [sentence for use in uses for sentence in _of(document, use)]


def _of(document: Mapping[str, Any], use: Use) -> Iterator[str]:
    item = _item(document, use.path)
    if item is None:
        yield f"The API's description has no path {use.path}."
        return
    operation = item.get(use.method.lower())
    if not isinstance(operation, dict):
        known = ", ".join(name.upper() for name in item if name in _METHODS) or "none"
        yield f"The API's description has no {use.method} {use.path} (only {known})."
        return
    declared = [*(item.get("parameters") or []), *(operation.get("parameters") or [])]
    names = {
        parameter.get("name")
        for parameter in (_resolved(document, one) for one in declared)
        if parameter.get("in") == "query"
    }
    for name in sorted(use.params - names):
        yield f"The API's description has no parameter {name!r} for {use.method} {use.path}."
    # a required parameter that nobody gives is an error as well
    for one in declared:
        parameter = _resolved(document, one)
        if (
            parameter.get("in") == "query"
            and parameter.get("required")
            and parameter.get("name") not in use.params
        ):
            yield f"{use.method} {use.path} needs the parameter {parameter.get('name')!r}."


def _item(document: Mapping[str, Any], path: str) -> dict[str, Any] | None:
    """The path's entry; one that says it literally wins over one with parameters."""
    fits: list[tuple[int, dict[str, Any]]] = []
    for template, item in document["paths"].items():
        if not isinstance(item, dict):
            continue
        for prefix in _prefixes(document):
            whole = f"{prefix.rstrip('/')}/{str(template).lstrip('/')}"
            pattern = "".join(
                "[^/]+" if part.startswith("{") else re.escape(part)
                for part in re.split(r"(\{[^{}/]*\})", whole.rstrip("/"))
            )
            if re.fullmatch(pattern, path.rstrip("/")):
                fits.append((whole.count("{"), item))
    return min(fits, key=lambda fit: fit[0])[1] if fits else None


def _prefixes(document: Mapping[str, Any]) -> list[str]:
    """Paths before those of the description: of its servers (3), or its basePath (2)."""
    servers = document.get("servers") or []
    paths = [
        urllib.parse.urlsplit(str(server.get("url", ""))).path
        for server in servers
        if isinstance(server, dict)
    ]
    return paths or [str(document.get("basePath") or "")]


def _resolved(document: Mapping[str, Any], parameter: Any) -> Mapping[str, Any]:
    """A parameter, also one that stands elsewhere in the same document."""
    for _ in range(8):
        if not isinstance(parameter, dict):
            return {}
        reference = parameter.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return parameter
        parameter = document
        for step in reference[2:].split("/"):
            name = urllib.parse.unquote(step).replace("~1", "/").replace("~0", "~")
            parameter = parameter.get(name) if isinstance(parameter, dict) else None
    return {}


_METHODS = frozenset(("get", "put", "post", "delete", "patch", "head", "options"))
