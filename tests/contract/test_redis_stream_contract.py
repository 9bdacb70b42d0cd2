"""The Redis Streams connector keeps the contract, on Valkey."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

import pytest
import redis
from servers.cutting import CuttingProxy, cutting

from orderhub.connector import Credentials
from orderhub.testing import Arrive, ConnectorContract, Effects, FailAt, PortsForTests, Replies, Settings

pytestmark = pytest.mark.integration


class TestRedisStream(ConnectorContract):
    connector = "redis_stream"

    @pytest.fixture
    def peer(self, valkey: redis.Redis) -> str:
        return f"Valkey {valkey.info('server')['valkey_version']}"

    @pytest.fixture
    def way(self, valkey_url: str) -> Iterator[CuttingProxy]:
        with cutting(urlsplit(valkey_url).port or 0) as proxy:
            yield proxy

    @pytest.fixture
    def settings(self) -> Settings:
        return {"connection": "shop", "key": "shop:orders", "claim_after_seconds": 30}

    @pytest.fixture
    def ports(self, valkey_url: str, way: CuttingProxy) -> PortsForTests:
        secret = urlsplit(valkey_url).password
        return PortsForTests(
            credentials={"shop": Credentials(url=f"redis://127.0.0.1:{way.port}/0", secret=secret)}
        )

    @pytest.fixture
    def unreachable(self, settings: Settings) -> tuple[Settings, PortsForTests]:
        return settings, PortsForTests(credentials={"shop": Credentials(url="redis://127.0.0.1:1/0")})

    @pytest.fixture
    def arrive(self, valkey: redis.Redis) -> Arrive:
        return lambda name, data: valkey.xadd("shop:orders", {"name": name, "data": data})

    @pytest.fixture
    def state(self, valkey: redis.Redis) -> Callable[[], object]:
        def picture() -> object:
            keys = sorted(valkey.scan_iter("*"))
            groups = valkey.xinfo_groups("shop:orders") if "shop:orders" in keys else []
            return keys, groups

        return picture

    @pytest.fixture
    def effects(self, valkey: redis.Redis) -> Effects:
        def count(keys: Sequence[str]) -> dict[str, int]:
            found = [fields.get("idempotency-key") for _, fields in valkey.xrange("shop:orders")]
            return {key: found.count(key) for key in keys if key in found}

        return count

    @pytest.fixture
    def fail_at(self, way: CuttingProxy) -> FailAt:
        """The connection is cut at the n-th step."""
        return way.fail_at

    @pytest.fixture
    def replies(self, valkey: redis.Redis) -> Replies:
        return lambda: {f["name"]: f["data"].encode() for _, f in valkey.xrange("shop:orders")}

    @pytest.fixture
    def reply_fails_at(self, way: CuttingProxy) -> FailAt:
        return way.fail_at
