"""Rate limits and circuit breakers on Valkey: several processes count as one, and a store that is away stops nobody."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import redis

from orderhub.errors import ConnectorUnavailable
from orderhub.testing import PortsForTests
from orderhub.transport.breaker import Breaker, BreakerSettings
from orderhub.transport.limits import RateLimit
from orderhub.transport.shared import shared_url, storage_url

pytestmark = pytest.mark.integration
NOWHERE = "redis://127.0.0.1:1/0"
CALLS = """
import sys
from orderhub.errors import ConnectorUnavailable
from orderhub.transport.limits import RateLimit
limit, made = RateLimit("5/hour", "test api", shared_url=sys.argv[1], most_seconds=0), 0
try:
    while True:
        limit.wait()
        made += 1
except ConnectorUnavailable:
    print(made)
"""


def failing(breaker: Breaker) -> None:
    with pytest.raises(ConnectorUnavailable, match="broken"), breaker.watching():
        raise ConnectorUnavailable("broken", todo="Wait.")


def test_processes_share_a_rate_limit(valkey_url: str) -> None:
    command = [sys.executable, "-c", CALLS, valkey_url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sum(int(process.communicate(timeout=300)[0]) for process in running) == 5


def test_a_rate_limit_is_waited_for(valkey_url: str) -> None:
    limit = RateLimit("2/second", "test api", shared_url=valkey_url, most_seconds=30)
    begun = time.monotonic()
    for _ in range(5):
        limit.wait()
    # the fifth call comes two windows after the first; a wait of more than ``most_seconds`` would have been an error
    assert time.monotonic() - begun > 1.5


def test_a_circuit_that_one_process_opened_is_open_for_the_next(valkey_url: str) -> None:
    settings = BreakerSettings(failures=2, rest_seconds=300)
    failing(Breaker(settings, "test api", shared_url=valkey_url))
    failing(Breaker(settings, "test api", shared_url=valkey_url))
    third = Breaker(settings, "test api", shared_url=valkey_url)
    with pytest.raises(ConnectorUnavailable, match="left alone"), third.watching():
        raise AssertionError("it was called")
    with Breaker(settings, "another api", shared_url=valkey_url).watching():
        pass
    with Breaker(BreakerSettings(failures=2, rest_seconds=0), "test api", shared_url=valkey_url).watching():
        pass  # it has rested, and is well again for all
    with third.watching():
        pass


def test_a_store_that_is_emptied_or_away_stops_nobody(valkey_url: str) -> None:
    settings = BreakerSettings(failures=1, rest_seconds=60)
    breaker = Breaker(settings, "test api", shared_url=valkey_url)
    failing(breaker)
    redis.Redis.from_url(valkey_url).flushall()
    with breaker.watching():
        pass
    with Breaker(settings, "nowhere api", shared_url=NOWHERE).watching():
        pass
    limit = RateLimit("1/hour", "nowhere api", shared_url=NOWHERE, most_seconds=0)
    limit.wait()
    with pytest.raises(ConnectorUnavailable):
        limit.wait()


def test_where_valkey_is_comes_from_the_ports() -> None:
    assert shared_url(PortsForTests()) == ""
    assert shared_url(PortsForTests(resources={"valkey_url": "redis://x"})) == "redis://x"
    assert storage_url("unix:///run/valkey.sock?db=1") == "redis+unix:///run/valkey.sock?db=1"
