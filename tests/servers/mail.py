"""Mail servers of the tests' own: Dovecot for IMAP, in a temporary folder; aiosmtpd for SMTP, in a thread. Both over TLS."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import Any

import imapclient
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from servers import lifetime
from servers.certificates import Authority, make_authority
from servers.free_ports import free_port
from short_folders import short_folder

from orderhub.connector import Credentials

PASSWORD = "mail-password"
_START_SECONDS = 60


@dataclass
class Dovecot:
    """A running IMAP server. Every name is a user with an empty mailbox; STARTTLS on ``port``, TLS on ``tls_port``."""

    port: int
    tls_port: int
    authority: Authority
    version: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def credentials(self, user: str, *, tls: bool = True, **extra: Any) -> Credentials:
        """As the hub has it."""
        url = f"imaps://localhost:{self.tls_port}" if tls else f"imap://localhost:{self.port}"
        given = {"ca_file": str(self.authority.ca_file)} | extra
        return Credentials(url=url, user=user, secret=PASSWORD, extra=given)

    @contextmanager
    def mailbox(self, user: str) -> Iterator[Any]:
        """A connection of the test's own, past every connector."""
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        with imapclient.IMAPClient(
            "localhost", self.tls_port, ssl=True, ssl_context=context, timeout=60
        ) as client:
            client.login(user, PASSWORD)
            yield client


@contextmanager
def dovecot(*, expired: bool = False) -> Iterator[Dovecot]:
    """An IMAP server, or one with an expired certificate; skips the test where Dovecot is not installed."""
    program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
    if program is None or not Path("/usr/lib/dovecot/imap").exists():
        pytest.skip("Dovecot is missing (Debian: dovecot-imapd)")
    with short_folder("imap") as folder:
        authority = make_authority(folder)
        certificate = authority.expired if expired else authority.server
        port, tls_port = free_port(), free_port()
        (folder / "dovecot.conf").write_text(_configuration(folder, certificate, port, tls_port))
        process = lifetime.start(
            [program, "-F", "-c", str(folder / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _wait_for(tls_port, process, folder / "log")
            version = subprocess.run(
                [program, "--version"], capture_output=True, text=True, check=True
            ).stdout
            yield Dovecot(port, tls_port, authority, version.split()[0], process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _configuration(folder: Path, certificate: Path, port: int, tls_port: int) -> str:
    """As root, its parts run as users that have no rights; else all as the one user that there is."""
    if os.geteuid() == 0:
        internal, login, owner = "dovecot", "dovenull", pwd.getpwnam("nobody")
    else:
        owner = pwd.getpwuid(os.geteuid())
        internal = login = owner.pw_name
    group = grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name
    mail = folder / "mail"
    mail.mkdir()
    if os.geteuid() == 0:
        os.chown(mail, owner.pw_uid, owner.pw_gid)
    return f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
instance_name = {folder.name}
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
auth_failure_delay = 0
mail_location = maildir:{mail}/%u
mail_home = {mail}/%u
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={mail}/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace") if log.exists() else "nothing"
                raise RuntimeError(f"Dovecot did not start; it said: {said}") from None
            time.sleep(0.05)
        else:
            return


class Post:
    """What the SMTP server took, and what it shall do. ``cut``: ``before`` or ``after`` it took a message, the connection ends
    without an answer. ``refuse``: the answer instead of 250."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.cut: str | None = None
        self.refuse: str | None = None
        self._lock = threading.Lock()

    def messages(self) -> list[Message]:
        """All that was taken, in order."""
        with self._lock:
            return [BytesParser(policy=compat32).parsebytes(raw) for raw in self.taken]

    def clear(self) -> None:
        with self._lock:
            self.taken.clear()
        self.cut = self.refuse = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse is not None:
            return self.refuse
        if self.cut != "before":
            content = envelope.content
            assert isinstance(content, bytes)
            with self._lock:
                self.taken.append(content)
        if self.cut is not None:
            assert server.transport is not None
            server.transport.abort()
        return "250 OK"


@dataclass
class Smtp:
    """A running SMTP server with STARTTLS and sign-in."""

    port: int
    authority: Authority
    post: Post

    def credentials(self, **extra: Any) -> Credentials:
        """As the hub has it."""
        given = {"ca_file": str(self.authority.ca_file)} | extra
        return Credentials(url=f"smtp://localhost:{self.port}", user="hub", secret=PASSWORD, extra=given)


@contextmanager
def smtp(*, expired: bool = False, starttls: bool = True) -> Iterator[Smtp]:
    """An SMTP server; with an expired certificate, or without TLS."""
    with short_folder("smtp") as folder:
        authority = make_authority(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.expired if expired else authority.server)
        post = Post()

        def sign_in(
            server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
        ) -> AuthResult:
            known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
            return AuthResult(success=known)

        port = free_port()
        controller = Controller(
            post,
            hostname="127.0.0.1",
            port=port,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=starttls,
            auth_require_tls=starttls,
            authenticator=sign_in,
            data_size_limit=50_000_000,
            ready_timeout=_START_SECONDS,
        )
        controller.start()
        try:
            yield Smtp(port, authority, post)
        finally:
            controller.stop()
