"""A circuit breaker per connector and host: what failed several times in a row is left alone for a while."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import threading
from collections.abc import Iterator

import pybreaker
import pydantic
import redis
from redis.exceptions import RedisError

from orderhub.errors import ConnectorUnavailable, OutcomeUnclear
from orderhub.transport.retry import Overloaded

log = logging.getLogger(__name__)
#: Failures that say something about the other side's health. A refusal is an answer, "too many requests" a healthy one.
_FAILURES = (ConnectorUnavailable, OutcomeUnclear)
_memory: dict[str, pybreaker.CircuitMemoryStorage] = {}
_memory_lock = threading.Lock()


class BreakerSettings(pydantic.BaseModel):
    """After ``failures`` in a row nothing is sent for ``rest_seconds``; then one success closes it, one failure opens it again."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    failures: int = pydantic.Field(default=5, ge=1, le=1000)
    rest_seconds: float = pydantic.Field(default=30.0, ge=0, le=3600)


class Breaker:
    """Shared by all with the same ``who``: within this process, and over all processes where Valkey is there.

    :param who: connector and host.
    :param shared_url: Valkey's URL; empty: this process alone.
    """

    def __init__(self, settings: BreakerSettings, who: str, *, shared_url: str = "") -> None:
        self._settings = settings
        self._who = who
        self._url = shared_url
        self._breaker: pybreaker.CircuitBreaker | None = None

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around one call.

        :raises ConnectorUnavailable: the circuit is open; nothing was sent.
        """
        # pybreaker's own way of calling holds a lock for as long as the call takes, so it is told what happened afterwards
        breaker = self._open()
        if breaker.current_state == pybreaker.STATE_OPEN:
            self._rest(breaker)
        try:
            yield
        except Overloaded:
            raise
        except _FAILURES as error:
            self._tell(breaker, error)
            raise
        if breaker.current_state != pybreaker.STATE_CLOSED or breaker.fail_counter:
            self._tell(breaker, None)

    def _rest(self, breaker: pybreaker.CircuitBreaker) -> None:
        opened = breaker._state_storage.opened_at  # there is no public way to ask since when it is open
        passed = dt.datetime.now(dt.UTC) - opened if opened is not None else None
        left = self._settings.rest_seconds - passed.total_seconds() if passed is not None else 0.0
        if left > 0:
            raise Overloaded(
                f"{self._who} failed {self._settings.failures} times in a row and is left alone for {left:.0f} more seconds.",
                todo="Check that it runs; the hub tries again by itself.",
                wait_seconds=left,
            )
        breaker.half_open()

    def _tell(self, breaker: pybreaker.CircuitBreaker, error: Exception | None) -> None:
        def happened() -> None:
            if error is not None:
                raise error

        # another process may have opened it meanwhile
        with contextlib.suppress(pybreaker.CircuitBreakerError, *_FAILURES):
            breaker.call(happened)

    def _open(self) -> pybreaker.CircuitBreaker:
        if self._breaker is None:
            self._breaker = pybreaker.CircuitBreaker(
                fail_max=self._settings.failures,
                reset_timeout=self._settings.rest_seconds,
                state_storage=self._storage(),
                name=self._who,
                throw_new_error_on_trip=False,
            )
        return self._breaker

    def _storage(self) -> pybreaker.CircuitBreakerStorage:
        if self._url:
            client = redis.Redis.from_url(self._url, socket_connect_timeout=1, socket_timeout=1)
            try:
                return pybreaker.CircuitRedisStorage(
                    pybreaker.STATE_CLOSED, client, namespace=f"orderhub:breaker:{self._who}"
                )
            except RedisError as error:
                log.warning(
                    "the shared circuit breaker of %s is away, this process counts alone: %s",
                    self._who,
                    error,
                )
                client.close()
        with _memory_lock:
            return _memory.setdefault(self._who, pybreaker.CircuitMemoryStorage(pybreaker.STATE_CLOSED))
