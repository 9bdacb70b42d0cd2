"""The cache: Valkey where it answers, nothing where it does not. Whatever is in it can be made again."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)

#: After a failure the cache is left alone this long (seconds), so that a dead server costs one timeout, not one a look-up.
PAUSE = 30.0
TIMEOUT = 0.25


class NoCache:
    """Keeps nothing."""

    def get(self, key: str) -> bytes | None:
        """Always a miss."""
        return None

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Forgets at once."""


class ValkeyCache:
    """A cache on Valkey or Redis. Never raises: a server that is away, full or emptied is a miss."""

    def __init__(self, url: str, *, prefix: str = "orderhub:") -> None:
        self._url = url
        self._prefix = prefix
        self._client: redis.Redis | None = None
        self._away_until = 0.0

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        client = self._connected()
        if client is None:
            return None
        try:
            value = client.get(self._prefix + key)
        except self._errors() as error:
            self._away(error)
            return None
        return value if isinstance(value, bytes) else None

    def put(self, key: str, value: bytes, seconds: int) -> None:
        """Keep a value for so many seconds, if the server will."""
        client = self._connected()
        if client is None:
            return
        try:
            client.set(self._prefix + key, value, ex=seconds)
        except self._errors() as error:
            self._away(error)

    def close(self) -> None:
        """Give back the connection; safe to call twice."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> redis.Redis | None:
        if time.monotonic() < self._away_until:
            return None
        if self._client is None:
            import redis

            self._client = redis.Redis.from_url(
                self._url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
            )
        return self._client

    def _away(self, error: Exception) -> None:
        log.warning("The cache does not answer (%s); going on without it for %d s.", error, int(PAUSE))
        self._away_until = time.monotonic() + PAUSE

    @staticmethod
    def _errors() -> tuple[type[Exception], ...]:
        import redis

        return (redis.RedisError, OSError)
