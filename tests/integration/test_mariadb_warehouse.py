"""What the warehouse in MariaDB must not do: bend data, give files away, hide what is missing."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import msgspec
import pymysql
import pytest
from servers.mariadb import MariaDb, mariadb, mariadb_database
from warehouse_support import item

from connectors.mariadb_warehouse.connector import MariaDbWarehouse
from connectors.mariadb_warehouse.local_data import LocalDataConnection, LocalDataError
from orderhub.connector import Credentials, OutcomeState
from orderhub.connector_registry import registry
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests

pytestmark = pytest.mark.integration
__all__ = ["mariadb", "mariadb_database"]


def connected(server: MariaDb, database: str, **more: Any) -> LocalDataConnection:
    return LocalDataConnection(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=database,
        charset="utf8mb4",
        local_infile=True,
        **more,
    )


def test_a_warning_of_load_data_is_an_error(mariadb: MariaDb, mariadb_database: str) -> None:
    """Negative control: with a file the server takes the same rows, bent, with warnings nobody reads."""
    with connected(mariadb, mariadb_database) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(3), price decimal(6,2))")
        statement = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE t (id, name, price)"
        assert connection.load(statement, ["1\tabc\t1.25\n"]) == 1
        connection.commit()
        for row in ("2\tabcd\t1\n", "3\tabc\t99999\n", "1\tabc\t1\n", "4\tabc\t1.255\n", "x\tabc\t1\n"):
            with pytest.raises(LocalDataError):
                connection.load(statement, [row])
            connection.rollback()


def test_a_server_gets_no_file_of_this_machine(tmp_path: Path) -> None:
    """A server that answers any question with a demand for a file gets nothing."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden-word")
    got = bytearray()
    demands: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            client, _ = listening.accept()
            with client:

                def send(number: int, payload: bytes) -> None:
                    client.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

                # all it can do but TLS, which the driver would take
                greeting = (
                    b"\x0a5.7.0\x00" + struct.pack("<I", 1) + b"a" * 8 + b"\x00" + struct.pack("<H", 0xF7FF)
                    + b"\x2d" + struct.pack("<H", 2) + struct.pack("<H", 0x000F) + b"\x15" + b"\x00" * 10
                    + b"a" * 12 + b"\x00mysql_native_password\x00"
                )  # fmt: skip
                send(0, greeting)
                client.recv(65536)
                send(2, b"\x00\x00\x00\x02\x00\x00\x00")
                with contextlib.suppress(OSError):
                    while client.recv(65536):
                        demands.append(port)
                        send(1, b"\xfb" + os.fsencode(secret))
                        got.extend(client.recv(65536))
                        send(3, b"\x00\x00\x00\x02\x00\x00\x00")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        ports = PortsForTests(
            credentials={"w": Credentials(url=f"mysql://127.0.0.1:{port}/x", user="u", secret="p")}
        )
        connector = registry().create("mariadb_warehouse", {"connection": "w"}, ports)
        with pytest.raises(ConnectorUnavailable):
            connector.load([item("1")])
        connector.close()
        thread.join(10)
    assert demands
    assert b"hidden-word" not in got


def test_rights_and_settings_that_are_missing_are_said(mariadb: MariaDb, mariadb_database: str) -> None:
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER IF NOT EXISTS reader@'127.0.0.1' IDENTIFIED BY 'hidden-word'")
        cursor.execute(f"GRANT SELECT ON {mariadb_database}.* TO reader@'127.0.0.1'")
    good = mariadb.credentials(mariadb_database)
    for credentials in (
        msgspec.structs.replace(good, user="reader", secret="hidden-word"),
        msgspec.structs.replace(good, secret="wrong-hidden-word"),
        msgspec.structs.replace(good, extra={"database": "nowhere"}),
        msgspec.structs.replace(good, url="postgresql://127.0.0.1/x"),
    ):
        connector = registry().create(
            "mariadb_warehouse", {"connection": "w"}, PortsForTests(credentials={"w": credentials})
        )
        with pytest.raises(ConnectorRefused) as caught:
            connector.load([item("1")])
        assert "hidden-word" not in str(caught.value)
        connector.close()
    strict = registry().create(
        "mariadb_warehouse",
        {"connection": "w", "create_tables": False},
        PortsForTests(credentials={"w": good}),
    )
    assert "lacks warehouse_counter" in strict.check().sentence
    strict.close()


def test_a_commit_whose_answer_is_lost_is_unclear_and_found(
    mariadb: MariaDb, mariadb_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = PortsForTests(credentials={"w": mariadb.credentials(mariadb_database)})
    connector = registry().create("mariadb_warehouse", {"connection": "w"}, ports)
    connector.load([item("1", "A")])
    real = LocalDataConnection.commit

    def commit(driver: LocalDataConnection) -> None:
        real(driver)
        raise pymysql.err.OperationalError(2013, "Lost connection to server during query")

    with monkeypatch.context() as patched:
        patched.setattr(LocalDataConnection, "commit", commit)
        outcomes = connector.load([item("2", "B"), item("3", "C")])
    assert [outcome.state for outcome in outcomes] == [OutcomeState.UNCLEAR] * 2
    assert set(connector.find(["1", "2", "3"])) == {"1", "2", "3"}
    assert isinstance(connector, MariaDbWarehouse)
    connector.close()
