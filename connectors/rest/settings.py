"""Settings of one use of a JSON API. README.md explains them with examples."""

from __future__ import annotations

import re
from typing import Any, Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll
from orderhub.transport.http import HttpSettings
from orderhub.transport.paging import NoPaging, Paging

#: Where secrets stand; they come from the connection alone.
_SECRET_HEADERS = frozenset(("authorization", "proxy-authorization", "cookie", "x-api-key"))
#: A path of the connection's address; another host is never named here.
PATH = r"^/?([^\s?#\\/][^\s?#\\]*)?$"


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class _Request(_Part):
    """``params`` and ``body`` may hold placeholders, a whole text or a part of one; a parameter that is a list or an object is
    sent as JSON."""

    method: str
    path: str = pydantic.Field(pattern=PATH)
    params: dict[str, Any] = pydantic.Field(default_factory=dict)
    headers: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Dotted path of what says that an answer with a good status is an error (``error`` of JSON-RPC).
    error: str | None = None

    @pydantic.field_validator("path")
    @classmethod
    def _stays(cls, value: str) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:", value, re.IGNORECASE) or ".." in value.split("/"):
            raise ValueError("write a path of the connection's address, without host and without ..")
        return value

    @pydantic.field_validator("headers")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in value if name.lower() in _SECRET_HEADERS]
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)}: secrets stand in the connection (its extra says how to sign in)"
            )
        return value


class Incremental(_Part):
    """``field`` is the dotted path of the value whose highest one is the bookmark; the placeholder ``{since}`` is that value less
    ``overlap`` (seconds for times, units for numbers). ``first`` is ``{since}`` of the first pull; without it parameters that
    mention ``{since}`` are left out then. ``ordered``: the server gives records ordered by the field, lowest first."""

    field: str = pydantic.Field(min_length=1)
    overlap: float = pydantic.Field(default=0.0, ge=0)
    first: str | int | None = None
    ordered: bool = False


class Source(_Request):
    method: Literal["GET", "POST"] = "GET"
    #: Of a POST that only asks. Placeholders: ``{since}``, the paging's parameters, and for signing in ``{user}``, ``{secret}``.
    body: Any = None
    #: Dotted path of the list of records; empty: the body is the list, or one record.
    records: str = ""
    paging: Paging = NoPaging()
    incremental: Incremental | None = None
    records_per_interchange: int = pydantic.Field(default=500, ge=1, le=100_000)
    #: How often the intake asks whether there is something new; none: the flow's own schedule alone.
    poll_seconds: float | None = pydantic.Field(default=None, ge=1)

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Source:
        if self.poll_seconds is not None and self.incremental is None:
            raise ValueError(
                "poll_seconds needs incremental: without it nobody can say whether something is new"
            )
        if self.body is not None and self.method == "GET":
            raise ValueError("a body needs method: POST")
        return self


class Find(_Request):
    """How a document is looked up by the hub's key. Placeholder: ``{key}``. Of the records under ``records`` those count whose
    ``key`` is the key, whole and exactly."""

    method: Literal["GET", "POST"] = "GET"
    body: Any = None
    records: str = ""
    key: str = pydantic.Field(min_length=1)
    reference: str | None = None
    #: Statuses that say that there is none (``/orders/{key}`` of many an API).
    absent: list[int] = pydantic.Field(default_factory=lambda: [404])


class Target(_Request):
    """How one document is written. Placeholders: ``{key}`` in path, parameters and body."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    #: The mapping that makes the body, and what is handed to it beside the document; ``{key}`` is the hub's key.
    mapping: str = pydantic.Field(min_length=1)
    given: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Dotted path in the body where the hub's key is put, so that ``find`` finds it.
    key: str | None = None
    #: What the body is put into, where it is not the whole: a tree with ``{document}``.
    body: Any = None
    #: Header that carries the key.
    idempotency_header: str | None = None
    #: The other side does the same request with the same key once, however often it comes: then a lost answer is asked for again.
    repeatable: bool = False
    #: Dotted path in the answer of the other side's own name for what was written.
    reference: str | None = None
    #: Statuses that say: this document, never.
    rejected: list[int] = pydantic.Field(default_factory=lambda: [400, 409, 422])
    find: Find | None = None

    @pydantic.model_validator(mode="after")
    def _once(self) -> Target:
        if self.find is None and not self.repeatable:
            raise ValueError(
                "declare find, or repeatable: true where the other side does the same key once; else a lost answer could only be "
                "sent blind again"
            )
        places = (self.path, *self.given.values())
        put = self.key or self.idempotency_header or any("{key}" in place for place in places)
        if self.find is not None and not put:
            raise ValueError("find looks for the hub's key: say with key where it stands in the body")
        return self


class OpenApi(_Part):
    """A description of the API, in JSON: a ``file`` of the schemas folder, or a ``path`` of the connection's address."""

    file: str | None = None
    path: str | None = pydantic.Field(default=None, pattern=PATH)

    @pydantic.model_validator(mode="after")
    def _one(self) -> OpenApi:
        if (self.file is None) == (self.path is None):
            raise ValueError("give file or path")
        return self


class RestSettings(ConnectorSettings):
    """``connection`` names address and sign-in; ``source`` what is pulled, ``target`` how is written."""

    connection: str = pydantic.Field(min_length=1)
    source: Source | None = None
    target: Target | None = None
    openapi: OpenApi | None = None
    http: HttpSettings = HttpSettings()

    @pydantic.model_validator(mode="after")
    def _something(self) -> RestSettings:
        if self.source is None and self.target is None:
            raise ValueError("declare source or target")
        return self

    def poll(self) -> Poll | None:
        """As ``source.poll_seconds`` says."""
        if self.source is None or self.source.poll_seconds is None:
            return None
        return Poll(seconds=self.source.poll_seconds, host=self.connection)
