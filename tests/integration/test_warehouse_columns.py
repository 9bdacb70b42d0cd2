"""A warehouse whose tables are older than the hub says which of them lacks what, and how to mend it."""

from __future__ import annotations

import re

import pytest
from servers.mariadb import MariaDb, mariadb, mariadb_database
from sqlalchemy import Engine

from connectors.mariadb_warehouse.connector import MariaDbWarehouse, MariaDbWarehouseSettings
from orderhub.connector import OutcomeState
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests, load_item, sample_order
from orderhub.warehouse.port import WarehousePort

pytestmark = pytest.mark.integration
__all__ = ["mariadb", "mariadb_database"]


def test_mariadb_names_the_columns_and_the_statements(mariadb: MariaDb, mariadb_database: str) -> None:
    ports = PortsForTests(credentials={"w": mariadb.credentials(mariadb_database)})
    connector = MariaDbWarehouse(MariaDbWarehouseSettings(connection="w"), ports)
    connector.load([load_item(sample_order("A"), key="1")])
    with mariadb.connect(mariadb_database) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE purchase_order DROP note, DROP source_system")
        cursor.execute("ALTER TABLE purchase_order_line DROP amount")
        with pytest.raises(ConnectorUnavailable) as caught:
            connector.load([load_item(sample_order("B"), key="2")])
        said = "purchase_order lacks note, source_system; purchase_order_line lacks amount."
        assert (
            caught.value.what == f"The warehouse's tables are older than the hub, or somebody else's: {said}"
        )
        health = connector.check()
        assert not health.ok
        assert said in health.sentence
        # what it says to run is all that it takes
        statements = re.findall(r"ALTER TABLE [^;]*", caught.value.todo)
        assert len(statements) == 2
        for statement in statements:
            cursor.execute(statement)
    assert connector.check().ok
    [outcome] = connector.load([load_item(sample_order("B"), key="2")])
    assert outcome.state is OutcomeState.WRITTEN
    connector.close()


def test_postgresql_names_the_column_and_the_command(own_engine: Engine) -> None:
    port = WarehousePort(own_engine)
    with own_engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE warehouse.purchase_order DROP note CASCADE")
    with pytest.raises(ConnectorRefused) as caught:
        port.load([load_item(sample_order("A"), key="1")])
    assert 'column "note" of relation "purchase_order" does not exist' in caught.value.what
    assert "orderhub up" in caught.value.todo
