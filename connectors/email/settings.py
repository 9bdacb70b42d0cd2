"""Settings of the e-mail connector."""

from __future__ import annotations

from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll


class EmailSettings(ConnectorSettings):
    """A mailbox to pull from, a way to send by, or both. README.md explains each."""

    connection: str | None = None
    folder: str = pydantic.Field("INBOX", min_length=1, max_length=200)
    senders: tuple[str, ...] = ()
    sender_is: Literal["from", "envelope", "both"] = "from"
    authenticated_by: str | None = None
    attachments: tuple[str, ...] = ("*",)
    after: Literal["archive", "flag", "delete"] = "archive"
    archive: str = pydantic.Field("Processed", min_length=1, max_length=200)
    refused: str = pydantic.Field("Refused", min_length=1, max_length=200)
    max_bytes: int = pydantic.Field(25 * 1024 * 1024, ge=1)
    max_attachments: int = pydantic.Field(50, ge=1, le=1000)
    max_messages: int = pydantic.Field(500, ge=1)
    poll_seconds: float = pydantic.Field(60.0, ge=1, le=3600)
    timeout_seconds: float = pydantic.Field(30.0, gt=0, le=300)

    smtp: str | None = None
    sender: str | None = None
    to: tuple[str, ...] = ()
    subject: str = pydantic.Field("{name}", max_length=200)
    sent: str | None = "Sent"
    mapping: str | None = None

    @pydantic.field_validator("sender", "to")
    @classmethod
    def _addresses(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for address in (value,) if isinstance(value, str) else value or ():
            local, _, domain = address.partition("@")
            if not local or not domain or not address.isascii() or set(address) & set(' <>(),;:"[]\\\r\n\t'):
                raise ValueError(f"{address!r} is no plain e-mail address")
        return value

    @pydantic.model_validator(mode="after")
    def _something(self) -> EmailSettings:
        if self.connection is None and self.smtp is None:
            raise ValueError("name a `connection` to pull from, or `smtp` to send by")
        if self.smtp is not None and (self.sender is None or not self.to):
            raise ValueError("who sends needs `sender` and `to`")
        return self

    def poll(self) -> Poll | None:
        return Poll(seconds=self.poll_seconds, host=self.connection) if self.connection else None
