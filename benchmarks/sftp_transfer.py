"""Small files from OpenSSH's sftp server on this machine: the connector's pull (listing, reading, looking again, hashing, arrivals)
against bare asyncssh reading the same files as fast as it can, and settling each by a rename.

Bare is ``open``, ``read``, ``close`` of as many files at a time as is fastest here, on a connection that is open already and
with the names known; one at a time stands beside it. Times are elapsed seconds, for much of the work is the server's: medians
of rounds in turns.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh

from benchmarks import Result
from connectors.sftp.connector import SftpConnector
from connectors.sftp.settings import SftpSettings
from orderhub.connector import Settlement
from orderhub.formats.generate import generate
from orderhub.testing import PortsForTests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers.sshd import Sshd, running_sshd

BENCH = True

FILES = 2_000
#: Tried here: 16, 32, 64, 128; more than 64 brings nothing.
AT_A_TIME = 64
LIMIT = 0.6


class Bare:
    """asyncssh alone, on an open connection."""

    def __init__(self, server: Sshd, folder: Path, names: list[str]) -> None:
        self.server, self.folder, self.names = server, folder, names
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        self.connection = await asyncssh.connect(
            "127.0.0.1",
            self.server.port,
            username=self.server.user,
            client_keys=[str(self.server.user_key)],
            known_hosts=([self.server.host_key.export_public_key()], [], []),
            config=None,
        )
        self.client = await self.connection.start_sftp_client()

    def close(self) -> None:
        async def end() -> None:
            self.connection.close()
            await self.connection.wait_closed()

        self.loop.run_until_complete(end())
        self.loop.close()

    def read(self, at_a_time: int) -> None:
        read = self.loop.run_until_complete(self._read_all(at_a_time))
        assert len(read) == len(self.names)

    async def _read_all(self, at_a_time: int) -> list[bytes]:
        left = iter(self.names)
        read: list[bytes] = []

        async def work() -> None:
            for name in left:
                async with self.client.open(f"{self.folder}/{name}", "rb") as file:
                    read.append(await file.read())

        await asyncio.gather(*(work() for _ in range(at_a_time)))
        return read


def elapsed(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each, in turns after one round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for counted in range(rounds + 1):
        for name, work in contestants.items():
            start = time.perf_counter()
            work()
            if counted:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def run(rounds: int) -> list[Result]:
    order = b"".join(generate("edifact", orders=1, lines=10, seed=1))
    with running_sshd() as server, tempfile.TemporaryDirectory(dir="/tmp") as place:
        folder = Path(place)
        names = [f"order_{number:05}.edi" for number in range(FILES)]
        for name in names:
            (folder / name).write_bytes(order)
        ports = PortsForTests(credentials={"partner": server.credentials()})
        settings = SftpSettings(connection="partner", path=place, complete_when="renamed")
        connector = SftpConnector(settings, ports)
        bare = Bare(server, folder, names)

        def pull() -> None:
            assert sum(len(one.data or b"") for one in connector.pull("orders", None)) == FILES * len(order)

        try:
            assert connector.check().ok
            seconds = elapsed(
                {"ours": pull, "bare": lambda: bare.read(AT_A_TIME), "one by one": lambda: bare.read(1)},
                rounds,
            )
            start = time.perf_counter()
            for one in connector.pull("orders", None):
                connector.settle(one, Settlement.ACCEPTED)
            settled = time.perf_counter() - start
        finally:
            bare.close()
            connector.close()
    rate = {name: round(FILES / value, 1) for name, value in seconds.items()}
    what = f"SFTP pull of {FILES:,} files of {len(order):,} bytes"
    return [
        Result(
            f"{what} / bare asyncssh, {AT_A_TIME} at a time (limit {LIMIT})",
            rate["ours"],
            rate["bare"],
            round(rate["ours"] / rate["bare"], 3),
            "files/s",
        ),
        Result(
            f"{what} / bare asyncssh, one at a time",
            rate["ours"],
            rate["one by one"],
            round(rate["ours"] / rate["one by one"], 3),
            "files/s",
        ),
        Result(
            f"{what}, each read again and moved away",
            round(FILES / settled, 1),
            None,
            None,
            "files/s",
        ),
    ]
