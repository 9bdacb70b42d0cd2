"""Rate limits: so many calls in so much time, counted over all processes of the hub where Valkey is there."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import limits
import limits.errors
import limits.storage
import limits.strategies

from orderhub.errors import ConfigError
from orderhub.transport.retry import Overloaded
from orderhub.transport.shared import storage_url

log = logging.getLogger(__name__)


def parse_rate(text: str) -> limits.RateLimitItem:
    """``10/second``, ``100 per 5 minutes``.

    :raises ValueError: not of this form (so that pydantic can use it in a validator).
    """
    try:
        return limits.parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no rate; write for example 10/second or 100/minute") from error


class RateLimit:
    """One limit, waited for before each call.

    :param rate: as ``parse_rate`` reads it.
    :param who: what shares the limit (connector and host).
    :param shared_url: Valkey's URL; empty: this process counts alone.
    :param most_seconds: a longer wait is an error instead, so that the caller's scheduler does the waiting.
    :raises ConfigError: the rate cannot be read.
    """

    def __init__(
        self,
        rate: str,
        who: str,
        *,
        shared_url: str = "",
        most_seconds: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            self._item = parse_rate(rate)
        except ValueError as error:
            raise ConfigError(f"{error}.", todo="Correct the rate limit.") from error
        self._who = who
        self._most = most_seconds
        self._sleep = sleep
        self._alone = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())
        self._shared = _shared(shared_url)

    def wait(self) -> None:
        """Returns when a call may be made.

        :raises ConnectorUnavailable: it would take longer than ``most_seconds``; nothing was sent.
        """
        until = time.monotonic() + self._most
        while not self._asked("hit"):
            stats = self._asked("get_window_stats")
            pause = max(stats.reset_time - time.time(), 0.01)
            if time.monotonic() + pause > until:
                raise Overloaded(
                    f"The rate limit of {self._who} ({self._item}) is used up for {pause:.0f} more seconds.",
                    todo="The hub tries again later; raise `rate_limit` if the other side allows more.",
                    wait_seconds=math.inf,
                )
            self._sleep(min(pause, 1.0))

    def _asked(self, method: str) -> Any:
        if self._shared is not None:
            try:
                return getattr(self._shared, method)(self._item, self._who)
            except limits.errors.StorageError as error:
                # a limit per process is better than no call at all
                log.warning(
                    "the shared rate limit of %s is away, this process counts alone: %s", self._who, error
                )
                self._shared = None
        return getattr(self._alone, method)(self._item, self._who)


def _shared(url: str) -> limits.strategies.MovingWindowRateLimiter | None:
    if not url:
        return None
    storage = limits.storage.storage_from_string(
        storage_url(url),
        wrap_exceptions=True,
        key_prefix="orderhub:rate",
        socket_connect_timeout=1,
        socket_timeout=1,
    )
    if not isinstance(
        storage, limits.storage.MovingWindowSupport
    ):  # a kind of store that cannot share a moving window
        raise ConfigError("The store for rate limits has no moving windows.", todo="Use Valkey or Redis.")
    return limits.strategies.MovingWindowRateLimiter(storage)
