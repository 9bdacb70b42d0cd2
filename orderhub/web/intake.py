"""The HTTP intake behind its routes: whose key it is, which flow it leads to, and what may be sent."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import limits
import limits.errors
import limits.storage
import limits.strategies
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request

from orderhub.connector_registry import ConnectorRegistry
from orderhub.errors import ConfigError, HubError
from orderhub.flows.posting import endpoint_of
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import intake_keys, posts
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.intake_keys import IntakeKey
from orderhub.ledger.posts import Post, Posted, PostState
from orderhub.ledger.states import Environment
from orderhub.partners.registry import PartnerRegistry
from orderhub.stage import Flow
from orderhub.transport.limits import parse_rate
from orderhub.transport.shared import storage_url
from orderhub.web.posted_body import Receiver

log = logging.getLogger(__name__)

PREFIX = "/api/v1/intake/"
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_NAME = re.compile(r"[^\w .,()+@#=-]")


class IntakeRefused(HubError):
    """A request to the intake that is not taken. ``status`` is the HTTP status that says so."""

    code: ClassVar[str] = "INTAKE_REFUSED"

    def __init__(
        self, status: int, code: str, what: str, *, todo: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(what, todo=todo)
        self.status = status
        self.said = code
        self.headers = headers or {}


def no_valid_key() -> IntakeRefused:
    """What is said to whoever has no key that is good, whatever the reason."""
    return IntakeRefused(
        401,
        "INTAKE_KEY_INVALID",
        "This needs a valid key of the hub.",
        todo="Send it as `Authorization: Bearer ohk_…`; ask the hub's operator for a new one when it is lost.",
        headers={"www-authenticate": 'Bearer realm="orderhub intake"'},
    )


def given_key(headers: Headers) -> str | None:
    """The hub's key that a request carries, in ``Authorization: Bearer`` or ``X-API-Key``; None when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    for found in (token.strip() if scheme.lower() == "bearer" else "", headers.get("x-api-key", "").strip()):
        if found.startswith(intake_keys.PREFIX):
            return found
    return None


def is_by_key(path: str) -> bool:
    """Whether a path within the application is the intake's: there a key says who it is, and no cookie counts."""
    return path.startswith(PREFIX)


class Intake:
    """What the routes ask. ``wake`` starts the flow at once; ``company`` is whose a post is where the flow has no partner."""

    def __init__(
        self,
        engine: Engine,
        archive: Archive,
        flows: FlowRegistry,
        *,
        partners: PartnerRegistry | None = None,
        connectors: Path | None = None,
        wake: Callable[[str], None] | None = None,
        valkey_url: str = "",
        company: str = "default",
    ) -> None:
        self._engine = engine
        self._flows = flows
        self._partners = partners
        self._connectors = ConnectorRegistry(connectors)
        self._wake = wake
        self._company = company
        self._receiver = Receiver(archive)
        self._rates = Rates(valkey_url)

    def key(self, request: Request) -> IntakeKey:
        """:raises IntakeRefused: no key, or none that is valid."""
        given = given_key(request.headers)
        found = None
        if given is not None:
            with transaction(self._engine) as connection:
                found = intake_keys.verify(connection, given)
        if found is None:
            raise no_valid_key()
        return found

    def flow(self, key: IntakeKey, endpoint: str) -> tuple[Flow, Any]:
        """The flow of an endpoint with its settings.

        :raises IntakeRefused: the key is for no flow with this endpoint.
        :raises ConfigError: the flow's settings are wrong, or two flows have one endpoint.
        """
        found = [flow for flow in self._flows.flows() if endpoint and endpoint_of(flow) == endpoint]
        if not any(flow.name == key.flow for flow in found):
            raise IntakeRefused(
                404,
                "INTAKE_UNKNOWN",
                f"There is no {endpoint[:64]!r} for this key.",
                todo="Check the address; a key is good for one endpoint.",
            )
        if len(found) > 1:
            raise ConfigError(
                f"The flows {', '.join(flow.name for flow in found)} have one endpoint {endpoint!r}.",
                todo="Give each its own.",
            )
        return found[0], self._connectors.settings(posts.CONNECTOR, found[0].pull.settings)

    async def post(self, request: Request, key: IntakeKey, endpoint: str) -> Posted:
        """Take a document: archive, ledger, and only then an answer.

        :raises IntakeRefused: it is not taken, and why.
        :raises BodyRefused: its body is not.
        :raises IdempotencyConflict: the idempotency key was used for something else.
        """
        flow, settings = await run_in_threadpool(self.flow, key, endpoint)
        await run_in_threadpool(self._rates.hit, settings.rate, key)
        headers = request.headers
        media_type = _media_type(headers, settings.media_types)
        packed = _packed(headers)
        idempotency_key = _idempotency_key(headers, required=settings.require_idempotency_key)
        test = key.test or _flag(headers, "orderhub-test")
        stored = await self._receiver.store(
            request, most=settings.max_bytes, seconds=settings.upload_seconds, packed=packed
        )

        def record() -> Posted:
            company, agreement, environment = self._trades_with(flow, test)
            post = Post(
                flow=flow.name,
                stream=flow.pull.stream,
                endpoint=endpoint,
                agreement=agreement,
                company=company,
                environment=environment,
                name=_name(headers) or f"{endpoint} {stored.sha256[:8]}",
                media_type=media_type,
                stored=stored,
                idempotency_key=idempotency_key,
            )
            posted = retrying(self._engine, lambda connection: posts.record(connection, key, post))
            if self._wake is not None and not posted.again:
                self._wake(flow.name)
            return posted

        posted = await run_in_threadpool(record)
        extra = {"flow": flow.name, "interchange": posted.interchange}
        log.info(
            "posted to %s with the key %s%s",
            endpoint,
            key.public_id,
            ", again" if posted.again else "",
            extra=extra,
        )
        return posted

    def state(self, key: IntakeKey, endpoint: str, interchange: int) -> PostState:
        """:raises IntakeRefused: it was not posted with this key."""
        _, settings = self.flow(key, endpoint)
        self._rates.hit(settings.rate, key)
        with transaction(self._engine) as connection:
            found = posts.state(connection, key, interchange)
        if found is None:
            raise IntakeRefused(
                404,
                "INTAKE_UNKNOWN",
                f"Nothing of the number {interchange} was posted with this key.",
                todo="Use the address that the answer to the post gave, and the same key.",
            )
        return found

    def _trades_with(self, flow: Flow, test: bool) -> tuple[str, str, Environment]:
        environment = Environment.TEST if test else Environment.PRODUCTION
        if flow.partner is None or self._partners is None:
            return self._company, "", environment
        agreement = self._partners.get(flow.partner)
        if agreement.environment == "test":
            environment = Environment.TEST
        return agreement.company, agreement.name, environment


