"""The HTTP client of all connectors: guarded addresses, sign-in, time-outs, retry, rate limit, circuit breaker, typed errors."""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
import re
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from typing import Any

import httpx
import pydantic

from orderhub.connector import Credentials, Ports
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
)
from orderhub.transport.addresses import AddressGuard, guard_of, shown
from orderhub.transport.auth import auth_of, token_url
from orderhub.transport.breaker import Breaker, BreakerSettings
from orderhub.transport.limits import RateLimit, parse_rate
from orderhub.transport.pinned import PinnedTransport
from orderhub.transport.retry import Overloaded, RetrySettings, retrying
from orderhub.transport.shared import shared_url
from orderhub.transport.tls import certificate_problem, tls_context

# it logs the whole address of every request, also where a query holds the key that signs in
logging.getLogger("httpx").setLevel(logging.WARNING)

#: Never sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_MOST_REDIRECTS = 5
Params = Mapping[str, str | int | list[str]]


class HttpSettings(pydantic.BaseModel):
    """How a connector speaks HTTP; a field ``http`` of a connector's settings."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    connect_seconds: float = pydantic.Field(default=5.0, gt=0, le=120)
    #: How long the other side may be silent during one request.
    timeout_seconds: float = pydantic.Field(default=60.0, gt=0, le=900)
    #: How long one answer may take from the first to the last byte.
    answer_seconds: float = pydantic.Field(default=300.0, gt=0, le=3600)
    #: Bytes that one answer may have.
    most_bytes: int = pydantic.Field(default=64 * 1024 * 1024, ge=1024)
    #: ``10/second``; over all processes of the hub.
    rate_limit: str | None = None
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()

    @pydantic.field_validator("rate_limit")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is not None:
            parse_rate(value)
        return value


class HttpRefused(ConnectorRefused):
    """The other side answered with a status that says no; nothing was done.

    ``status`` is the number, ``answer`` the whole answer (its body is untrusted), ``said`` one line of it for people;
    ``clean`` takes the connection's own secret out of a text, which some servers give back.
    """

    def __init__(
        self, what: str, *, todo: str, answer: httpx.Response, said: str, clean: Callable[[str], str]
    ) -> None:
        self.answer = answer
        self.clean = clean
        self.status = answer.status_code
        self.said = said
        super().__init__(what, todo=todo)


class HttpClient:
    """One connection's client, for one thread. Nothing is opened before the first request.

    :param name: the connector's, for errors, limits and the breaker.
    :param shared_url: Valkey's URL, where limits and breaker are shared; empty: per process.
    :param guard: which addresses may be reached; by default what the connection names.
    :raises ConnectorRefused: the connection cannot be used as it is.
    """

    def __init__(
        self,
        credentials: Credentials,
        settings: HttpSettings,
        *,
        name: str,
        shared_url: str = "",
        guard: AddressGuard | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        tokens = token_url(credentials)
        self.guard = guard or guard_of(credentials, *([tokens] if tokens else []))
        self.guard.check_url(credentials.url)
        address = urllib.parse.urlsplit(credentials.url)
        #: The address that paths are below; a query that it has (``?tenant=7``) goes with every one of them.
        self.base = urllib.parse.urlunsplit((*address[:3], "", "")).rstrip("/")
        self._query = dict(urllib.parse.parse_qsl(address.query))
        self._settings = settings
        self._origin = _origin(self.base)
        who = f"{name} {urllib.parse.urlsplit(self.base).netloc}"
        self._secret = credentials.secret or ""
        self._auth = auth_of(credentials)
        self._breaker = Breaker(settings.breaker, who, shared_url=shared_url)
        self._limit = (
            RateLimit(settings.rate_limit, who, shared_url=shared_url, sleep=sleep)
            if settings.rate_limit
            else None
        )
        self._retrying = retrying(settings.retry, sleep=sleep)
        self._http = httpx.Client(
            transport=PinnedTransport(self.guard, tls_context(credentials)),
            timeout=httpx.Timeout(settings.timeout_seconds, connect=settings.connect_seconds),
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": "orderhub"},
        )

    def close(self) -> None:
        """Give back connections; may be called twice."""
        self._http.close()

    def url(self, path: str) -> str:
        """A path of the connection's address, or an absolute URL as it is. The path is appended, also when it starts with a
        slash, so that a base with a path (``/api/v2``) stays."""
        if re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
            return path
        return f"{self.base}/{path.lstrip('/')}" if path else self.base

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        effect: bool,
        accept: Collection[int] = (),
        safe_to_repeat: bool = False,
    ) -> httpx.Response:
        """One request, tried again where that is safe. The answer is read whole.

        Statuses below 300 and those in ``accept`` are answers. Redirects are followed for GET and HEAD alone, each checked
        like a new address; secrets do not follow to another host.

        :param path: see ``url``.
        :param effect: whether the request writes. Then it is tried again only when it was surely not executed.
        :param safe_to_repeat: a write that the other side executes once however often it comes (PUT, an idempotency key).
        :raises ConnectorUnavailable: not executed (or a read that had no answer).
        :raises OutcomeUnclear: a write that was sent; whether it was executed is not known.
        :raises HttpRefused: answered with 4xx. :raises ConnectorRefused: an address that is not allowed.
        :raises ConnectorProtocolError: an answer that makes no sense.
        """

        url = self.url(path)
        given = {**self._query, **(params or {})} if url != path else params

        def once() -> httpx.Response:
            if self._limit is not None:
                self._limit.wait()
            with self._breaker.watching():
                return self._once(method, url, given, headers, content, effect, accept)

        if not (effect and safe_to_repeat):
            return self._retrying(once)
        unclear: OutcomeUnclear | None = None

        def repeatable() -> httpx.Response:
            nonlocal unclear
            try:
                return once()
            except OutcomeUnclear as error:
                unclear = error
                raise ConnectorUnavailable(error.what, todo=error.todo) from error

        try:
            return self._retrying(repeatable)
        except ConnectorError as error:
            # what an earlier attempt may have done is not undone by a later one that failed, or was refused because of it
            if unclear is not None:
                raise unclear from error
            raise

    def _once(
        self,
        method: str,
        url: str,
        params: Params | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        effect: bool,
        accept: Collection[int],
    ) -> httpx.Response:
        given = dict(headers or {})
        for _ in range(_MOST_REDIRECTS + 1):
            self.guard.check_url(url)
            own = _origin(url) == self._origin
            request = self._http.build_request(
                method,
                url if not params else httpx.URL(url).copy_merge_params(dict(params)),
                headers=given,
                content=content,
            )
            answer = self._send(request, self._auth if own else None, effect=effect)
            target = answer.headers.get("Location")
            if answer.status_code not in _REDIRECTS or answer.status_code in accept or not target:
                return self._judge(answer, effect=effect, accept=accept)
            if method not in ("GET", "HEAD"):
                raise ConnectorProtocolError(
                    f"{shown(url)} answered {method} with a redirect ({answer.status_code}) to {shown(urllib.parse.urljoin(url, target))}.",
                    todo="Write the right address into the connection; writes do not follow redirects.",
                )
            further = urllib.parse.urljoin(url, target)
            if url.startswith("https:") and not further.startswith("https:"):
                raise ConnectorRefused(
                    f"{shown(url)} redirects from https to {shown(further)}.",
                    todo="Ask the other side to correct it.",
                )
            url, params = further, None
            if _origin(url) != self._origin:
                given = {
                    name: value
                    for name, value in given.items()
                    if name.lower() in ("accept", "accept-language")
                }
        raise ConnectorProtocolError(
            f"{shown(url)} is reached after {_MOST_REDIRECTS} redirects only.", todo="Check the address."
        )

    def _send(self, request: httpx.Request, auth: httpx.Auth | None, *, effect: bool) -> httpx.Response:
        place = f"{request.method} {shown(str(request.url))}"
        sign_in = _SignIn(auth) if auth is not None else None
        try:
            answer = self._http.send(request, auth=sign_in, stream=True)
            try:
                self._read(answer, place, effect=effect)
            finally:
                answer.close()
        except _NOT_SENT as error:
            problem = certificate_problem(error)
            if problem is not None:
                raise ConnectorRefused(
                    f"The certificate of {shown(str(request.url))} is not accepted: {problem}.",
                    todo="Have the other side renew it, or name its authority in ca_file of the connection.",
                ) from error
            raise ConnectorUnavailable(
                f"{place}: cannot be reached ({type(error).__name__}: {str(error)[:150]}).",
                todo="Check that it runs and that the address is right; the hub tries again.",
            ) from error
        except (httpx.HTTPError, _Cut) as error:
            # what the driver finds wrong with a request it tells by the request's own text: a token that was given with a line end
            own = isinstance(error, httpx.LocalProtocolError)
            why = "the request breaks HTTP's rules" if own else str(error)[:150] or type(error).__name__
            if sign_in is not None and not sign_in.reached:
                raise ConnectorUnavailable(
                    f"The token endpoint did not answer ({why}).",
                    todo="Check that it runs; the hub tries again.",
                ) from error
            raise _lost(place, f"{type(error).__name__}: {why}", effect=effect) from error
        return answer

    def _read(self, answer: httpx.Response, place: str, *, effect: bool) -> None:
        """Read the answer whole, within limits of size and time."""
        until = time.monotonic() + self._settings.answer_seconds
        parts: list[bytes] = []
        size = 0
        for part in answer.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > self._settings.most_bytes:
                what = f"The answer to {place} has more than {self._settings.most_bytes} bytes."
                if effect:
                    raise OutcomeUnclear(
                        what,
                        todo="The hub looks up what the other side has; raise `most_bytes` if it is right.",
                    )
                raise ConnectorProtocolError(what, todo="Ask for smaller pages, or raise `most_bytes`.")
            if time.monotonic() > until:
                raise _Cut(f"no end after {self._settings.answer_seconds:.0f} s")
        answer._content = b"".join(
            parts
        )  # as httpx itself does after iterating; there is no public way with a limit

    def _judge(self, answer: httpx.Response, *, effect: bool, accept: Collection[int]) -> httpx.Response:
        status = answer.status_code
        place = f"{answer.request.method} {shown(str(answer.request.url))}"
        if status < 300 or status in accept:
            return answer
        if status in (423, 429) or (status == 503 and not effect):
            # 423: somebody else has it locked
            raise Overloaded(
                f"{place} was answered with {status}: not now.",
                todo="The hub tries again; set `rate_limit` to what the other side allows.",
                wait_seconds=retry_after(answer),
            )
        if status >= 500 or status == 408:
            # also a gateway's answer, which does not know what the server behind it did
            raise _lost(place, f"status {status}: {self.clean(said(answer))}", effect=effect)
        if status < 400:
            raise ConnectorProtocolError(f"{place} was answered with {status}.", todo="Check the address.")
        text = self.clean(said(answer))
        raise HttpRefused(
            f"{place} was refused with {status}: {text}",
            todo=_TODO.get(status, "Check the settings and what was sent."),
            answer=answer,
            said=text,
            clean=self.clean,
        )

    def clean(self, text: str) -> str:
        """A text of the other side without the connection's secret, which some servers give back."""
        return text.replace(self._secret, "***") if len(self._secret) >= 4 else text


