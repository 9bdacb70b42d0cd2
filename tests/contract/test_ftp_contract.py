"""The FTP connector keeps the contract against pyftpdlib: FTPS explicit and implicit, plain FTP, and with sessions that are ended
at every command of an answer, before it is carried out and before it is answered."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.certificates import Authority
from servers.file_servers import authority, only_pull  # noqa: F401 - a fixture
from servers.ftpd import PASSWORD, USER, Ftpd, running_ftpd

from orderhub.connector import Credentials
from orderhub.testing import Arrive, ConnectorContract, FailAt, Failure, PortsForTests, Replies, Settings

QUICK = {"attempts": 2, "first_seconds": 0.01, "most_seconds": 0.05}


class TestFtps(ConnectorContract):
    connector = "ftp"
    peer = f"pyftpdlib {importlib.metadata.version('pyftpdlib')}"
    tls = "explicit"

    @pytest.fixture(scope="class")
    @classmethod
    def ftpd(
        cls,
        tmp_path_factory: pytest.TempPathFactory,
        authority: Authority,  # noqa: F811 - the fixture
    ) -> Iterator[Ftpd]:
        with running_ftpd(
            tmp_path_factory.mktemp("served"),
            tls=cls.tls,
            certificate=authority.server,
            session_reuse=True,
        ) as server:
            yield server

    @pytest.fixture
    def folder(self, ftpd: Ftpd, tmp_path: Path) -> Path:
        """One of this test's own, below the folder that is served."""
        path = ftpd.folder / tmp_path.name
        path.mkdir()
        return path

    @pytest.fixture
    def ports(self, ftpd: Ftpd, authority: Authority) -> PortsForTests:  # noqa: F811 - the fixture
        return PortsForTests(credentials={"partner": self.credentials(ftpd.port, authority)})

    def credentials(self, port: int, trusted: Authority) -> Credentials:
        return Credentials(
            url=f"ftps://localhost:{port}",
            user=USER,
            secret=PASSWORD,
            extra={"ca_file": str(trusted.ca_file)},
        )

    @pytest.fixture
    def settings(self, folder: Path) -> Settings:
        return {
            "connection": "partner",
            "path": folder.name,
            "complete_when": "renamed",
            "tls": self.tls,
            "retry": QUICK,
        }

    @pytest.fixture
    def arrive(self, folder: Path) -> Arrive:
        def rename_in(name: str, data: bytes) -> None:
            (folder / f".{name}").write_bytes(data)
            (folder / f".{name}").rename(folder / name)

        return rename_in

    @pytest.fixture
    def state(self, folder: Path) -> Callable[[], object]:
        return lambda: sorted(os.walk(folder))

    @pytest.fixture
    def replies(self, folder: Path) -> Replies:
        return lambda: {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".")}

    @pytest.fixture
    def reply_fails_at(self, ftpd: Ftpd) -> FailAt:
        """The session is ended at the n-th command, before it is carried out and before it is answered by turns."""

        @contextmanager
        def failing(step: int) -> Iterator[Failure]:
            failure = Failure()
            ftpd.say("cut_at", f"{step // 2} {('before', 'after')[step % 2]}")
            try:
                yield failure
            finally:
                failure.happened = not (ftpd.control / "cut_at").exists()
                (ftpd.control / "cut_at").unlink(missing_ok=True)

        return failing

    @pytest.fixture
    def unreachable(
        self,
        settings: Settings,
        authority: Authority,  # noqa: F811 - the fixture
    ) -> tuple[Settings, PortsForTests]:
        return settings, PortsForTests(credentials={"partner": self.credentials(1, authority)})


@only_pull
class TestFtpsImplicit(TestFtps):
    tls = "implicit"


@only_pull
class TestFtpsDeleted(TestFtps):
    @pytest.fixture
    def settings(self, folder: Path) -> Settings:
        return {
            "connection": "partner",
            "path": folder.name,
            "complete_when": "renamed",
            "after": "delete",
            "retry": QUICK,
        }


@only_pull
class TestFtpsLeft(TestFtps):
    """Files are left where they are; what was pulled is remembered by the bookmark alone."""

    test_settled_is_not_pulled_again_and_the_rest_is = None
    test_settle_is_repeatable_also_by_another_process = None

    @pytest.fixture
    def settings(self, folder: Path) -> Settings:
        return {
            "connection": "partner",
            "path": folder.name,
            "complete_when": "renamed",
            "after": "leave",
            "retry": QUICK,
        }


class TestFtpPlainAndOld(TestFtps):
    """Without TLS, and without the listings that machines can read (RFC 3659)."""

    tls = "none"

    @pytest.fixture(scope="class")
    @classmethod
    def ftpd(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ftpd]:
        with running_ftpd(tmp_path_factory.mktemp("served"), mlsd=False) as server:
            yield server

    @pytest.fixture
    def settings(self, folder: Path) -> Settings:
        return {
            "connection": "partner",
            "path": folder.name,
            "complete_when": "marker",
            "plain": True,
            "retry": QUICK,
        }

    @pytest.fixture
    def arrive(self, folder: Path) -> Arrive:
        def write_and_mark(name: str, data: bytes) -> None:
            (folder / name).write_bytes(data)
            (folder / f"{name}.done").touch()

        return write_and_mark
