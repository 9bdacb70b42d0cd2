"""The fault trial: workers of a flow are killed at seeded moments and started again; then everything is counted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis
from orders import MASTER, PROJECT, Consignment, consignment
from ruamel.yaml import YAML

from connectors.tryton.client import TrytonClient
from orderhub.connector import Credentials
from orderhub.services.endpoints import Endpoints

FLOW = "edifact_orders"


@dataclass(frozen=True)
class Plan:
    """What a trial does. The same plan and seed kill at the same moments after the start of a worker."""

    documents: int = 1000
    kills: int = 50
    seed: int = 1
    workers: int = 2
    lease_seconds: float = 3.0
    batch_size: int = 40
    #: Longest life of a worker that is to be killed (seconds); the moments are spread evenly up to it.
    longest_life: float = 2.5
    #: How long the work may stand still after the last kill (seconds).
    patience: float = 60.0
    targets: tuple[str, ...] = ("warehouse", "tryton")


@dataclass
class Result:
    """What was counted. ``faults`` is empty when every promise was kept."""

    plan: Plan
    sent: int = 0
    files: int = 0
    kills: int = 0
    seconds: float = 0.0
    states: dict[str, int] = field(default_factory=dict)
    #: What the killed workers held a lease of; ``between`` is pulling, starting or pausing.
    interrupted: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    in_tryton: int = 0
    in_warehouse: int = 0
    conflicts_reported: int = 0


class Trial:
    """One trial in a folder and a migrated database of its own.

    :param environment: makes ``orderhub`` commands use the services (``Stack.environment``).
    :param valkey_url: emptied with every kill.
    :param erp: the ERP's address, None when the flow does not load into it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        folder: Path,
        database_url: str,
        environment: Mapping[str, str],
        erp: Endpoints | None,
        valkey_url: str,
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.database_url = database_url
        self.erp = erp
        self.valkey = redis.Redis.from_url(valkey_url)
        self.prefix = f"F{plan.seed}X{random.randrange(16**5):05x}"
        self.sent: Consignment = consignment(plan.documents, seed=plan.seed, prefix=self.prefix)
        self.inbox = folder / "inbox"
        self.environment = {
            **os.environ,
            **environment,
            "ORDERHUB_DATABASE_URL": database_url,
            "ORDERHUB_INBOX_FOLDER": str(self.inbox),
            "ORDERHUB_ARCHIVE_URL": (folder / "archive").as_uri(),
            "ORDERHUB_FLOWS_FOLDER": str(self._flows()),
            "ORDERHUB_LOG_LEVEL": "WARNING",
        }

    def _flows(self) -> Path:
        """The project's flow with small batches, and without waiting for files to settle: they are renamed in."""
        yaml = YAML(typ="safe", pure=True)
        flow = yaml.load(PROJECT / "flows" / f"{FLOW}.yaml")
        flow["batch_size"] = self.plan.batch_size
        flow["pull"]["settings"] |= {"complete_when": "renamed"}
        flow["load"] = [target for target in flow["load"] if target["connector"] in self.plan.targets]
        folder = self.folder / "flows"
        folder.mkdir(parents=True)
        with (folder / f"{FLOW}.yaml").open("w", encoding="utf-8") as stream:
            yaml.dump(flow, stream)
        return folder

    def run(self) -> Result:
        """Send, kill, wait, count."""
        began = time.monotonic()
        rng = random.Random(self.plan.seed)
        result = Result(self.plan, sent=self.sent.sent, files=len(self.sent.files))
        self._drop()
        with _Workers(self.environment, self.folder / "workers.log", self._arguments()) as workers:
            for _ in range(self.plan.workers):
                workers.start()
            while result.kills < self.plan.kills:
                time.sleep(rng.uniform(0.02, self.plan.longest_life / self.plan.workers))
                self._keep_pace(result.kills)
                doing = self._doing(workers.kill(rng.randrange(self.plan.workers)))
                result.interrupted[doing] = result.interrupted.get(doing, 0) + 1
                result.kills += 1
                # what is in Valkey may vanish at any moment as well
                self.valkey.flushall()
                workers.start()
                if self._left() == 0:
                    break
            result.faults += self._wait(workers)
        self.valkey.close()
        result.seconds = round(time.monotonic() - began, 1)
        if result.kills < self.plan.kills:
            result.faults.append(
                f"the work was over after {result.kills} kills of {self.plan.kills}; send more or kill sooner"
            )
        self._count(result)
        return result

    def _keep_pace(self, kills: int) -> None:
        """Spread the kills over the whole of the work: a quarter of them before the first effect, the last one when
        three quarters of the effects are done. Never waits for long, so that work which does not advance is killed as well."""
        until = time.monotonic() + 4
        while time.monotonic() < until and kills / self.plan.kills > 0.25 + self._progress():
            time.sleep(0.05)

    def _progress(self) -> float:
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute("SELECT count(*) FROM ledger.outbox WHERE state = 'done'").fetchone()
        assert row is not None
        return float(row[0]) / (len(self.sent.versions) * len(self.plan.targets))

    def _doing(self, worker: int) -> str:
        """What a killed worker held, by the leases it left behind."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                """
                SELECT 'translate' FROM ledger.interchange WHERE lease_owner LIKE %(worker)s
                UNION ALL SELECT 'validate' FROM ledger.batch WHERE lease_owner LIKE %(worker)s AND state = 'open'
                UNION ALL SELECT 'load ' || target FROM ledger.outbox
                    WHERE lease_owner LIKE %(worker)s AND state = 'leased'
                LIMIT 1
                """,
                {"worker": f"%:{worker}:%"},
            ).fetchone()
        return str(row[0]) if row else "between"

    def _arguments(self) -> list[str]:
        return [FLOW, "--repeat", "--pause", "0.05", "--lease-seconds", str(self.plan.lease_seconds)]

    def _drop(self) -> None:
        folder = self.inbox / "edifact_orders"
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.sent.files:
            part = folder / f".{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)

    def _left(self) -> int:
        """How much is still to be done: files, interchanges, batches, effects."""
        waiting = sum(1 for path in (self.inbox / "edifact_orders").iterdir() if path.is_file())
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                """
                SELECT (SELECT count(*) FROM ledger.interchange WHERE state = 'received' OR settled_at IS NULL)
                    + (SELECT count(*) FROM ledger.document WHERE state IN ('translated', 'accepted', 'loading'))
                    + (SELECT count(*) FROM ledger.outbox WHERE state IN ('pending', 'leased', 'in_doubt'))
                """
            ).fetchone()
        assert row is not None
        return waiting + int(row[0])

    def _wait(self, workers: _Workers) -> list[str]:
        least, since = self._left(), time.monotonic()
        while (left := self._left()) > 0:
            if left < least:
                least, since = left, time.monotonic()
            if time.monotonic() - since > self.plan.patience:
                return [
                    f"{left} pieces of work are still open and nothing happened for {self.plan.patience:.0f} s"
                ]
            if faults := workers.dead():
                return faults
            time.sleep(0.2)
        return []

    def _count(self, result: Result) -> None:
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
            self._count_warehouse(connection, result)
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
        if self.erp is not None and "tryton" in self.plan.targets:
            self._count_tryton(result)

    def _count_warehouse(self, connection: psycopg.Connection[tuple[object, ...]], result: Result) -> None:
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
        found: dict[str, list[tuple[tuple[str, int], ...]]] = {}
        for (number, _), lines in versions.items():
            found.setdefault(number, []).append(tuple(lines))
        result.in_warehouse = len(versions)
        self._compare(result, "the warehouse", found)

    def _count_tryton(self, result: Result) -> None:
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
        found: dict[str, list[tuple[tuple[str, int], ...]]] = {}
        for purchase in purchases:
            if purchase["state"] not in ("confirmed", "processing", "done"):
                result.faults.append(f"{purchase['reference']} is {purchase['state']} in Tryton")
            found.setdefault(purchase["reference"], []).append(tuple(contents.get(purchase["id"], ())))
        result.in_tryton = len(purchases)
        self._compare(result, "Tryton", found)

    def _compare(
        self, result: Result, where: str, found: dict[str, list[tuple[tuple[str, int], ...]]]
    ) -> None:
        for number, versions in self.sent.versions.items():
            there = found.get(number, [])
            if not there:
                result.faults.append(f"{number} is lost: {where} does not have it")
            elif len(there) > 1:
                result.faults.append(f"{number} is {len(there)} times in {where}")
            elif there[0] not in versions:
                result.faults.append(f"{number} has a content in {where} that nobody sent: {there[0]}")


def _by_number(rows: list[tuple[object, ...]]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for number, value in rows:
        found.setdefault(str(number), []).append(value)
    return found


class _Workers:
    """Worker processes, each in a group of its own, forked from a process that has everything imported."""

    def __init__(self, environment: Mapping[str, str], log: Path, arguments: list[str]) -> None:
        self._log = log
        self._arguments = arguments
        self._alive: list[int] = []
        self._errors = log.open("ab")
        self._zygote = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            env=dict(environment),
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self._answer("ready")

    def _answer(self, expected: str | None = None) -> str:
        assert self._zygote.stdout is not None
        line = self._zygote.stdout.readline().strip()
        if not line or (expected is not None and line != expected):
            raise RuntimeError(f"the zygote answered {line!r}: {self._log.read_text()[-2000:]}")
        return line

    def _say(self, line: str) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(line + "\n")
        self._zygote.stdin.flush()

    def start(self) -> None:
        self._say(" ".join(["start", str(self._log), *self._arguments]))
        self._alive.append(int(self._answer()))

    def kill(self, index: int) -> int:
        """SIGKILL to one worker's whole group; its process id."""
        worker = self._alive.pop(index)
        os.killpg(worker, signal.SIGKILL)
        self._say("reap")
        return worker

    def dead(self) -> list[str]:
        """Workers that ended by themselves, which none should."""
        gone = []
        for worker in self._alive:
            state = Path(f"/proc/{worker}/stat")
            if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
                gone.append(f"worker {worker} ended by itself: {self._log.read_text()[-2000:]}")
        return gone

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for index in range(len(self._alive) - 1, -1, -1):
            try:
                self.kill(index)
            except ProcessLookupError:
                continue
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.close()
        try:
            self._zygote.wait(10)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()
        self._zygote.stdout.close()
        self._errors.close()
