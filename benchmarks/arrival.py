"""From a file dropped into a watched folder to the confirmed order in the ERP.

In the path: the rename into the folder, the system's notice, the intake, Airflow's API, five tasks in processes of their
own, the ledger, the archive, Great Expectations, the warehouse and Tryton over its RPC. The end is the moment at which
the ledger has Tryton's answer to the confirmation; afterwards Tryton itself is asked for every order.

``python -m benchmarks.arrival [--singles 20] [--burst 200]`` uses the hub that runs (``make run``), and starts one in a
temporary folder when none does.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import psycopg

from benchmarks import Result
from connectors.tryton.client import TrytonClient
from connectors.tryton.purchases import ORDERED
from orderhub.connector import Credentials
from orderhub.errors import ServiceError
from orderhub.formats.generate import generate_files
from orderhub.services import endpoints as addresses
from orderhub.services.airflow_parts import access_token, unhealthy
from orderhub.services.endpoints import Endpoints
from orderhub.services.settings import get_settings, load_settings
from orderhub.services.stack import Stack

BENCH = True
FLOW = "edifact_orders"
TARGET = "tryton"
LINES = 5
#: Longest wait for one single file, and for the last of a burst.
PATIENCE = 600.0

_DONE = """
    SELECT d.number, extract(epoch FROM max(o.updated_at)) FROM ledger.document AS d
    JOIN ledger.outbox AS o ON o.document_id = d.id
    WHERE d.number = ANY(%s) AND o.target = %s AND o.state = 'done' GROUP BY d.number
"""


def drop(inbox: Path, files: Sequence[tuple[str, bytes]]) -> dict[str, float]:
    """Put files into the folder as a careful sender does; when each was renamed, by order number."""
    dropped: dict[str, float] = {}
    for name, data in files:
        temporary = inbox / f".{name}.part"
        temporary.write_bytes(data)
        dropped[name.partition(".")[0]] = time.time()
        temporary.rename(inbox / name)
    return dropped


def confirmed(database: psycopg.Connection[tuple[str, float]], numbers: list[str]) -> dict[str, float]:
    """When the ledger had the ERP's confirmation, by order number."""
    return {number: float(at) for number, at in database.execute(_DONE, (numbers, TARGET)).fetchall()}


def wait_for(reachable: Endpoints, dropped: dict[str, float]) -> dict[str, float]:
    """Seconds from the drop to the confirmation, by order number; those that never came are absent."""
    numbers = list(dropped)
    end = time.monotonic() + PATIENCE
    with psycopg.connect(reachable.database_url, autocommit=True) as database:
        done = confirmed(database, numbers)
        while len(done) < len(numbers) and time.monotonic() < end:
            time.sleep(0.1)
            done = confirmed(database, numbers)
    return {number: at - dropped[number] for number, at in done.items()}


def in_erp(reachable: Endpoints, numbers: list[str]) -> int:
    """How many purchases the ERP says it has confirmed under these references."""
    credentials = Credentials(
        url=reachable.erp_url,
        user=reachable.erp_user,
        secret=reachable.erp_password,
        extra={"database": reachable.erp_database},
    )
    client = TrytonClient(credentials, connect_seconds=5, timeout_seconds=60)
    try:
        where = [["reference", "in", numbers], ["state", "in", list(ORDERED)]]
        return int(client.call("model.purchase.purchase.search_count", where, {}, effect=False))
    finally:
        client.close()


def idle(reachable: Endpoints, token: str) -> bool:
    """Whether no run of the flow is at work or waiting."""
    answer = httpx.get(
        f"{reachable.airflow_url}/api/v2/dags/{FLOW}/dagRuns",
        params={"state": ["queued", "running"], "limit": 1},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=10,
    )
    answer.raise_for_status()
    return int(answer.json()["total_entries"]) == 0


def settle(reachable: Endpoints) -> None:
    """Wait until the flow has nothing to do."""
    token = access_token(reachable)
    end = time.monotonic() + PATIENCE
    quiet = 0
    while quiet < 3 and time.monotonic() < end:
        quiet = quiet + 1 if idle(reachable, token) else 0
        time.sleep(0.3)


def measure(
    reachable: Endpoints, *, singles: int = 20, burst: int = 200, seed: int | None = None
) -> list[Result]:
    """Drop single files one after the other, then a burst.

    :raises SystemExit: when an order was missed or is in the ERP more or less than once.
    """
    # other orders at every call, so that nothing is a duplicate
    seed = seed if seed is not None else int(time.time()) % 10**6
    inbox = reachable.inbox_folder / FLOW
    files = list(generate_files("edifact", orders=1 + singles + burst, lines=LINES, seed=seed))
    # the first run after a start pays for what Airflow imports late; it is no part of the measurement
    wait_for(reachable, drop(inbox, files[:1]))
    settle(reachable)
    taken: list[float] = []
    for file in files[1 : 1 + singles]:
        found = wait_for(reachable, drop(inbox, [file]))
        taken += found.values()
        settle(reachable)
    started = time.time()
    dropped = drop(inbox, files[1 + singles :])
    found = wait_for(reachable, dropped)
    last = max((dropped[number] + seconds for number, seconds in found.items()), default=started) - started
    numbers = [name.partition(".")[0] for name, _ in files]
    there = in_erp(reachable, numbers)
    missed = singles + burst - len(taken) - len(found)
    if missed or there != len(numbers):
        raise SystemExit(
            f"{missed} of {singles + burst} orders missed; the ERP has {there} of {len(numbers)}"
        )
    median = statistics.median(taken)
    return [
        Result("arrival_to_erp_median", round(median, 2), 4.0, round(4.0 / median, 2), "s"),
        Result("arrival_to_erp_worst", round(max(taken), 2), None, None, "s"),
        Result(f"burst_of_{burst}_to_last_in_erp", round(last, 1), None, None, "s"),
        Result(f"burst_of_{burst}_missed", float(missed), 0.0, None, "files"),
    ]


@contextmanager
def hub() -> Iterator[Endpoints]:
    """The hub that runs, or one of our own."""
    try:
        reachable = addresses.load()
    except ServiceError:
        reachable = None  # never started
    if reachable is not None and "api-server" not in unhealthy(reachable.airflow_url):
        yield reachable
        return
    folder = Path(tempfile.mkdtemp(prefix="oh-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with Stack(load_settings(data_folder=folder, project_folder=get_settings().project_folder)) as stack:
            yield stack.endpoints
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(rounds: int) -> list[Result]:
    """The bench: 20 single files and a burst of 200, whatever ``rounds`` says."""
    with hub() as reachable:
        return measure(reachable)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the results as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--singles", type=int, default=20)
    parser.add_argument("--burst", type=int, default=200)
    chosen = parser.parse_args(arguments)
    with hub() as reachable:
        results = measure(reachable, singles=chosen.singles, burst=chosen.burst)
    print(msgspec.json.format(msgspec.json.encode(results), indent=1).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
