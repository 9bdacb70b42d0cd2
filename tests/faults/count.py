"""The count at the end of a trial: what the ledger, the targets and the partner's folder have, beside what was sent."""

from __future__ import annotations

from pathlib import Path

import psycopg
from orders import MASTER, Consignment
from plan import Result

from connectors.tryton.client import TrytonClient
from orderhub.connector import Credentials
from orderhub.services.endpoints import Endpoints

#: Of each order number, what a place has: a content for every time that it is there.
Contents = dict[str, list[tuple[tuple[str, int], ...]]]


class Count:
    """Writes into ``result`` what it finds; every difference is one of its ``faults``.

    :param prefix: what the numbers of the trial's orders begin with.
    :param outbox: the partner's folder, with the answers.
    :param erp: the ERP, None when the flow does not load into it.
    """

    def __init__(
        self,
        result: Result,
        sent: Consignment,
        *,
        prefix: str,
        database_url: str,
        outbox: Path,
        erp: Endpoints | None,
    ) -> None:
        self.result = result
        self.sent = sent
        self.prefix = prefix
        self.database_url = database_url
        self.outbox = outbox
        self.erp = erp

    def everything(self) -> None:
        """The ledger with its answers, the warehouse, the ERP."""
        result = self.result
        with psycopg.connect(self.database_url) as connection:
            result.states = dict(
                connection.execute(
                    "SELECT state, count(*) FROM ledger.document WHERE state <> 'superseded' GROUP BY state"
                ).fetchall()
            )
            whole_file_copies = connection.execute(
                "SELECT coalesce(sum(o.messages), 0) FROM ledger.interchange i "
                "JOIN ledger.interchange o ON o.id = i.duplicate_of WHERE i.state = 'duplicate'"
            ).fetchone()
            loaded = _by_number(
                connection.execute(
                    "SELECT number, id FROM ledger.document WHERE state = 'loaded' AND number LIKE %s",
                    (f"{self.prefix}-%",),
                ).fetchall()
            )
            conflicts = _by_number(
                connection.execute(
                    "SELECT number, id FROM ledger.document WHERE state = 'conflict'"
                ).fetchall()
            )
            self._warehouse(connection)
            self._answers(connection)
        assert whole_file_copies is not None
        seen = sum(result.states.values()) + int(whole_file_copies[0])
        if seen != self.sent.sent:
            result.faults.append(
                f"{self.sent.sent} documents were sent, the ledger has {seen}: {result.states}"
            )
        for number in self.sent.versions:
            if len(loaded.get(number, [])) != 1:
                result.faults.append(
                    f"{number} was loaded {len(loaded.get(number, []))} times by the ledger's account"
                )
        result.conflicts_reported = sum(len(found) for number, found in conflicts.items())
        for number in self.sent.conflicts - set(conflicts):
            result.faults.append(f"the conflict of {number} was not reported")
        for number in set(conflicts) - self.sent.conflicts:
            result.faults.append(f"{number} was reported as a conflict and is none")
        if self.erp is not None:
            self._tryton()

    def _answers(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Every file is answered, by numbers without a gap, and what lies in the partner's folder are the stored bytes."""
        numbers = connection.execute(
            "SELECT count(*), count(DISTINCT number), coalesce(max(number), 0) FROM ledger.reply"
        ).fetchone()
        assert numbers is not None
        if len(set(numbers)) != 1:
            self.result.faults.append(
                f"control numbers have gaps or doubles: count, distinct and last are {numbers}"
            )
        unanswered = connection.execute(
            "SELECT i.name FROM ledger.interchange AS i WHERE i.problem IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM ledger.reply_sending AS s WHERE s.interchange_id = i.id)"
        ).fetchall()
        self.result.faults += [f"{row[0]} was not answered" for row in unanswered]
        stored = {
            str(row[0]): row[1]
            for row in connection.execute(
                "SELECT s.name, r.content FROM ledger.reply_sending AS s JOIN ledger.reply AS r ON r.id = s.reply_id"
            )
        }
        written = {path.name: path.read_bytes() for path in self.outbox.rglob("[!.]*.edi")}
        if written != stored:
            self.result.faults.append(
                f"{len(stored)} answers are stored, {len(written)} lie in the partner's folder"
            )

    def _warehouse(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Every version counts: an order that is there in two versions was loaded twice."""
        rows = connection.execute(
            """
            SELECT o.number, o.id, l.gtin, l.quantity FROM warehouse.purchase_order o
            JOIN warehouse.purchase_order_line l ON l.order_id = o.id
            WHERE o.number LIKE %s ORDER BY o.number, o.id, l.position
            """,
            (f"{self.prefix}-%",),
        ).fetchall()
        versions: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for number, version, gtin, quantity in rows:
            versions.setdefault((str(number), int(str(version))), []).append((str(gtin), int(str(quantity))))
        found: Contents = {}
        for (number, _), lines in versions.items():
            found.setdefault(number, []).append(tuple(lines))
        self.result.in_warehouse = len(versions)
        self._compare("the warehouse", found)

    def _tryton(self) -> None:
        """Asked over Tryton's own RPC: confirmed purchases by their reference, and nothing else under it."""
        assert self.erp is not None
        credentials = Credentials(
            url=self.erp.erp_url,
            user=self.erp.erp_user,
            secret=self.erp.erp_password,
            extra={"database": self.erp.erp_database},
        )
        client = TrytonClient(credentials, connect_seconds=5, timeout_seconds=120)
        context: dict[str, object] = {}
        try:
            [preferences] = [client.call("model.res.user.get_preferences", True, context, effect=False)]
            context = {"company": preferences.get("company")}
            purchases = client.call(
                "model.purchase.purchase.search_read",
                [("reference", "like", f"{self.prefix}-%")],
                0,
                None,
                None,
                ["reference", "state"],
                context,
                effect=False,
            )
            lines = client.call(
                "model.purchase.line.search_read",
                [("purchase.reference", "like", f"{self.prefix}-%")],
                0,
                None,
                [("id", "ASC")],
                ["purchase", "product.code", "quantity"],
                context,
                effect=False,
            )
        finally:
            client.close()
        gtins = {item["code"]: item["gtin"] for item in MASTER["items"].values()}
        contents: dict[int, list[tuple[str, int]]] = {}
        for line in lines:
            product = line.get("product.") or {}
            contents.setdefault(line["purchase"], []).append((gtins[product["code"]], int(line["quantity"])))
        found: Contents = {}
        for purchase in purchases:
            if purchase["state"] not in ("confirmed", "processing", "done"):
                self.result.faults.append(f"{purchase['reference']} is {purchase['state']} in Tryton")
            found.setdefault(purchase["reference"], []).append(tuple(contents.get(purchase["id"], ())))
        self.result.in_tryton = len(purchases)
        self._compare("Tryton", found)

    def _compare(self, where: str, found: Contents) -> None:
        for number, versions in self.sent.versions.items():
            there = found.get(number, [])
            if not there:
                self.result.faults.append(f"{number} is lost: {where} does not have it")
            elif len(there) > 1:
                self.result.faults.append(f"{number} is {len(there)} times in {where}")
            elif there[0] not in versions:
                self.result.faults.append(f"{number} has a content in {where} that nobody sent: {there[0]}")


def _by_number(rows: list[tuple[object, ...]]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for number, value in rows:
        found.setdefault(str(number), []).append(value)
    return found
