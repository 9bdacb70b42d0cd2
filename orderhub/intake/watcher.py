"""The intake process: watches the folders of flows that start on arrival, listens to wake-ups, starts runs.

Sources of wake-ups, so that none of them is needed: changes that the operating system reports (fast), a look at
every folder every few seconds (after a restart, on file systems that report nothing), questions to servers, tables and
queues (``polling``), the Valkey stream (other processes and machines), and open work in the ledger (a retry, a target that
was away). All end at one dispatcher. New, changed and removed flow files are picked up as they come.
"""

from __future__ import annotations

import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import redis
import watchfiles

from orderhub.connector import ConnectorSettings, Watch
from orderhub.errors import HubError
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.dispatcher import Dispatcher
from orderhub.intake.folders import News, WatchedFolder
from orderhub.intake.polling.messages import Use
from orderhub.intake.polling.poller import Poller
from orderhub.intake.reminders import LedgerView, Reminders
from orderhub.intake.scheduler_api import Started
from orderhub.intake.wake import WakeStream
from orderhub.stage import Flow

log = logging.getLogger(__name__)

#: Seconds between two looks at all folders and at the flow files.
RESCAN = 2.0
#: A writer makes several changes; they are taken together when none came for STEP, and at the latest after DEBOUNCE.
DEBOUNCE_MS = 200
STEP_MS = 20
#: Seconds before Valkey is tried again.
RECONNECT = 1.0

SettingsOf = Callable[[Flow], ConnectorSettings]
#: (flow, reminder): something waits at a place that was asked.
Arrived = Callable[[str, bool], None]


@dataclass(slots=True)
class _Change:
    """What a watcher thread tells the main loop: something changed below these paths."""

    paths: tuple[Path, ...]


@dataclass(slots=True)
class _Wake:
    flow: str


@dataclass(slots=True)
class _Waits:
    """Something waits at a place that was asked."""

    flow: str
    reminder: bool


