"""The fault trial: workers of a flow are killed at seeded moments and started again, and what they stand on is taken away
meanwhile; then everything is counted."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import psycopg
from count import Count
from disturbances import (
    SmallDisk,
    end_sessions,
    flush_valkey,
    kill_valkey,
    restart_erp,
    small_tablespace,
    wait_for_valkey,
)
from orders import PROJECT, Consignment, consignment
from plan import SESSIONS_AT_ONCE, Plan, Result
from ruamel.yaml import YAML
from workers import Workers

from orderhub.services import postgres
from orderhub.services.stack import Stack
from orderhub.services.tryton import health

FLOW = "edifact_orders"
#: What the system and the database say about a full disk.
FULL = b"No space left on device"
#: How long a disk is full, and how long the ERP is away (seconds).
FULL_SECONDS = 1.5
AWAY_SECONDS = 2.0


class Trial:
    """One trial in a folder and a migrated database of its own.

    :param environment: makes ``orderhub`` commands use the services (``Stack.environment``).
    :param stores: PostgreSQL and Valkey, which is emptied with every kill.
    :param erp: the ERP, None when the flow does not load into it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        folder: Path,
        database_url: str,
        environment: Mapping[str, str],
        erp: Stack | None,
        stores: Stack,
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.database_url = database_url
        self.erp = erp
        self.stores = stores
        self.disks: dict[str, SmallDisk] = {}
        self.prefix = f"F{plan.seed}X{random.randrange(16**5):05x}"
        self.sent: Consignment = consignment(
            plan.documents, seed=plan.seed, prefix=self.prefix, largest=plan.largest
        )
        self.inbox = folder / "inbox"
        #: How many of the files were dropped.
        self.dropped = 0
        self.environment = {
            **os.environ,
            **environment,
            "ORDERHUB_DATABASE_URL": database_url,
            "ORDERHUB_INBOX_FOLDER": str(self.inbox),
            "ORDERHUB_OUTBOX_FOLDER": str(folder / "outbox"),
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
        """Send, disturb, wait, count.

        :raises OSError: the plan wants full disks, and this process may not make any.
        """
        began = time.monotonic()
        result = Result(self.plan, sent=self.sent.sent, files=len(self.sent.files))
        with ExitStack() as stack:
            if self.plan.valkey_kills:
                # others use it after this trial
                stack.callback(wait_for_valkey, self.stores.endpoints.valkey_url)
            self._make_disks(stack)
            self._drop(0.5)
            workers = stack.enter_context(
                Workers(self.environment, self.folder / "workers.log", self._arguments())
            )
            for _ in range(self.plan.workers):
                workers.start()
            self._disturb(workers, result)
            self._drop()
            result.faults += self._wait(workers)
            result.seconds = round(time.monotonic() - began, 1)
            self._count(result)
        return result

    def run_on_full_disks(self) -> Result:
        """One half comes while the archive's disk is full, the other while that of the tables is. Each is relieved when a
        worker has met it. Then wait and count.

        :raises OSError: this process may not make small disks.
        """
        result = Result(self.plan, sent=self.sent.sent, files=len(self.sent.files))
        log = self.folder / "workers.log"

        def met(disk: SmallDisk, what: str, *, dropped: float) -> None:
            before = log.read_bytes().count(FULL)
            disk.fill()
            self._drop(dropped)
            until = time.monotonic() + self.plan.patience
            while log.read_bytes().count(FULL) == before:
                if time.monotonic() > until:
                    result.faults.append(f"nobody wrote to the full disk of the {what}")
                    break
                time.sleep(0.05)
            disk.relieve()
            result.happened[f"full {what}"] = 1

        with ExitStack() as stack:
            self._make_disks(stack)
            self._drop(0)
            workers = stack.enter_context(Workers(self.environment, log, self._arguments()))
            for _ in range(self.plan.workers):
                workers.start()
            met(self.disks["archive"], "archive", dropped=0.5)
            met(self.disks["tables"], "tables", dropped=1)
            result.faults += self._wait(workers)
            self._count(result)
        return result

    def _make_disks(self, stack: ExitStack) -> None:
        if self.plan.full_archive:
            self.disks["archive"] = SmallDisk(self.folder / "archive", megabytes=64)
            stack.callback(self.disks["archive"].close)
        if self.plan.full_tables:
            # not below the test's own folder, which PostgreSQL's user cannot enter
            folder = Path(tempfile.mkdtemp(prefix="oh-disk-", dir="/tmp"))
            folder.chmod(0o711)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            disk = self.disks["tables"] = SmallDisk(folder / "disk", megabytes=512)
            stack.callback(disk.close)
            stack.enter_context(
                small_tablespace(
                    self.stores.superuser_dsn, self.database_url, disk, owner=postgres.system_user()
                )
            )

    def _disturb(self, workers: Workers, result: Result) -> None:
        """Everything of the plan, in a seeded order at seeded moments, spread over the work."""
        rng = random.Random(self.plan.seed)
        events = self.plan.events
        rng.shuffle(events)
        for number, event in enumerate(events):
            time.sleep(rng.uniform(0.02, self.plan.longest_life / self.plan.workers))
            self._keep_pace(number / len(events))
            # the second half comes with the disturbances, so that quick work is not over before the last of them
            before = self.dropped
            self._drop(0.5 + 0.5 * (number + 1) / len(events))
            if self.dropped == before and self._left() == 0:
                result.faults.append(
                    f"the work was over after {number} of {len(events)} disturbances; send more or disturb sooner"
                )
                return
            if event == "kill":
                doing = self._doing(workers.kill(rng.randrange(self.plan.workers)))
                result.interrupted[doing] = result.interrupted.get(doing, 0) + 1
                result.kills += 1
                # what is in Valkey may vanish at any moment as well
                flush_valkey(self.stores.endpoints.valkey_url)
                workers.start()
            else:
                count = self._happen(event, rng, result.happened.get(event, 0))
                result.happened[event] = result.happened.get(event, 0) + count

    def _happen(self, event: str, rng: random.Random, before: int) -> int:
        if event == "sessions":
            return self._end_sessions(rng, before)
        if event == "valkey":
            kill_valkey(self.stores)
        elif event == "erp":
            assert self.erp is not None
            url = self.erp.endpoints.erp_url
            restart_erp(self.erp, away_seconds=AWAY_SECONDS, alive=lambda: health.answers(url))
        else:
            disk = self.disks[event.removeprefix("full ")]
            disk.fill()
            time.sleep(FULL_SECONDS)
            disk.relieve()
        return 1

    def _end_sessions(self, rng: random.Random, before: int) -> int:
        """As many at once as there are, so that the plan's sum is reached with its last event."""
        wanted = min(SESSIONS_AT_ONCE, self.plan.sessions - before)
        until, ended = time.monotonic() + 60, 0
        while ended < wanted and time.monotonic() < until:
            ended += end_sessions(self.database_url, rng, wanted - ended)
            time.sleep(0.05)
        return ended

    def _keep_pace(self, done: float) -> None:
        """Spread the disturbances over the work: a good part of them before the first effect, the last one when a good half of
        the effects is done: what is quick must not be over before it. Never waits for long, so that work which does not
        advance is disturbed as well.

        :param done: the share of the disturbances that has happened.
        """
        until = time.monotonic() + 4
        while time.monotonic() < until and done > 0.4 + self._progress():
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

    def _drop(self, share: float = 1.0) -> None:
        """Drop what is not dropped yet of the first ``share`` of the files."""
        folder = self.inbox / "edifact_orders"
        folder.mkdir(parents=True, exist_ok=True)
        until = int(share * len(self.sent.files))
        for name, data in self.sent.files[self.dropped : until]:
            part = folder / f".{name}.part"
            part.write_bytes(data)
            part.replace(folder / name)
        self.dropped = max(self.dropped, until)

    def _left(self) -> int:
        """How much is still to be done: files, interchanges, batches, effects, answers."""
        waiting = sum(1 for path in (self.inbox / "edifact_orders").iterdir() if path.is_file())
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                """
                SELECT (SELECT count(*) FROM ledger.interchange
                        WHERE state = 'received' OR settled_at IS NULL OR answered_at IS NULL)
                    + (SELECT count(*) FROM ledger.reply_sending WHERE state <> 'sent')
                    + (SELECT count(*) FROM ledger.document WHERE state IN ('translated', 'accepted', 'loading'))
                    + (SELECT count(*) FROM ledger.outbox WHERE state IN ('pending', 'leased', 'in_doubt'))
                """
            ).fetchone()
        assert row is not None
        return waiting + int(row[0])

    def _wait(self, workers: Workers) -> list[str]:
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
        Count(
            result,
            self.sent,
            prefix=self.prefix,
            database_url=self.database_url,
            outbox=self.folder / "outbox",
            erp=self.erp.endpoints if self.erp and "tryton" in self.plan.targets else None,
        ).everything()
