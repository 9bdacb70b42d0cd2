"""Settings of the HTTP intake."""

from __future__ import annotations

import pydantic

from orderhub.connector import ConnectorSettings, Poll
from orderhub.transport.limits import parse_rate

#: What a document may be, unless the flow says otherwise.
MEDIA_TYPES = (
    "application/edifact",
    "application/edi-x12",
    "application/edi-consent",
    "application/xml",
    "text/xml",
    "application/json",
    "text/csv",
    "text/plain",
    "application/zip",
    "application/octet-stream",
)


class HttpIntakeSettings(ConnectorSettings):
    """One endpoint: ``POST …/api/v1/intake/<endpoint>``. README.md explains each."""

    endpoint: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    max_bytes: int = pydantic.Field(20 * 1024 * 1024, ge=1)
    media_types: tuple[str, ...] = MEDIA_TYPES
    rate: str = "120/minute"
    require_idempotency_key: bool = False
    upload_seconds: float = pydantic.Field(120.0, gt=0, le=3600)
    poll_seconds: float = pydantic.Field(10.0, ge=0.5, le=3600)

    @pydantic.field_validator("rate")
    @classmethod
    def _is_a_rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @pydantic.field_validator("media_types")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(one.strip().lower() for one in value)

    def poll(self) -> Poll:
        return Poll(seconds=self.poll_seconds, host="ledger")
