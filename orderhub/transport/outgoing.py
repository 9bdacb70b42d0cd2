"""What goes out of the hub in a message or a file: a document in the form that its receiver wants."""

from __future__ import annotations

import msgspec

from orderhub.connector import LoadItem, Ports
from orderhub.documents import canonical_bytes
from orderhub.transport.payload import payload

#: The hub's own form of a document, where no mapping is named.
CANONICAL = "application/vnd.orderhub+json"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of one document, and what to say beside them. ``name`` is fit for a file: letters, digits, ``-``, ``_``."""

    data: bytes
    media_type: str
    name: str
    headers: dict[str, str]


def outgoing(ports: Ports, mapping: str | None, item: LoadItem) -> Outgoing:
    """A document as the mapping of this name writes it; without one, its canonical JSON.

    :raises PayloadRefused: the mapping cannot write this document.
    :raises ConnectorRefused: the mapping is missing, wrong, or for other documents.
    """
    if mapping is None:
        data, media_type = canonical_bytes(item.document), CANONICAL
    else:
        written = payload(ports, mapping, item.document)
        data, media_type = bytes(written.data), str(written.media_type)
    kind = type(item.document).__name__
    headers = {"idempotency-key": item.key, "identity": item.identity, "company": item.company, "type": kind}
    if item.test:
        headers["test"] = "true"
    return Outgoing(
        data=data, media_type=media_type, name=f"{kind}_{item.source}{_ending(media_type)}", headers=headers
    )


def _ending(media_type: str) -> str:
    kind = media_type.partition(";")[0].strip().lower()
    for ending, words in ((".json", "json"), (".xml", "xml"), (".edi", "edi"), (".csv", "csv")):
        if words in kind:
            return ending
    return ".dat"