_TODO = {
    401: "Check user and secret of the connection.",
    403: "Check the rights of the connection's user.",
    404: "Check the address and the path.",
    405: "Check the method and the path.",
    413: "Send less at once.",
}


class _SignIn(httpx.Auth):
    """Passes a way of signing in on, and remembers whether the request itself went out."""

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth
        self.reached = False

    def auth_flow(self, request: httpx.Request) -> Any:
        flow = self._auth.auth_flow(request)
        one = next(flow)
        while True:
            self.reached = "sign_in" not in one.extensions
            answer = yield one
            try:
                one = flow.send(answer)
            except StopIteration:
                return


class _Cut(Exception):
    """The answer did not come to its end."""


def client_of(credentials: Credentials, settings: HttpSettings, ports: Ports, *, name: str) -> HttpClient:
    """A client that shares limits and breaker with the hub's other processes."""
    return HttpClient(credentials, settings, name=name, shared_url=shared_url(ports))


def retry_after(answer: httpx.Response, now: Callable[[], dt.datetime] | None = None) -> float | None:
    """Seconds that an answer asks to wait, from a number or a date (RFC 9110 section 10.2.3); None when it does not say."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=dt.UTC)
    return max(0.0, (until - (now() if now else dt.datetime.now(dt.UTC))).total_seconds())


def said(answer: httpx.Response) -> str:
    """What a refusal says for people: one line of the body, at most 300 characters."""
    text = answer.content[:4000].decode("utf-8", "replace")
    line = " ".join(re.sub(r"<[^<>]{0,200}>", " ", text).split())
    printable = "".join(character for character in line if character.isprintable())
    return printable[:300] or answer.reason_phrase or "no reason given"


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urllib.parse.urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or {"http": 80, "https": 443}.get(parts.scheme),
    )


def _lost(place: str, why: str, *, effect: bool) -> ConnectorError:
    if effect:
        return OutcomeUnclear(
            f"{place} was sent and what became of it is not known ({why}).",
            todo="The hub looks up what the other side has before it goes on.",
        )
    return ConnectorUnavailable(
        f"{place} had no answer ({why}).", todo="Check that it runs; the hub tries again."
    )
