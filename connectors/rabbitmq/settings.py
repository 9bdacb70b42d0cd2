"""Settings of the RabbitMQ connector."""

from __future__ import annotations

from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll

#: Above this a message is refused. The broker's own limit is 128 MiB.
MOST_BYTES = 50 * 1024 * 1024


class RabbitMqSettings(ConnectorSettings):
    """One queue to pull from, or one exchange and routing key to publish to. README.md explains each."""

    connection: str
    queue: str | None = pydantic.Field(None, min_length=1, max_length=255)
    declare: bool = False
    queue_type: Literal["classic", "quorum"] = "classic"
    dead_letter: str | None = pydantic.Field(None, min_length=1, max_length=255)
    prefetch: int = pydantic.Field(50, ge=1, le=5000)
    max_messages: int = pydantic.Field(10_000, ge=1)
    max_bytes: int = pydantic.Field(MOST_BYTES, ge=1)
    idle_seconds: float = pydantic.Field(1.0, ge=0.05, le=60)
    poll_seconds: float = pydantic.Field(5.0, ge=0.5, le=3600)
    exchange: str = pydantic.Field("", max_length=255)
    routing_key: str | None = pydantic.Field(None, max_length=255)
    mapping: str | None = None
    timeout_seconds: float = pydantic.Field(20.0, gt=0, le=300)

    @pydantic.model_validator(mode="after")
    def _somewhere(self) -> RabbitMqSettings:
        if self.queue is None and not self.exchange and self.routing_key is None:
            raise ValueError("name a queue, or an exchange and a routing key to publish to")
        return self

    @property
    def destination(self) -> tuple[str, str]:
        """Exchange and routing key to publish to: without an exchange the default one, by which the key is a queue's name."""
        return self.exchange, self.routing_key if self.routing_key is not None else (self.queue or "")

    def poll(self) -> Poll | None:
        return Poll(seconds=self.poll_seconds, host=self.connection) if self.queue else None
