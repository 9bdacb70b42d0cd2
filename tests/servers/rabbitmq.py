"""A real RabbitMQ of the tests' own: in a temporary folder, with an epmd of its own, on free ports, gone with the test run."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import pytest
from pika import exceptions
from servers import lifetime
from servers.certificates import make_authority
from servers.free_ports import free_port
from short_folders import short_folder

from orderhub.connector import Credentials

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_SECONDS = 90
_numbers = itertools.count(1)


class RabbitMq:
    """A running broker. ``kill`` is a power cut for its process, ``start`` brings it back with what it has on disk."""

    def __init__(self, folder: Path) -> None:
        self.port, self.tls_port = free_port(), free_port()
        #: Of its TLS port.
        self.authority = make_authority(folder)
        self._folder = folder
        self._epmd_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._broker: subprocess.Popen[bytes] | None = None
        self._name = f"oh{os.getpid()}n{next(_numbers)}@localhost"
        (folder / "rabbitmq.conf").write_text(
            "\n".join(
                (
                    f"listeners.tcp.1 = 127.0.0.1:{self.port}",
                    f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}",
                    f"ssl_options.cacertfile = {self.authority.ca_file}",
                    f"ssl_options.certfile = {self.authority.server}",
                    f"ssl_options.keyfile = {self.authority.server}",
                    "num_acceptors.ssl = 2",
                    "num_acceptors.tcp = 2",
                    "disk_free_limit.absolute = 50MB",
                    "loopback_users = none",
                    "log.console = false",
                    "log.file.level = warning",
                    "",
                )
            )
        )
        (folder / "plugins").write_text("[].\n")
        (folder / "env.conf").write_text("")

    def start(self) -> None:
        """Returns when it answers."""
        folder = self._folder
        environment = {
            "PATH": os.environ["PATH"],
            # the cookie of Erlang is made here
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._name,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SCHEDULER_BIND_TYPE": "u",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none -noinput",
            # then the script becomes the broker, and its process is ours to kill
            "RABBITMQ_ALLOW_INPUT": "true",
        }
        if self._epmd is None:
            self._epmd = lifetime.start(
                ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                stdin=subprocess.DEVNULL,
            )
        with (folder / "output").open("ab") as output:
            self._broker = lifetime.start(
                [str(_PROGRAM)],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                # pika leaves the socket of a failed attempt to the garbage collector
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                self.connect().close()
            except (exceptions.AMQPError, OSError):
                if self._broker.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"RabbitMQ did not start:\n{self._said()}") from None
                time.sleep(0.1)
            else:
                return

    def kill(self) -> None:
        """SIGKILL: nothing is said, flushed or closed."""
        assert self._broker is not None
        self._broker.kill()
        self._broker.wait(10)

    def stop(self) -> None:
        """The broker, whatever it started, and its epmd."""
        if self._broker is not None:
            for how in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self._broker.pid, how)
                except ProcessLookupError:
                    break
                try:
                    self._broker.wait(10)
                except subprocess.TimeoutExpired:
                    continue
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)

    def connect(self) -> pika.BlockingConnection:
        """A connection of the test's own, past every connector."""
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                "127.0.0.1",
                self.port,
                connection_attempts=1,
                socket_timeout=10,
                blocked_connection_timeout=10,
            )
        )

    def credentials(self, port: int | None = None) -> Credentials:
        """As the hub has it; through another port for a proxy."""
        return Credentials(url=f"amqp://127.0.0.1:{port or self.port}", user="guest", secret="guest")

    def _said(self) -> str:
        said = (self._folder / "output").read_text(errors="replace")[-3000:]
        for log in (self._folder / "log").glob("*.log"):
            said += log.read_text(errors="replace")[-3000:]
        return said


@contextmanager
def rabbitmq() -> Iterator[RabbitMq]:
    """A broker; skips the test where RabbitMQ is not installed."""
    if not _PROGRAM.is_file() or shutil.which("epmd") is None:
        pytest.skip("RabbitMQ is missing (Debian: rabbitmq-server)")
    with short_folder("rabbit") as folder:
        broker = RabbitMq(folder)
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()
