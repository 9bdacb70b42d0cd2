"""Settings of one use of a Tryton ERP."""

from __future__ import annotations

from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll


class Source(pydantic.BaseModel):
    """How records are pulled; which ones is said by the name of the stream."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    #: Suppliers are the parties of this category; without it those that a product names as its supplier.
    category: str | None = pydantic.Field(default=None, min_length=1)
    #: What is counted by itself: a warehouse with all that lies below it, or every storage location.
    stock_per: Literal["warehouse", "location"] = "warehouse"
    #: How far before the latest change is asked again, for transactions that took as long.
    overlap_seconds: float = pydantic.Field(default=900, ge=0, le=86_400)
    records_per_interchange: int = pydantic.Field(default=500, ge=1, le=100_000)
    poll_seconds: float = pydantic.Field(default=60, ge=1, le=86_400)


class TrytonSettings(ConnectorSettings):
    """``connection`` names the credentials: address, user, password, and the database as ``extra: {database: …}`` or as
    the path of the address. ``company`` and ``warehouse`` are a code or a name in Tryton; without them the user's
    company, and Tryton's default warehouse for what is loaded and all of them for what is pulled. ``units`` adds to the
    table of units: UNECE Rec 20 code to the symbol or name of a unit in Tryton."""

    connection: str = pydantic.Field(min_length=1)
    company: str | None = None
    warehouse: str | None = None
    source: Source = Source()
    units: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Purchases per request. Tryton takes a request as one transaction, and its time per purchase grows with their number.
    batch_size: int = pydantic.Field(25, ge=1, le=1000)
    connect_seconds: float = pydantic.Field(5.0, gt=0, le=120)
    #: How long one request may take.
    timeout_seconds: float = pydantic.Field(60.0, gt=0, le=900)

    def poll(self) -> Poll:
        """As ``source.poll_seconds`` says."""
        return Poll(seconds=self.source.poll_seconds, host=self.connection)
