"""Settings of the Redis Streams connector."""

from __future__ import annotations

from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll

#: Above this a message is refused; a Redis value can have 512 MiB.
MOST_BYTES = 50 * 1024 * 1024


class RedisStreamSettings(ConnectorSettings):
    """One stream, to pull from or to publish on. README.md explains each."""

    connection: str
    key: str = pydantic.Field(min_length=1, max_length=512)
    group: str = pydantic.Field("orderhub", min_length=1, max_length=200)
    consumer: str = pydantic.Field("hub", min_length=1, max_length=200)
    field: str | None = "data"
    name_field: str = "name"
    media_type_field: str = "content-type"
    batch: int = pydantic.Field(50, ge=1, le=1000)
    max_messages: int = pydantic.Field(10_000, ge=1)
    max_bytes: int = pydantic.Field(MOST_BYTES, ge=1)
    claim_after_seconds: float = pydantic.Field(60.0, ge=0)
    after: Literal["acknowledge", "delete", "trim"] = "acknowledge"
    dead_letter: str | None = pydantic.Field(None, min_length=1, max_length=512)
    poll_seconds: float = pydantic.Field(2.0, ge=0.1, le=3600)
    mapping: str | None = None
    remember_days: float = pydantic.Field(90.0, gt=0, le=3650)
    timeout_seconds: float = pydantic.Field(15.0, gt=0, le=300)

    def poll(self) -> Poll:
        return Poll(seconds=self.poll_seconds, host=self.connection)
