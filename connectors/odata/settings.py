"""Settings of one use of an OData service. README.md explains them with examples."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll
from orderhub.transport.http import HttpSettings

#: A name of $metadata: a set, a property.
Name = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
#: A path of names: ``to_PurchaseOrderItem/Material``.
Names = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$")]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ByField(_Part):
    """What changed by a property's highest value: ``overlap`` is how far below it a late one may turn up (seconds or units)."""

    by: Literal["field"]
    field: Name
    overlap: float = pydantic.Field(default=0.0, ge=0)


class ByDelta(_Part):
    """What changed by the delta link that the service gives (``Prefer: odata.track-changes``)."""

    by: Literal["delta"]


class Source(_Part):
    """What is pulled: a set of entities."""

    set: Name
    select: list[Names] = pydantic.Field(default_factory=list)
    expand: list[Names] = pydantic.Field(default_factory=list)
    filter: str | None = None
    orderby: str | None = None
    #: ``server``: the service cuts pages and names the next one. ``client``: the hub asks by $top and $skip, which needs ``orderby``.
    paging: Literal["server", "client"] = "server"
    page_size: int = pydantic.Field(default=500, ge=1, le=50_000)
    incremental: Annotated[ByField | ByDelta, pydantic.Field(discriminator="by")] | None = None
    records_per_interchange: int = pydantic.Field(default=500, ge=1, le=100_000)
    poll_seconds: float | None = pydantic.Field(default=None, ge=1)

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Source:
        if self.paging == "client" and self.orderby is None:
            raise ValueError(
                "paging: client needs orderby: without an order pages may overlap and leave gaps"
            )
        if self.poll_seconds is not None and self.incremental is None:
            raise ValueError(
                "poll_seconds needs incremental: without it nobody can say whether something is new"
            )
        return self


class Key(_Part):
    """Where the hub's key is put: a dotted path in the entity (``to_PurchaseOrderItem.0.RequirementTracking``); or none, where
    the mapping puts it (``{key}`` in ``given``). There is room for ``length`` letters; a key that does not fit is put there as
    its digest."""

    path: str | None = None
    length: int = pydantic.Field(default=100, ge=10, le=4000)


class Find(_Part):
    """How an entity is looked up by that key: ``field`` of the set ``set``; ``reference`` is the property that names it there."""

    set: Name
    field: Name
    reference: Name


class Target(_Part):
    """What is created: an entity of ``set`` with what belongs to it in one request (deep insert), by the mapping."""

    set: Name
    mapping: str = pydantic.Field(min_length=1)
    #: What is handed to the mapping beside the document; ``{key}`` is the hub's key, or its digest.
    given: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Leave out what $metadata does not know, instead of letting the service refuse it.
    leave_out_unknown: bool = False
    key: Key
    find: Find
    #: Property of what was created that names it.
    reference: Name
    #: Entities per $batch, each a change set of its own; 1: no $batch.
    batch_size: int = pydantic.Field(default=1, ge=1, le=200)
    #: Statuses that say: this document, never.
    rejected: list[int] = pydantic.Field(default_factory=lambda: [400, 409, 422])

    @pydantic.model_validator(mode="after")
    def _put(self) -> Target:
        if self.key.path is None and not any("{key}" in value for value in self.given.values()):
            raise ValueError(
                "find looks for the hub's key: say with key.path, or with {key} in given, where it is put"
            )
        return self


class OdataSettings(ConnectorSettings):
    """``connection`` names address and sign-in, ``service`` the path of the service below it."""

    connection: str = pydantic.Field(min_length=1)
    service: str = pydantic.Field(default="", pattern=r"^/?([^\s?#\\/][^\s?#\\]*)?$")
    version: Literal["2", "4"]
    #: For every request: ``sap-client: "100"``.
    params: dict[str, str] = pydantic.Field(default_factory=dict)
    source: Source | None = None
    target: Target | None = None
    http: HttpSettings = HttpSettings()

    @pydantic.field_validator("service")
    @classmethod
    def _stays(cls, value: str) -> str:
        if ".." in value.split("/") or ":" in value.split("/", maxsplit=1)[0]:
            raise ValueError("write a path of the connection's address, without host and without ..")
        return value

    @pydantic.model_validator(mode="after")
    def _something(self) -> OdataSettings:
        if self.source is None and self.target is None:
            raise ValueError("declare source or target")
        return self

    def poll(self) -> Poll | None:
        """As ``source.poll_seconds`` says."""
        if self.source is None or self.source.poll_seconds is None:
            return None
        return Poll(seconds=self.source.poll_seconds, host=self.connection)
