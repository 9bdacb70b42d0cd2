"""Names of elements and attributes: as authors write them (``cbc:ID``) and as the tree has them (``{urn:…}ID``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: A name without prefix. Enough of the XML rules to tell a name from a slip of the pen.
LOCAL = r"[^\W\d][\w.\-]*"
NAME = re.compile(rf"(?:({LOCAL}):)?({LOCAL})\Z")

XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
XINCLUDE = "http://www.w3.org/2001/XInclude"


def split(tag: str) -> tuple[str | None, str]:
    """Namespace and local name of ``{urn:…}ID``."""
    if tag.startswith("{"):
        namespace, _, local = tag[1:].partition("}")
        return namespace or None, local
    return None, tag


def joined(namespace: str | None, local: str) -> str:
    return f"{{{namespace}}}{local}" if namespace else local


def written(tag: str, prefixes: Mapping[str, str], default: str | None) -> str:
    """A tag as an author writes it with these prefixes (by namespace); ``{urn:…}ID`` where none is declared."""
    namespace, local = split(tag)
    if namespace == default or namespace is None:
        return local
    if namespace == XML:
        return f"xml:{local}"
    prefix = prefixes.get(namespace)
    return f"{prefix}:{local}" if prefix is not None else tag
