"""What a document becomes on its way out, by the port ``write``."""

from __future__ import annotations

from typing import Any, Protocol, cast

from orderhub.connector import Ports
from orderhub.documents import Document
from orderhub.errors import ConfigError, ConnectorError, ConnectorRefused, MappingError, PayloadRefused


class Written(Protocol):
    """The bytes, and the same as plain values (of XML the bytes)."""

    @property
    def data(self) -> bytes: ...
    @property
    def tree(self) -> Any: ...
    @property
    def media_type(self) -> str: ...


def payload(ports: Ports, mapping: str, document: Document) -> Written:
    """A document as a mapping writes it.

    :raises PayloadRefused: this document cannot be written so; others may.
    :raises ConnectorRefused: the mapping is missing, wrong, or for other documents.
    """
    try:
        return cast(Written, ports.resource("write")(mapping, document))
    except (PayloadRefused, ConnectorError):
        raise
    except (MappingError, ConfigError) as error:
        raise ConnectorRefused(error.what, todo=error.todo) from error
