"""Settings of one use of an SAP system over HTTP. README.md explains them with examples."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from orderhub.connector import ConnectorSettings
from orderhub.transport.http import HttpSettings

Path = Annotated[str, pydantic.Field(pattern=r"^/?([^\s?#\\:/][^\s?#\\:]*)?$")]
#: A name of the dictionary: a table, a field, a function module.
Name = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z_/][A-Za-z0-9_/]{0,59}$")]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Idoc(_Part):
    """An IDoc in XML, posted. ``key_length`` is the room of the field where the mapping puts the hub's key (ARCKEY: 70)."""

    by: Literal["idoc"]
    path: Path = "/sap/bc/idoc_xml"
    mapping: str = "purchase_order__idoc_orders05"
    #: What is handed to the mapping; ``{key}`` is the hub's key, or its digest where it does not fit.
    given: dict[str, str] = pydantic.Field(default_factory=lambda: {"key": "{key}"})
    key_length: int = pydantic.Field(default=70, ge=10, le=4000)
    #: Dotted path of the IDoc's number in the answer, which may be XML or JSON; ``status`` and ``text`` where it says them.
    number: str = "DOCNUM"
    status: str = "STATUS"
    text: str = "STATUS_TEXT"
    #: Statuses that mean that the application refused it, for good.
    refused: list[str] = pydantic.Field(default_factory=lambda: ["51", "56", "68"])


class File(_Part):
    """An IDoc in XML as a file in ``folder``, below the hub's outbox, for SAP's file port."""

    by: Literal["file"]
    folder: str = pydantic.Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_ .-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_ .-]{0,99}){0,9}$"
    )
    mapping: str = "purchase_order__idoc_orders05"
    given: dict[str, str] = pydantic.Field(default_factory=lambda: {"key": "{key}"})
    key_length: int = pydantic.Field(default=70, ge=10, le=4000)


class Bapi(_Part):
    """A function module, called by SOAP as SAP's own RFC services take it, or as JSON where a wrapper offers that. The mapping
    makes its parameters, by their names."""

    by: Literal["bapi"]
    function: Name = "BAPI_PO_CREATE1"
    path: Path = "/sap/bc/soap/rfc"
    form: Literal["soap", "json"] = "soap"
    mapping: str = pydantic.Field(min_length=1)
    given: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Dotted path in the parameters where the hub's key is put (``POITEM.0.TRACKINGNO``), with room for so many letters.
    key: str = pydantic.Field(min_length=1)
    key_length: int = pydantic.Field(default=10, ge=10, le=4000)
    #: Dotted path in the answer of the number of what was made.
    reference: str = "EXPPURCHASEORDER"
    #: BAPI_TRANSACTION_COMMIT after it, as BAPIs want it.
    commit: bool = True


class ByTable(_Part):
    """The key is looked up with RFC_READ_TABLE: ``field`` of ``table``, where ``reference`` names what carries it."""

    by: Literal["table"]
    path: Path = "/sap/bc/soap/rfc"
    form: Literal["soap", "json"] = "soap"
    table: Name
    field: Name
    reference: Name


class ByList(_Part):
    """The key is looked up in the IDocs that an address lists (as JSON: ``results`` with ``docnum``) and gives one by one under
    ``<path>/<docnum>``: those of the message type ``mestyp`` whose ``field`` has the key, among the newest ``most``."""

    by: Literal["list"]
    path: Path = "/sap/bc/idoc"
    mestyp: str = "ORDERS"
    field: Name = "ARCKEY"
    most: int = pydantic.Field(default=1000, ge=1, le=100_000)
    #: An IDoc with such a status is none: its application refused it.
    refused: list[str] = pydantic.Field(default_factory=lambda: ["51", "56", "68"])


class SapSettings(ConnectorSettings):
    """``connection`` names address and sign-in, ``send`` the way in, ``find`` how a key is looked up."""

    #: None for files alone.
    connection: str | None = pydantic.Field(default=None, min_length=1)
    #: For every request: ``sap-client: "100"``.
    params: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Where the token against forged requests is fetched; none where the services want none.
    token_path: Path | None = None
    send: Annotated[Idoc | Bapi | File, pydantic.Field(discriminator="by")]
    find: Annotated[ByTable | ByList, pydantic.Field(discriminator="by")] | None = None
    http: HttpSettings = HttpSettings()

    @pydantic.model_validator(mode="after")
    def _fits(self) -> SapSettings:
        if isinstance(self.send, File):
            if self.connection is not None or self.find is not None:
                raise ValueError("files need neither connection nor find: what was sent is kept beside them")
            return self
        if self.connection is None or self.find is None:
            raise ValueError(
                "connection and find are needed: what was sent without an answer must be looked up"
            )
        if self.send.by == "bapi" and self.find.by == "list":
            raise ValueError("find: {by: list} looks for IDocs; look for what a BAPI made with by: table")
        return self