class Intake:
    """``settings_of`` gives the checked connector settings of a flow's pull step; ``inbox`` is what relative folders
    start from; ``start(flow, reminder)`` queues a run; ``ledger`` says what is paused and what is open; ``valkey_url``
    None means: no stream; ``poller`` makes what asks the places that tell nothing by themselves, None: nobody asks."""

    def __init__(
        self,
        flows: FlowRegistry,
        settings_of: SettingsOf,
        inbox: Path,
        start: Callable[[str, bool], Started],
        *,
        valkey_url: str | None = None,
        ledger: Callable[[], LedgerView] = LedgerView,
        rescan_seconds: float = RESCAN,
        poller: Callable[[Arrived], Poller] | None = None,
    ) -> None:
        self._flows = flows
        self._settings_of = settings_of
        self._inbox = inbox
        self._dispatcher = Dispatcher(start)
        self._valkey_url = valkey_url
        self._ledger = ledger
        self._reminders = Reminders()
        self._rescan = rescan_seconds
        self._events: queue.SimpleQueue[_Change | _Wake | _Waits] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._folders: dict[str, WatchedFolder] = {}
        self._polled: dict[str, Use] = {}
        self._poller = (
            poller(lambda flow, reminder: self._events.put(_Waits(flow, reminder))) if poller else None
        )
        self._defined: dict[str, str] = {}
        self._watching: dict[bool, tuple[frozenset[Path], threading.Event]] = {}
        self._publisher = WakeStream(valkey_url) if valkey_url else None
        self._reading = threading.Event()
        self._threads: list[threading.Thread] = []

    def stop(self, *_: object) -> None:
        """End ``run`` soon; usable as a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Work until ``stop``."""
        if self._valkey_url:
            self._thread(self._listen, "wake-stream")
        next_look = 0.0
        log.info("intake: ready")
        while not self._stop.is_set():
            if time.monotonic() >= next_look:
                self._refresh()
                self._look(self._folders.values())
                next_look = time.monotonic() + self._rescan
            self._dispatcher.work()
            self._take(self._dispatcher.seconds_to_next(min(0.5, self._rescan)))
        for _, ended in self._watching.values():
            ended.set()
        if self._poller:
            self._poller.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._publisher:
            self._publisher.close()
        log.info("intake: stopped")

    def _take(self, seconds: float) -> None:
        """Handle what the threads report; wait for the first at most so long."""
        try:
            event = self._events.get(timeout=seconds) if seconds > 0 else self._events.get_nowait()
            while True:
                if isinstance(event, _Wake):
                    if event.flow in self._defined:
                        self._dispatcher.wake(event.flow)
                elif isinstance(event, _Waits):
                    if event.flow in self._polled:
                        self._dispatcher.wake(event.flow, reminder=event.reminder)
                else:
                    folders = self._folders.values()
                    self._look([f for f in folders if any(f.concerns(path) for path in event.paths)])
                event = self._events.get_nowait()
        except queue.Empty:
            return

    def _look(self, folders: Iterable[WatchedFolder]) -> None:
        for folder in folders:
            news = folder.news()
            if news is News.ARRIVED:
                self._wake(folder.flow)
            elif news is News.LEFT:
                self._dispatcher.wake(folder.flow, reminder=True)

    def _wake(self, flow: str) -> None:
        # through Valkey where somebody listens, so that wake-ups have one way; else straight on
        if not (self._publisher and self._reading.is_set() and self._publisher.publish(flow)):
            self._dispatcher.wake(flow)

    def _refresh(self) -> None:
        """Look at the flow files and at what is paused, and watch accordingly."""
        try:
            view = self._ledger()
        except HubError as error:
            # without its ledger no run could do anything; arrivals stay where they are until it is back
            log.warning("the ledger cannot be asked: %s", error)
            return
        flows = {f.name: f for f in self._flows.flows() if not f.paused and f.name not in view.paused}
        for name in self._reminders.due(view.open & flows.keys()):
            self._dispatcher.wake(name, reminder=True)
        defined = {name: flow.content_hash for name, flow in flows.items()}
        if defined == self._defined:
            self._watch_folders()
            return
        for name in self._defined.keys() - defined.keys():
            self._dispatcher.forget(name)
        folders: dict[str, WatchedFolder] = {}
        polled: dict[str, Use] = {}
        for name, flow in flows.items():
            if not flow.trigger.arrival:
                continue
            same = self._defined.get(name) == defined[name]
            if same and name in self._folders:
                folders[name] = self._folders[name]
            elif same and name in self._polled:
                polled[name] = self._polled[name]
            else:
                found = self._watched(flow)
                if isinstance(found, WatchedFolder):
                    folders[name] = found
                elif found is not None:
                    polled[name] = found
        self._folders = folders
        self._defined = defined
        if self._poller and polled != self._polled:
            self._poller.set_uses(polled)
        self._polled = polled
        self._watch_folders()

    def _watched(self, flow: Flow) -> WatchedFolder | Use | None:
        try:
            settings = self._settings_of(flow)
            watch, poll = settings.watch(), settings.poll()
        except HubError as error:
            log.warning("flow %s is not watched: %s", flow.name, error, extra={"flow": flow.name})
            return None
        if watch is not None:
            log.info("flow %s: watching %s", flow.name, watch.path, extra={"flow": flow.name})
            return self._folder(flow, watch)
        if poll is None or self._poller is None:
            log.info("flow %s: its connector has no folder to watch; it is woken by others", flow.name)
            return None
        log.info(
            "flow %s: %s is asked every %.0f s",
            flow.name,
            poll.host or flow.pull.connector,
            poll.seconds,
            extra={"flow": flow.name},
        )
        return Use(
            flow=flow.name,
            connector=flow.pull.connector,
            settings=flow.pull.settings,
            stream=flow.pull.stream,
            poll=poll,
        )

    def _folder(self, flow: Flow, watch: Watch) -> WatchedFolder:
        path = Path(watch.path)
        if not path.is_absolute():
            path = self._inbox / path
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                log.warning("cannot make %s: %s", path, error.strerror)
        return WatchedFolder(flow=flow.name, path=path, watch=watch)

    def _watch_folders(self) -> None:
        """Keep one watcher thread for flat folders and one for trees, over the folders that are there now."""
        for recursive in (False, True):
            wanted = frozenset(
                f.path for f in self._folders.values() if f.watch.recursive is recursive and f.path.is_dir()
            )
            current, ended = self._watching.get(recursive, (frozenset(), threading.Event()))
            if wanted == current and not ended.is_set():
                continue
            ended.set()
            ended = threading.Event()
            self._watching[recursive] = (wanted, ended)
            if wanted:
                self._thread(self._follow, f"watch-{len(wanted)}", wanted, recursive, ended)

    def _follow(self, paths: frozenset[Path], recursive: bool, ended: threading.Event) -> None:
        try:
            for changes in watchfiles.watch(
                *paths,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                stop_event=ended,
                rust_timeout=1000,
                recursive=recursive,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                arrived = [Path(path) for kind, path in changes if kind is not watchfiles.Change.deleted]
                if arrived:
                    self._events.put(_Change(tuple(arrived)))
        except (OSError, RuntimeError) as error:
            # a folder that was taken away, or no watches left in the system: the regular look goes on
            log.warning("folders are looked at every %.0f s only: %s", self._rescan, error)
        # the next refresh starts it anew
        ended.set()

    def _listen(self) -> None:
        """Read the stream; while Valkey is away, wake-ups go straight to the dispatcher."""
        assert self._valkey_url is not None  # noqa: S101 - started only then
        while not self._stop.is_set():
            stream = WakeStream(self._valkey_url, block_seconds=1.0)
            try:
                stream.position()
                self._reading.set()
                while not self._stop.is_set():
                    for flow in stream.read():
                        self._events.put(_Wake(flow))
            except redis.RedisError as error:
                self._reading.clear()
                log.warning("Valkey does not answer, wake-ups go without it: %s", error)
                self._stop.wait(RECONNECT)
            finally:
                self._reading.clear()
                stream.close()

    def _thread(self, target: Callable[..., None], name: str, *args: object) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=target, name=name, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()


def stop_on_signals(intake: Intake) -> None:
    """End the intake in an orderly way on SIGTERM and SIGINT."""
    signal.signal(signal.SIGTERM, intake.stop)
    signal.signal(signal.SIGINT, intake.stop)
