"""OpenSSH's own sshd with internal-sftp on a free port, as a process of its own; as root or as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest
from servers import lifetime
from servers.free_ports import free_port

from orderhub.connector import Credentials

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM {pam}
PermitRootLogin yes
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UseDNS no
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {folder}/home
"""


@dataclass(frozen=True)
class Sshd:
    """A running server; ``user_key`` is the path of the private key that it lets in, ``folder`` one of its own,
    ``home`` the one that a sign-in leads to."""

    port: int
    user: str
    user_key: Path
    host_key: asyncssh.SSHKey
    version: str
    folder: Path
    uid: int

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def give(self, path: Path) -> None:
        """Make the user of the server the owner of a folder and what is in it."""
        for one in (path, *path.rglob("*")):
            os.chown(one, self.uid, -1, follow_symlinks=False)

    def credentials(self, *, port: int | None = None, **extra: object) -> Credentials:
        """Of the user with the right key and fingerprint; ``extra`` goes over these, None takes one away."""
        given = {"private_key": str(self.user_key), "fingerprint": self.fingerprint, **extra}
        return Credentials(
            url=f"sftp://127.0.0.1:{port or self.port}",
            user=self.user,
            extra={name: value for name, value in given.items() if value is not None},
        )


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Until somebody listens.

    :raises RuntimeError: with the end of the log, when the process ended or took too long.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(
        f"{process.args!r} does not listen on {port}: {log.read_text(errors='replace')[-2000:]}"
    )


def _version(port: int) -> str:
    """What the server says of itself: ``OpenSSH 9.2p1``."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        banner = connection.makefile("r", encoding="ascii", errors="replace").readline()
    return banner.split("-", 2)[-1].split()[0].replace("_", " ")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it, first kindly."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@contextmanager
def running_sshd(*, ordinary: bool = False) -> Iterator[Sshd]:
    """A server that serves the files of this user; skips the test where there is no sshd.

    :param ordinary: where this user is root, run it as ``nobody``.
    """
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("OpenSSH sshd is missing (Debian: openssh-server)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    uid = pwd.getpwnam("nobody").pw_uid if ordinary and os.getuid() == 0 else os.getuid()
    folder = Path(tempfile.mkdtemp(prefix="oh-sshd-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        for name, key in (("host_key", host_key), ("user_key", user_key)):
            key.write_private_key(folder / name)
            (folder / name).chmod(0o600)
        user_key.write_public_key(folder / "authorized_keys")
        (folder / "authorized_keys").chmod(0o644)
        port = free_port()
        (folder / "config").write_text(
            _CONFIG.format(
                port=port,
                folder=folder,
                # without it a user who has no password at all counts as locked
                pam="yes" if uid != 0 else "no",
            )
        )
        (folder / "home").mkdir()
        for path in folder.iterdir():
            os.chown(path, uid, -1)
        log = folder / "log"
        with log.open("wb") as output:
            process = lifetime.start(
                [program, "-D", "-e", "-f", str(folder / "config")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=uid if uid != os.getuid() else None,
            )
        try:
            wait_for_port(port, process, log)
            yield Sshd(
                port=port,
                user=pwd.getpwuid(uid).pw_name,
                user_key=folder / "user_key",
                host_key=host_key,
                version=_version(port),
                folder=folder,
                uid=uid,
            )
        finally:
            stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":  # pragma: no cover - for looking at it by hand
    with running_sshd() as server:
        sys.stdout.write(f"{server}\n")
        sys.stdin.readline()
