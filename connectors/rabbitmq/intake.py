"""Messages of a queue as interchanges."""

from __future__ import annotations

import hashlib
from typing import Any

from pika import BasicProperties
from pika.spec import Basic

from connectors.rabbitmq.settings import RabbitMqSettings
from orderhub.connector import Interchange

#: Properties that stay as they are when a message is delivered again.
_STABLE = (
    "content_type",
    "content_encoding",
    "correlation_id",
    "reply_to",
    "timestamp",
    "type",
    "user_id",
    "app_id",
)
_HASHED = 40


def arrival_of(
    queue: str, method: Basic.Deliver | Basic.GetOk, properties: BasicProperties, body: bytes
) -> str:
    """What tells this message from any other of the queue, the same when it is delivered again.

    AMQP 0-9-1 gives no offset, and a delivery tag belongs to one channel. So it is the message id and a hash of the body; without
    an id a hash of everything that does not change: where it was published to, properties, headers, body.
    """
    digest = hashlib.sha256(body)
    if not properties.message_id:
        for value in (method.exchange, method.routing_key, *(getattr(properties, name) for name in _STABLE)):
            digest.update(f"\0{value!r}".encode())
        headers: dict[str, Any] = properties.headers or {}
        # the broker's own headers count deliveries
        for name in sorted(name for name in headers if not name.startswith("x-")):
            digest.update(f"\0{name}={headers[name]!r}".encode())
    return f"{queue}/{properties.message_id or ''}#{digest.hexdigest()[:_HASHED]}"


def interchange_of(
    settings: RabbitMqSettings, method: Basic.Deliver | Basic.GetOk, properties: BasicProperties, body: bytes
) -> Interchange:
    """One message. An empty or too large one says so; the bytes of the large one are kept."""
    queue = settings.queue or ""
    problem = None
    if len(body) > settings.max_bytes:
        problem = f"The message has {len(body)} bytes; at most {settings.max_bytes} are taken."
    elif not body:
        problem = "The message is empty."
    headers: dict[str, Any] = properties.headers or {}
    arrival = arrival_of(queue, method, properties, body)
    named = headers.get("name") or properties.message_id
    attributes = {
        "exchange": method.exchange,
        "routing_key": method.routing_key,
        "message_id": properties.message_id,
        "correlation_id": properties.correlation_id,
        "type": properties.type,
        "app_id": properties.app_id,
        "timestamp": properties.timestamp,
        **{f"header.{name}": value for name, value in list(headers.items())[:30]},
    }
    return Interchange(
        name=_text(named) if named else f"{queue} {arrival[-8:]}",
        arrival=arrival,
        data=body or None,
        media_type=_text(properties.content_type) if properties.content_type else None,
        problem=problem,
        attributes={name: _text(value) for name, value in attributes.items() if value not in (None, "")},
        handle={"arrival": arrival},
    )


def _text(value: object) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value)[:400])
