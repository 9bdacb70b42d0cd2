"""How often a document is in a warehouse, asked past the connector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from servers.mariadb import MariaDb


def mariadb_effects(server: MariaDb, database: str, keys: Sequence[str]) -> dict[str, int]:
    """Versions with all their lines, per key."""
    with server.connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES LIKE 'warehouse_load'")
        if not cursor.fetchone():
            return {}
        cursor.execute(
            "SELECT l.`key`, count(*) FROM warehouse_load l "
            "JOIN purchase_order o ON o.identity = l.identity AND o.version = l.version "
            "AND o.line_count = (SELECT count(*) FROM purchase_order_line p WHERE p.order_id = o.id) "
            "WHERE l.`key` IN %s GROUP BY l.`key`",
            (list(keys),),
        )
        return {row[0]: int(row[1]) for row in cursor.fetchall()}
