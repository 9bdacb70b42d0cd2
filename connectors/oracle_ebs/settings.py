"""Settings of one use of Oracle Purchasing. README.md explains them with an example."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import pydantic

from orderhub.connector import ConnectorSettings

#: A column of the header's descriptive flexfield, 150 bytes in both PO_HEADERS_INTERFACE and PO_HEADERS_ALL.
Attribute = Annotated[str, pydantic.Field(pattern=r"^ATTRIBUTE([1-9]|1[0-5])$")]
ItemCode = Literal["buyer_code", "gtin", "supplier_code", "manufacturer_code"]


class Supplier(pydantic.BaseModel):
    """A supplier of Oracle Payables: ``number`` (VENDOR_NUM) and ``site`` (VENDOR_SITE_CODE)."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    number: str = pydantic.Field(min_length=1)
    site: str | None = None


class OracleEbsSettings(ConnectorSettings):
    """``connection`` names the database; ``org_id`` is the operating unit. What is left out, the import derives or asks for."""

    connection: str = pydantic.Field(min_length=1)
    org_id: int
    #: Whose tables they are; without it the user's own names (synonyms) are taken.
    owner: str | None = pydantic.Field(None, pattern=r"^[a-z][a-z0-9_$#]{0,29}$")
    #: What the concurrent request is started with; rows without one are taken by a request without one.
    batch_id: int | None = None
    source_code: str = pydantic.Field("ORDERHUB", min_length=1, max_length=25)
    #: Where the hub's key and the order's identity stand, in the interface and in the order that is made of it.
    key_column: Attribute = "ATTRIBUTE14"
    identity_column: Attribute = "ATTRIBUTE15"

    approval: Literal["INCOMPLETE", "APPROVED", "INITIATE APPROVAL"] = "INCOMPLETE"
    numbering: Literal["automatic", "order_number"] = "automatic"
    #: Full name of the buyer (AGENT_NAME).
    buyer: str | None = None
    #: By the order's GLN or code of the supplier, and of where it is shipped to.
    suppliers: dict[str, Supplier] = pydantic.Field(default_factory=dict)
    locations: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Of suppliers that ``suppliers`` gives none for.
    supplier_site: str | None = None
    ship_to_location: str | None = None
    ship_to_organization: str | None = None
    bill_to_location: str | None = None
    line_type: str | None = None
    #: Where the item's number stands, the first that is there.
    item_from: tuple[ItemCode, ...] = pydantic.Field(("buyer_code",), min_length=1)
    #: UNECE Rec 20 code to UOM_CODE; a code that is not here is given as it is.
    units: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Currency to the type of its rate; for currencies that are not the operating unit's own.
    rate_types: dict[str, str] = pydantic.Field(default_factory=dict)
    destination_type: Literal["INVENTORY", "EXPENSE", "SHOP FLOOR"] | None = None
    #: Code combination of the general ledger; without it the account generator finds one.
    charge_account_id: int | None = None

    #: How long a load waits for the import; what it has not taken up by then is asked for again by the hub.
    wait_seconds: float = pydantic.Field(0.0, ge=0, le=900)
    connect_seconds: float = pydantic.Field(10.0, gt=0, le=120)
    #: How long one statement may take, and how long another load of the same order is waited for.
    answer_seconds: float = pydantic.Field(60.0, gt=0, le=900)
    lock_seconds: int = pydantic.Field(30, ge=0, le=900)

    @pydantic.model_validator(mode="after")
    def _two_columns(self) -> Self:
        if self.key_column == self.identity_column:
            raise ValueError("key_column and identity_column must be two columns")
        return self
