"""pyftpdlib as an FTP or FTPS server, a process of its own on a free port. What a test wants to go wrong it says by files in the
server's control folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

USER, PASSWORD = "partner", "geheim pass"


@dataclass(frozen=True)
class Ftpd:
    """A running server of one folder.

    ``control``: ``cut_at`` (a number and ``before`` or ``after``) ends the session at its n-th command from now on, before it
    is carried out or before it is answered; ``cut_bytes`` ends it in the middle of the next download after so many bytes.
    The server removes the file when it did so.
    """

    port: int
    folder: Path
    control: Path

    def say(self, name: str, text: str) -> None:
        """Tell the server; whole at once."""
        (self.control / f"{name}.new").write_text(text)
        (self.control / f"{name}.new").rename(self.control / name)


@contextmanager
def running_ftpd(
    folder: Path, *, tls: str = "none", certificate: Path | None = None, **more: Any
) -> Iterator[Ftpd]:
    """Serve a folder.

    :param tls: none, explicit or implicit.
    :param more: ``permissions`` (pyftpdlib's letters), ``mlsd`` (False: an old server), ``session_reuse`` (True: data
        connections must go on with the control connection's TLS session).
    """
    import pytest
    from servers import lifetime
    from servers.free_ports import free_port
    from servers.sshd import stop, wait_for_port

    if importlib.util.find_spec("pyftpdlib") is None:
        pytest.skip("pyftpdlib is missing")
    control = Path(tempfile.mkdtemp(prefix="oh-ftpd-", dir="/tmp"))
    try:
        port = free_port()
        given = {
            "port": port,
            "folder": str(folder),
            "control": str(control),
            "tls": tls,
            "certificate": str(certificate) if certificate is not None else None,
            **more,
        }
        log = control / "log"
        with log.open("wb") as output:
            process = lifetime.start(
                [sys.executable, "-W", "ignore", __file__, json.dumps(given)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            wait_for_port(port, process, log)
            yield Ftpd(port=port, folder=folder, control=control)
        finally:
            stop(process)
    finally:
        shutil.rmtree(control, ignore_errors=True)


def serve(given: dict[str, Any]) -> None:
    """In the server's process."""
    if importlib.util.find_spec("OpenSSL") is None:
        import stdlib_openssl

        stdlib_openssl.install()
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import AsyncChat
    from pyftpdlib.servers import FTPServer

    control = Path(given["control"])
    cut_at, cut_bytes = control / "cut_at", control / "cut_bytes"

    class Data(TLS_DTPHandler):
        sent = 0

        def handle_ssl_established(self) -> None:
            if given.get("session_reuse") and not self.socket.session_reused:
                self.cmd_channel.respond("522 SSL connection failed: session reuse required")
                self.close()

        def use_sendfile(self) -> bool:
            return False

        def send(self, data: bytes) -> int:
            self.sent += len(data)
            with contextlib.suppress(FileNotFoundError):
                if self.sent > int(cut_bytes.read_text()):
                    cut_bytes.unlink()
                    self.cmd_channel.cut()
                    return 0
            return int(super().send(data))

    class Control(TLS_FTPHandler):
        commands = 0
        dtp_handler = Data
        tls_control_required = tls_data_required = given["tls"] != "none"
        certfile = given["certificate"]
        banner = "ready"
        # a stranger's server waits as long as it likes; in a test nobody waits for it
        auth_failed_timeout = 0
        unicode_errors = "surrogateescape"
        silent = False

        if not given.get("mlsd", True):
            proto_cmds = {
                name: value
                for name, value in TLS_FTPHandler.proto_cmds.items()
                if name not in ("MLSD", "MLST")
            }

        def handle(self) -> None:
            if given["tls"] == "implicit":
                self.secure_connection(self.ssl_context)
            else:
                super().handle()

        def handle_ssl_established(self) -> None:
            if given["tls"] == "implicit":
                super().handle()

        def process_command(self, cmd: str, *args: Any, **kwargs: Any) -> None:
            try:
                number, when = cut_at.read_text().split()
            except FileNotFoundError:
                type(self).commands = 0
                super().process_command(cmd, *args, **kwargs)
                return
            type(self).commands += 1
            if type(self).commands <= int(number):
                super().process_command(cmd, *args, **kwargs)
                return
            type(self).commands = 0
            cut_at.unlink()
            if when == "after":
                self.silent = True
                super().process_command(cmd, *args, **kwargs)
            self.cut()

        def push(self, data: str) -> None:
            if self.silent:
                return
            try:
                super().push(data)
            except UnicodeEncodeError:  # pyftpdlib lists such a name, but cannot answer MLST with it
                AsyncChat.push(self, data.encode("utf-8", "surrogateescape"))

        def cut(self) -> None:
            """End both connections without a word."""
            for one in (self.data_channel, self):
                if one is not None:
                    one._error = True
                    one.close()

    handler = (
        Control
        if given["tls"] != "none"
        else type("Plain", (Control,), {"get_ssl_context": classmethod(lambda _: None)})
    )
    if given["tls"] == "none":
        handler.proto_cmds = {
            name: value for name, value in handler.proto_cmds.items() if name not in ("AUTH", "PBSZ", "PROT")
        }
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, given["folder"], perm=given.get("permissions", "elradfmwMT"))
    handler.authorizer = authorizer
    assert issubclass(handler, FTPHandler)
    with FTPServer(("127.0.0.1", given["port"]), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
