"""What a document becomes on its way out, by the port ``write``."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, Protocol, cast

from orderhub.connector import Ports
from orderhub.documents import Document
from orderhub.errors import ConfigError, ConnectorError, ConnectorRefused, MappingError, PayloadRefused

_PLAIN = re.compile(r"[A-Za-z0-9 ._/:-]+\Z")


class Written(Protocol):
    """The bytes, and the same as plain values (of XML the bytes)."""

    @property
    def data(self) -> bytes: ...
    @property
    def tree(self) -> Any: ...
    @property
    def media_type(self) -> str: ...


def payload(
    ports: Ports, mapping: str, document: Document, given: Mapping[str, str] | None = None
) -> Written:
    """A document as a mapping writes it.

    :param given: values that stand in no document, by the names under which the mapping asks for them.
    :raises PayloadRefused: this document cannot be written so; others may.
    :raises ConnectorRefused: the mapping is missing, wrong, or for other documents.
    """
    try:
        return cast(Written, ports.resource("write")(mapping, document, given or None))
    except (PayloadRefused, ConnectorError):
        raise
    except (MappingError, ConfigError) as error:
        raise ConnectorRefused(error.what, todo=error.todo) from error


def with_key(given: Mapping[str, str], key: str) -> dict[str, str]:
    """Declared values with the hub's key for ``{key}``."""
    return {name: value.replace("{key}", key) for name, value in given.items()}


def mark_of(key: str, length: int) -> str:
    """The hub's key as a field takes it: itself, or its digest (letters and digits, at most 26, at least 50 bits)."""
    if len(key) <= length and _PLAIN.match(key) and key == key.strip():
        return key
    return base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[: min(length, 26)]
