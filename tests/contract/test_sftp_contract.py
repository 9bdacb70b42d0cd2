"""The SFTP connector keeps the contract against OpenSSH: moving, deleting and leaving, by renaming, markers and stillness, and
with connections that are cut at every step of an answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.file_servers import only_pull, sshd  # noqa: F401 - a fixture
from servers.sshd import Sshd

from orderhub.testing import Arrive, ConnectorContract, FailAt, Failure, PortsForTests, Replies, Settings

QUICK = {"attempts": 2, "first_seconds": 0.01, "most_seconds": 0.05}


class TestSftp(ConnectorContract):
    connector = "sftp"

    @pytest.fixture
    def peer(self, sshd: Sshd) -> str:  # noqa: F811 - the fixture
        return sshd.version

    @pytest.fixture
    def proxy(self, sshd: Sshd) -> Iterator[CuttingProxy]:  # noqa: F811 - the fixture
        with cutting_proxy(sshd.port) as proxy:
            yield proxy

    @pytest.fixture
    def ports(self, sshd: Sshd, proxy: CuttingProxy) -> PortsForTests:  # noqa: F811 - the fixture
        return PortsForTests(credentials={"partner": sshd.credentials(port=proxy.port)})

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"connection": "partner", "path": str(tmp_path), "complete_when": "renamed", "retry": QUICK}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        def rename_in(name: str, data: bytes) -> None:
            (tmp_path / f".{name}").write_bytes(data)
            (tmp_path / f".{name}").rename(tmp_path / name)

        return rename_in

    @pytest.fixture
    def state(self, tmp_path: Path) -> Callable[[], object]:
        return lambda: sorted(os.walk(tmp_path))

    @pytest.fixture
    def replies(self, tmp_path: Path) -> Replies:
        return lambda: {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.startswith(".")}

    @pytest.fixture
    def reply_fails_at(self, proxy: CuttingProxy) -> FailAt:
        """The connection is cut before every fifth piece that the client sends."""

        @contextmanager
        def failing(step: int) -> Iterator[Failure]:
            failure, before = Failure(), proxy.cuts
            proxy.cut_after_pieces_sent(5 * step)
            try:
                yield failure
            finally:
                proxy.cut_after_pieces_sent(None)
                failure.happened = proxy.cuts > before

        return failing

    @pytest.fixture
    def unreachable(self, sshd: Sshd, settings: Settings) -> tuple[Settings, PortsForTests]:  # noqa: F811
        return settings, PortsForTests(credentials={"partner": sshd.credentials(port=1)})


@only_pull
class TestSftpDeleted(TestSftp):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {
            "connection": "partner",
            "path": str(tmp_path),
            "complete_when": "renamed",
            "after": "delete",
            "retry": QUICK,
        }


@only_pull
class TestSftpLeft(TestSftp):
    """Files are left where they are; what was pulled is remembered by the bookmark alone."""

    test_settled_is_not_pulled_again_and_the_rest_is = None
    test_settle_is_repeatable_also_by_another_process = None

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {
            "connection": "partner",
            "path": str(tmp_path),
            "complete_when": "renamed",
            "after": "leave",
            "retry": QUICK,
        }


@only_pull
class TestSftpByMarkers(TestSftp):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"connection": "partner", "path": str(tmp_path), "complete_when": "marker", "retry": QUICK}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        def write_and_mark(name: str, data: bytes) -> None:
            (tmp_path / name).write_bytes(data)
            (tmp_path / f"{name}.done").touch()

        return write_and_mark


@only_pull
class TestSftpByStillness(TestSftp):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"connection": "partner", "path": str(tmp_path), "stable_seconds": 0.05, "retry": QUICK}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        return lambda name, data: (tmp_path / name).write_bytes(data)