class Rates:
    """How often a key may be used, counted over all processes where Valkey is there."""

    def __init__(self, valkey_url: str) -> None:
        self._alone = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
        self._shared: limits.strategies.MovingWindowRateLimiter | None = None
        if valkey_url:
            storage = limits.storage.storage_from_string(
                storage_url(valkey_url),
                wrap_exceptions=True,
                key_prefix="orderhub:intake",
                socket_connect_timeout=1,
                socket_timeout=1,
            )
            assert isinstance(storage, limits.storage.MovingWindowSupport)  # noqa: S101 - Valkey's storage has them
            self._shared = limits.strategies.MovingWindowRateLimiter(storage)

    def hit(self, rate: str, key: IntakeKey) -> None:
        """Count one request.

        :raises IntakeRefused: too many, with the seconds to wait.
        """
        item = parse_rate(rate)
        for limiter in (self._shared, self._alone):
            if limiter is None:
                continue
            try:
                if limiter.hit(item, key.public_id):
                    return
                stats = limiter.get_window_stats(item, key.public_id)
            except limits.errors.StorageError as error:
                # a limit per process is better than none, and than no intake
                log.warning("the shared rate limit is away, this process counts alone: %s", error)
                continue
            wait = max(1, round(stats.reset_time - time.time() + 0.5))
            raise IntakeRefused(
                429,
                "INTAKE_TOO_MANY",
                f"This key was used too often; {rate} is what was agreed.",
                todo=f"Wait {wait} s and send it again, with the same idempotency key.",
                headers={"retry-after": str(wait)},
            )


def _media_type(headers: Headers, allowed: tuple[str, ...]) -> str:
    given = headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind not in allowed:
        raise IntakeRefused(
            415,
            "INTAKE_MEDIA_TYPE",
            f"{kind[:80]!r} is not taken here." if kind else "The request does not say what its body is.",
            todo=f"Send Content-Type, one of: {', '.join(allowed)}.",
            headers={"accept": ", ".join(allowed)},
        )
    return given[:200]


def _packed(headers: Headers) -> bool:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return False
    if encoding in ("gzip", "x-gzip"):
        return True
    raise IntakeRefused(
        415,
        "INTAKE_ENCODING",
        f"The encoding {encoding[:40]!r} is not understood.",
        todo="Send the body as it is, or as gzip.",
        headers={"accept-encoding": "gzip, identity"},
    )


def _idempotency_key(headers: Headers, *, required: bool) -> str | None:
    given = headers.getlist("idempotency-key")
    if not given:
        if required:
            raise IntakeRefused(
                400,
                "INTAKE_NO_IDEMPOTENCY_KEY",
                "The request has no Idempotency-Key.",
                todo="Send one, new for each document.",
            )
        return None
    # a structured-field string has quotes, and most clients send none
    key = given[0].strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(given) > 1 or _IDEMPOTENCY_KEY.match(key) is None:
        raise IntakeRefused(
            400,
            "INTAKE_IDEMPOTENCY_KEY",
            "The Idempotency-Key cannot be used.",
            todo="Send one, of 1 to 255 visible ASCII characters; a UUID is good.",
        )
    return key


def _flag(headers: Headers, name: str) -> bool:
    return headers.get(name, "").strip().lower() in ("1", "true", "yes")


def _name(headers: Headers) -> str:
    """What the sender calls it, for people; never a path."""
    given = headers.get("orderhub-name", "")
    return _NAME.sub("_", given)[:150].strip()
