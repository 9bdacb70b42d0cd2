"""PostgreSQL and Valkey as the tests and the hub get them."""

from __future__ import annotations

import psycopg
import pytest
import redis

from orderhub.services.stack import Stack

pytestmark = pytest.mark.integration


def test_each_test_gets_a_migrated_database_of_its_own(database: str) -> None:
    with psycopg.connect(database) as connection:
        schemas = {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace")}
        assert {"ledger", "warehouse"} <= schemas
        connection.execute("CREATE TABLE only_here (n int)")


def test_nothing_of_another_test_is_in_it(database: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)


def test_postgres_lets_nobody_in_without_the_password(stores: Stack) -> None:
    url = stores.endpoints.database_url
    without = url.replace(url.split("@")[0].rsplit(":", 1)[1], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(without)


def test_valkey_lets_nobody_in_without_the_password(stores: Stack) -> None:
    url = stores.endpoints.valkey_url
    with (
        redis.Redis.from_url("redis://" + url.rsplit("@", 1)[1]) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_valkey_is_empty(valkey: redis.Redis) -> None:
    assert valkey.dbsize() == 0
    valkey.set("left", "behind")


def test_valkey_is_empty_again(valkey: redis.Redis) -> None:
    assert valkey.dbsize() == 0
