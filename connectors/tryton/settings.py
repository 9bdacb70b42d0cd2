"""Settings of one use of a Tryton ERP."""

from __future__ import annotations

import pydantic

from orderhub.connector import ConnectorSettings


class TrytonSettings(ConnectorSettings):
    """``connection`` names the credentials: address, user, password, and the database as ``extra: {database: …}`` or as
    the path of the address. ``company`` and ``warehouse`` are a code or a name in Tryton; without them the user's
    company and Tryton's default warehouse are taken. ``units`` adds to the table of units: UNECE Rec 20 code to the
    symbol or name of a unit in Tryton."""

    connection: str = pydantic.Field(min_length=1)
    company: str | None = None
    warehouse: str | None = None
    units: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Purchases per request. Tryton takes a request as one transaction, and its time per purchase grows with their number.
    batch_size: int = pydantic.Field(25, ge=1, le=1000)
    connect_seconds: float = pydantic.Field(5.0, gt=0, le=120)
    #: How long one request may take.
    timeout_seconds: float = pydantic.Field(60.0, gt=0, le=900)
