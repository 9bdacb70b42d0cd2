"""``orderhub up``: starts everything, shows how far it is, says where to look, stays until it is told to stop."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from orderhub.errors import HubError
from orderhub.services import demo
from orderhub.services.settings import Settings, load_settings
from orderhub.services.stack import Stack

#: Set by the Makefile: when make is gone, whoever started this is gone too.
STOP_WITH_PARENT = "ORDERHUB__STOP_WITH_PARENT"
_PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """Somebody asked the hub to stop. Not an ``Exception``: nothing on the way may take it for an error."""


class Progress:
    """The steps of the start, each with its time. On a terminal they move; elsewhere each is a line when done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._guard = threading.Lock()
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4, transient=True)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        with self._guard:
            for step, begun in self._begun.items():
                if step not in self._took:
                    table.add_row(Spinner("dots"), step, f"[dim]{time.monotonic() - begun:.0f} s[/dim]")
        return table

    def begin(self, step: str) -> None:
        with self._guard:
            self._begun[step] = time.monotonic()

    def done(self, step: str) -> None:
        with self._guard:
            self._took[step] = took = time.monotonic() - self._begun[step]
        self._console.print(f"[green]✓[/green] {step} [dim]{took:.1f} s[/dim]")

    def note(self, text: str) -> None:
        self._console.print(f"[dim]{text}[/dim]")


def _on_signal(number: int, _: FrameType | None) -> None:
    # from here on a second Ctrl-C changes nothing: stopping is on its way and has its own time limits
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _addresses(stack: Stack) -> Table:
    found = stack.endpoints
    table = Table.grid(padding=(0, 2))
    table.add_row("Airflow and the hub's pages", f"[bold]{found.airflow_url}[/bold]")
    table.add_row(
        "Sign in as", f"[bold]{found.airflow_user}[/bold] with [bold]{found.airflow_password}[/bold]"
    )
    table.add_row("ERP (Tryton)", f"{found.erp_url}, database {found.erp_database}")
    table.add_row("Watched folders", str(found.inbox_folder))
    table.add_row("Answers to partners", str(found.outbox_folder))
    table.add_row("Data, secrets, logs", str(stack.folder.path))
    return table


def report_given_up(console: Console, name: str, tail: str, log: Path) -> None:
    """Say that a program has ended for good, with the end of its log as it stands there."""
    console.print(f"{name} has given up:", style="red", markup=False, highlight=False)
    console.print(f"{tail}\nThe whole log is {log}.", markup=False, highlight=False)


def _stay(stack: Stack, console: Console) -> None:
    parent = os.getppid()
    told: set[str] = set()
    while True:
        time.sleep(2)
        for name in stack.check_programs():
            if name not in told:
                told.add(name)
                report_given_up(
                    console, name, stack.supervisor.log_tail(name), stack.supervisor.log_path(name)
                )
        if os.environ.get(STOP_WITH_PARENT) and os.getppid() != parent:
            raise Stopped("parent")


def run_up(settings: Settings, demo_run: bool = False, *, console: Console | None = None) -> int:
    """Start everything, run the samples when ``demo_run``, and stay up until SIGINT, SIGTERM or SIGHUP.

    :returns: the exit code: 0 when it was stopped, 1 when it could not start or a part of it failed for good.
    """
    # lock, ports, logs and whatever else the hub writes are nobody else's
    os.umask(0o077)
    if console is None:
        console = Console()
        if not console.is_terminal:
            # a log file has no width: tables need not break for it
            console = Console(width=200)
    handlers = {
        each: signal.signal(each, _on_signal) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    parent = os.getppid()
    if os.environ.get(STOP_WITH_PARENT):
        _end_with_parent()
        if os.getppid() != parent:
            return 1
    begun = time.monotonic()
    stack: Stack | None = None
    try:
        with Progress(console) as progress:
            stack = Stack(settings, report=progress)
            if stack.folder.reason:
                console.print(f"The data folder is {stack.folder.path}: {stack.folder.reason}.", markup=False)
            stack.start()
        console.print(f"Everything is up after {time.monotonic() - begun:.0f} s.")
        if demo_run:
            console.print(demo.run(stack, console))
            console.print(f"From the start to this table: {time.monotonic() - begun:.0f} s.")
        console.print(_addresses(stack))
        console.print("It stays up. Ctrl-C stops it.")
        _stay(stack, console)
        return 0
    except Stopped:
        console.print("Stopping …")
        return 0
    except HubError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return 1
    finally:
        for each in handlers:
            signal.signal(each, signal.SIG_IGN)
        if stack is not None:
            stack.stop()
            console.print("Everything is stopped.")
        for each, handler in handlers.items():
            signal.signal(each, handler)


def main() -> None:
    """``python -m orderhub.services.up [--demo]``."""
    try:
        settings = load_settings()
    except HubError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        sys.exit(1)
    sys.exit(run_up(settings, demo_run="--demo" in sys.argv[1:]))


if __name__ == "__main__":
    main()
