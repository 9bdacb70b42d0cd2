"""Settings of one use of a SOAP service: which operations, what goes into them, where their answers say what."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll
from orderhub.transport.http import HttpSettings

_STEP = r"@?[^\s/@]+"
#: Local names below the element of the body, ``order/line``; the last may be an attribute, ``order/@sequence``.
Path = Annotated[str, pydantic.Field(pattern=rf"^{_STEP}(?:/{_STEP})*$")]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Call(_Part):
    """An operation and its parameters, nested as the WSDL nests them. A value that is a whole placeholder (``"{mark}"``) is
    replaced; where there is nothing to put there, the parameter is left out."""

    operation: str = pydantic.Field(min_length=1)
    parameters: dict[str, Any] = pydantic.Field(default_factory=dict)


class Confirm(Call):
    """Called after the ledger has what was pulled. ``{taken}`` is the list of values at ``taken`` in it."""

    taken: Path


class PullCall(Call):
    """``{mark}``: where the last answer ended; ``{limit}``: ``page_size``."""

    page_size: int = pydantic.Field(100, ge=1, le=100_000)
    #: The repeating element of the answer; without it an answer is one thing, also an empty one.
    records: Path | None = None
    #: Each record an interchange of its own.
    one_by_one: bool = False
    #: Where the answer says from where the next call goes on; below ``records`` the last record's value counts.
    mark: Path | None = None
    #: The mark of the very first call.
    first_mark: str | None = None
    #: Where the answer says whether there is more; without it pages are asked for until one is empty.
    more: Path | None = None
    #: What tells an arrival from any other; without it the mark and a hash of the content.
    arrival: Path | None = None
    confirm: Confirm | None = None


class LoadCall(Call):
    """``{key}``: the hub's key; ``{document.number}``: a value of the document by its canonical path.

    ``mapping`` names the mapping that writes the request's body element; ``parameters`` are laid over what it writes.
    """

    mapping: str | None = None
    #: What the mapping asks for by ``given(name)``; ``{key}`` in it stands for the hub's key.
    given: dict[str, str] = pydantic.Field(default_factory=dict)
    #: Where in the request the hub's key stands.
    key: Path | None = None
    #: The service takes the same key any number of times and acts once.
    idempotent: bool = False
    #: Where the answer names what was made.
    reference: Path | None = None
    #: Where the answer says what happened, where a fault does not.
    status: Path | None = None
    unchanged: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    unavailable: frozenset[str] = frozenset()
    #: Where the answer says why it was rejected.
    reason: Path | None = None

    @pydantic.model_validator(mode="after")
    def _has_content(self) -> LoadCall:
        if self.mapping is None and not self.parameters:
            raise ValueError("a load needs a mapping or parameters")
        return self


class FindCall(Call):
    """``{key}``: the hub's key. Without ``reference`` any answer but a fault of ``absent`` says that it is there."""

    reference: Path | None = None


class Faults(_Part):
    """What a fault means, by its code, its subcodes, the name of its detail's element or the value at ``code`` in the detail.

    Not declared: a fault of the sender refuses, one of the receiver leaves open what was done.
    """

    #: Below the detail: where the service's own code stands.
    code: Path | None = None
    #: The document is wrong: it is refused and not sent again.
    rejected: frozenset[str] = frozenset()
    #: Nothing was done and it may be tried again.
    unavailable: frozenset[str] = frozenset()
    #: It is there already.
    unchanged: frozenset[str] = frozenset()
    #: There is nothing under this key, or nothing to fetch.
    absent: frozenset[str] = frozenset()
    #: User, password or signature are not accepted.
    denied: frozenset[str] = frozenset()


class SoapSettings(ConnectorSettings):
    """``connection`` names the credentials: the WSDL's address, user and password; see README.md for its ``extra``."""

    connection: str = pydantic.Field(min_length=1)
    service: str | None = None
    port: str | None = None
    #: UsernameToken of WS-Security with the connection's user and password.
    ws_security: Literal["none", "plain", "digest"] = "none"
    #: Sign body and time stamp with the connection's key.
    sign: bool = False
    #: Take answers only that the service signed, by the connection's ``service_certificate``.
    verify: bool = False
    #: A time stamp in the security header, valid for so many seconds; 0: none (a signature always has one).
    timestamp_seconds: int = pydantic.Field(0, ge=0, le=3600)
    pull: PullCall | None = None
    load: LoadCall | None = None
    find: FindCall | None = None
    #: A harmless call for ``check``; without it ``find`` or ``pull``.
    check: Call | None = None
    faults: Faults = Faults()
    #: Parameters of the headers that the WSDL declares.
    headers: dict[str, Any] = pydantic.Field(default_factory=dict)
    #: Hold answers against the WSDL's schema. Requests always are.
    check_answers: bool = True
    poll_seconds: float = pydantic.Field(60.0, ge=1, le=86_400)
    #: How long the WSDL and what it imports are kept.
    keep_seconds: float = pydantic.Field(3600.0, ge=0, le=604_800)
    http: HttpSettings = HttpSettings()

    @pydantic.model_validator(mode="after")
    def _does_something(self) -> SoapSettings:
        if self.pull is None and self.load is None:
            raise ValueError("name an operation in pull or in load")
        if self.load is not None and not self.load.idempotent and self.find is None:
            raise ValueError("a load that is not idempotent needs find, or an unclear outcome stays unclear")
        return self

    def poll(self) -> Poll | None:
        """None where the service tells nobody whether something is new: without a mark and without confirmation."""
        if self.pull is None or (self.pull.mark is None and self.pull.confirm is None):
            return None
        return Poll(seconds=self.poll_seconds, host=self.connection)
