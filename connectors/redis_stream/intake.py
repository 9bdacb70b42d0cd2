"""Entries of a stream as interchanges."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from connectors.redis_stream.settings import RedisStreamSettings
from orderhub.connector import Interchange

#: Entries are told apart by id and content: ids may be given by whoever adds, and start anew in a stream that was emptied.
_HASHED = 32


def interchange_of(settings: RedisStreamSettings, entry: str, fields: Mapping[bytes, bytes]) -> Interchange:
    """One entry. One without the field of the bytes, an empty or a too large one says so, and keeps what it has."""
    if not fields:
        return Interchange(
            name=f"{settings.key} {entry}",
            arrival=f"{settings.key}/{entry}",
            data=None,
            problem="The entry was delivered to the hub's group, but trimmed or deleted before the hub had it.",
            handle={"id": entry},
        )
    data, problem = _data(settings, fields)
    if len(data) > settings.max_bytes:
        problem = f"The entry has {len(data)} bytes; at most {settings.max_bytes} are taken."
    elif not data and problem is None:
        problem = "The entry is empty."
    named = _text(fields.get(settings.name_field.encode()))
    return Interchange(
        name=named or f"{settings.key} {entry}",
        arrival=f"{settings.key}/{entry}#{_hash(fields)}",
        data=data or None,
        media_type=_text(fields.get(settings.media_type_field.encode())) or None,
        problem=problem,
        attributes={
            _text(name): _text(value)
            for name, value in list(fields.items())[:50]
            if name != (settings.field or "").encode()
        },
        handle={"id": entry},
    )


def _data(settings: RedisStreamSettings, fields: Mapping[bytes, bytes]) -> tuple[bytes, str | None]:
    if settings.field is None:
        return _as_json(fields), None
    found = fields.get(settings.field.encode())
    if found is None:
        return _as_json(fields), f"The entry has no field {settings.field!r}."
    return found, None


def _as_json(fields: Mapping[bytes, bytes]) -> bytes:
    """All fields as a JSON object of texts; bytes that are no UTF-8 become replacement marks."""
    texts = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
    return json.dumps(texts, ensure_ascii=False).encode()


def _text(value: bytes | None) -> str:
    text = (value or b"")[:400].decode(errors="replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _hash(fields: Mapping[bytes, bytes]) -> str:
    digest = hashlib.sha256()
    for name, value in fields.items():
        for part in (name, value):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()[:_HASHED]
