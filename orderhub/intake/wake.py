"""Wake-ups on a Valkey stream: "there may be something to do for this flow".

A wake-up may be lost (Valkey flushed, away, restarted). Nothing depends on it but speed: the intake looks at its
folders again every few seconds, and every flow that starts on arrival is swept daily.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TypeAlias, cast

import redis

log = logging.getLogger(__name__)

STREAM = "orderhub:wake"
#: Older wake-ups are of no use: one run serves them all.
KEEP = 1000
FIELD = b"flow"
_Page: TypeAlias = tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]
_SECONDS_TO_CONNECT = 1.0


class WakeStream:
    """Both ends of the stream. One object belongs to one thread."""

    def __init__(self, url: str, *, block_seconds: float = 2.0) -> None:
        self._block = block_seconds
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=_SECONDS_TO_CONNECT,
            socket_timeout=block_seconds + 3,
            # the callers know what to do without Valkey, at once
            retry=None,
        )
        self._last: bytes | str = "$"

    def publish(self, flow: str) -> bool:
        """Wake a flow; False when Valkey does not take it."""
        try:
            self._client.xadd(STREAM, {FIELD: flow.encode()}, maxlen=KEEP, approximate=True)
        except redis.RedisError as error:
            log.debug("wake-up of %s not published: %s", flow, error)
            return False
        return True

    def position(self) -> None:
        """Read from here on. Without it, reading starts at the first ``read``, and what came before is not seen.

        :raises redis.RedisError: Valkey is away.
        """
        found = cast("list[tuple[bytes, dict[bytes, bytes]]]", self._client.xrevrange(STREAM, count=1))
        self._last = found[0][0] if found else "0-0"

    def read(self) -> list[str]:
        """Flows to wake, each once; empty when nothing came within the time to block.

        :raises redis.RedisError: Valkey is away.
        """
        answer = self._client.xread({STREAM: self._last}, count=KEEP, block=int(self._block * 1000))
        flows: dict[str, None] = {}
        for _, entries in cast("Iterable[_Page]", answer or ()):
            for key, fields in entries:
                self._last = key
                flow = fields.get(FIELD)
                if flow:
                    flows[flow.decode(errors="replace")] = None
        return list(flows)

    def close(self) -> None:
        """Give the connection back; safe to call twice."""
        self._client.close()
