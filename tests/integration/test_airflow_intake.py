"""The intake with real folders, the system's file notices and a real Valkey; the scheduler is a list of its starts."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.dispatcher import COALESCE, Dispatcher
from orderhub.intake.reminders import LedgerView, Reminders
from orderhub.intake.scheduler_api import SchedulerUnavailable, Started
from orderhub.intake.wake import STREAM, WakeStream
from orderhub.intake.watcher import Intake

pytestmark = pytest.mark.integration

FLOW = """\
flow: {name}
owner: procurement
trigger: {{arrival: true}}
pull: {{connector: folder, settings: {{path: {name}}}}}
load: [{{connector: warehouse}}]
"""


class Scheduler:
    """Takes starts as Airflow would; ``down`` makes it refuse, ``unknown`` holds flows it has not parsed."""

    def __init__(self) -> None:
        self.started: list[tuple[float, str, bool]] = []
        self.down = False
        self.unknown: set[str] = set()
        self.tries = 0

    def __call__(self, flow: str, reminder: bool = False) -> Started:
        self.tries += 1
        if self.down:
            raise SchedulerUnavailable("Airflow does not answer.", todo="Wait.")
        if flow in self.unknown:
            return Started.UNKNOWN
        self.started.append((time.monotonic(), flow, reminder))
        return Started.QUEUED

    def flows(self) -> list[str]:
        """What was started because something is new; reminders of what lies there come when a test takes long."""
        return [flow for _, flow, reminder in self.started if not reminder]


@pytest.fixture
def scheduler() -> Scheduler:
    return Scheduler()


@contextmanager
def running(
    folder: Path,
    scheduler: Callable[[str, bool], Started],
    *,
    valkey_url: str | None = None,
    ledger: Callable[[], LedgerView] = LedgerView,
    rescan_seconds: float = 0.5,
) -> Iterator[Intake]:
    connectors = ConnectorRegistry()
    (folder / "flows").mkdir(exist_ok=True)
    intake = Intake(
        FlowRegistry(folder / "flows"),
        lambda flow: connectors.settings(flow.pull.connector, flow.pull.settings),
        folder / "inbox",
        scheduler,
        valkey_url=valkey_url,
        ledger=ledger,
        rescan_seconds=rescan_seconds,
    )
    thread = threading.Thread(target=intake.run)
    thread.start()
    try:
        yield intake
    finally:
        intake.stop()
        thread.join(timeout=60)
    assert not thread.is_alive()


def flow(folder: Path, name: str, more: str = "") -> Path:
    (folder / "flows").mkdir(exist_ok=True)
    part = folder / "flows" / f".{name}.part"
    part.write_text(FLOW.format(name=name) + more, encoding="utf-8")
    return part.rename(folder / "flows" / f"{name}.yaml")


def noticed(folder: Path, name: str) -> None:
    """Wait until the intake has seen what became of the flow files: it knows one more, and its folder is there."""
    flow(folder, name)
    until((folder / "inbox" / name).is_dir, "a look at the flow files")


def drop(folder: Path, name: str, text: str = "x") -> Path:
    """As a careful sender does: written under another name, renamed when complete."""
    temporary = folder / f".{name}"
    temporary.write_text(text, encoding="utf-8")
    return temporary.rename(folder / name)


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.01)


def test_a_file_that_arrives_wakes_its_flow_at_once(tmp_path: Path, scheduler: Scheduler) -> None:
    """The next look at the folders is an hour away."""
    flow(tmp_path, "acme")
    flow(tmp_path, "other")
    inbox = tmp_path / "inbox" / "acme"
    numbers = itertools.count()

    def one_more_is_noticed() -> bool:
        drop(inbox, f"{next(numbers)}.edi")
        time.sleep(0.3)
        return bool(scheduler.started)

    with running(tmp_path, scheduler, rescan_seconds=3600):
        until(inbox.is_dir, "the folder")
        # the system tells what comes from some moment on
        until(one_more_is_noticed, "a start")
    assert set(scheduler.flows()) == {"acme"}


def test_a_burst_is_a_few_starts_and_the_last_file_has_one_after_it(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    flow(tmp_path, "acme")
    inbox = tmp_path / "inbox" / "acme"
    seen: list[bool] = []

    def start(flow: str, reminder: bool = False) -> Started:
        seen.append((inbox / "199.edi").exists())
        return scheduler(flow, reminder)

    began = time.monotonic()
    with running(tmp_path, start):
        until(inbox.is_dir, "the folder")
        for number in range(200):
            drop(inbox, f"{number}.edi")
        until(lambda: any(seen), "a start when the last file was there")
    assert len(seen) <= 1 + (time.monotonic() - began) / COALESCE


def test_files_that_were_there_before_the_intake_started_are_not_missed(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    flow(tmp_path, "acme")
    (tmp_path / "inbox" / "acme").mkdir(parents=True)
    drop(tmp_path / "inbox" / "acme", "order.edi")
    with running(tmp_path, scheduler):
        until(lambda: scheduler.flows() == ["acme"], "a start")


def test_temporary_names_and_what_is_put_away_wake_nobody(tmp_path: Path, scheduler: Scheduler) -> None:
    flow(tmp_path, "acme")
    with running(tmp_path, scheduler):
        inbox = tmp_path / "inbox" / "acme"
        until(inbox.is_dir, "the folder")
        (inbox / "order.edi.part").write_text("half", encoding="utf-8")
        (inbox / "processed" / "2026-01-01").mkdir(parents=True)
        (inbox / "processed" / "2026-01-01" / "order.edi").write_text("x", encoding="utf-8")
        time.sleep(1.5)
    assert scheduler.started == []


def test_a_new_flow_file_is_watched_and_a_removed_or_paused_one_is_not(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    with running(tmp_path, scheduler):
        noticed(tmp_path, "first_look")
        path = flow(tmp_path, "late")
        until((tmp_path / "inbox" / "late").is_dir, "the folder of the new flow")
        drop(tmp_path / "inbox" / "late", "one.edi")
        until(lambda: scheduler.flows() == ["late"], "a start of the new flow")
        flow(tmp_path, "late", "paused: true\n")
        noticed(tmp_path, "second_look")
        drop(tmp_path / "inbox" / "late", "two.edi")
        time.sleep(1.2)
        assert scheduler.flows() == ["late"]
        flow(tmp_path, "late")
        until(lambda: scheduler.flows() == ["late"] * 2, "a start for what arrived during the pause")
        path.unlink()
        noticed(tmp_path, "third_look")
        drop(tmp_path / "inbox" / "late", "three.edi")
        time.sleep(1.2)
    assert scheduler.flows() == ["late"] * 2


def test_while_the_scheduler_is_away_the_wake_up_stays_due(tmp_path: Path, scheduler: Scheduler) -> None:
    scheduler.down = True
    flow(tmp_path, "acme")
    with running(tmp_path, scheduler):
        until((tmp_path / "inbox" / "acme").is_dir, "the folder")
        drop(tmp_path / "inbox" / "acme", "order.edi")
        until(lambda: scheduler.tries >= 2, "a second try")
        assert scheduler.started == []
        scheduler.down = False
        until(lambda: scheduler.flows() == ["acme"], "a start")


def test_a_folder_that_is_taken_away_and_comes_back_is_watched_again(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    flow(tmp_path, "acme")
    with running(tmp_path, scheduler):
        inbox = tmp_path / "inbox" / "acme"
        until(inbox.is_dir, "the folder")
        shutil.rmtree(inbox)
        time.sleep(1.2)
        inbox.mkdir()
        drop(inbox, "order.edi")
        until(lambda: scheduler.flows() == ["acme"], "a start")


def test_other_processes_wake_a_flow_through_valkey(
    tmp_path: Path, scheduler: Scheduler, valkey_url: str, valkey: redis.Redis
) -> None:
    flow(tmp_path, "acme")
    with running(tmp_path, scheduler, valkey_url=valkey_url):
        until((tmp_path / "inbox" / "acme").is_dir, "the folder")
        until(lambda: any(one["cmd"] == "xread" for one in valkey.client_list()), "somebody who listens")
        stream = WakeStream(valkey_url)
        assert stream.publish("acme")
        until(lambda: scheduler.flows() == ["acme"], "a start")
        assert stream.publish("a_flow_that_is_not_there")
        # nothing of it is needed: emptied in the middle, the next arrival is noticed all the same
        valkey.flushall()
        drop(tmp_path / "inbox" / "acme", "order.edi")
        until(lambda: scheduler.flows() == ["acme"] * 2, "a start after FLUSHALL")
        assert valkey.xlen(STREAM) == 1
        stream.close()


def test_without_valkey_arrivals_start_runs_all_the_same(tmp_path: Path, scheduler: Scheduler) -> None:
    flow(tmp_path, "acme")
    with running(tmp_path, scheduler, valkey_url="redis://127.0.0.1:1/0"):
        until((tmp_path / "inbox" / "acme").is_dir, "the folder")
        drop(tmp_path / "inbox" / "acme", "order.edi")
        until(lambda: scheduler.flows() == ["acme"], "a start")


def test_open_work_in_the_ledger_starts_a_run_although_no_wake_up_came(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    flow(tmp_path, "acme")
    view = LedgerView(open=frozenset({"acme", "unknown_flow"}))
    with running(tmp_path, scheduler, ledger=lambda: view):
        until(lambda: scheduler.started, "a start")
    assert scheduler.started[0][1:] == ("acme", True)


def test_a_paused_flow_is_not_woken_and_goes_on_when_it_is_resumed(
    tmp_path: Path, scheduler: Scheduler
) -> None:
    flow(tmp_path, "acme")
    paused = {"acme"}
    with running(tmp_path, scheduler, ledger=lambda: LedgerView(paused=frozenset(paused))):
        (tmp_path / "inbox" / "acme").mkdir(parents=True)
        drop(tmp_path / "inbox" / "acme", "order.edi")
        time.sleep(1.5)
        assert scheduler.started == []
        paused.clear()
        until(lambda: scheduler.flows() == ["acme"], "a start")


def test_a_flow_that_the_scheduler_does_not_know_yet_is_tried_again_ever_more_rarely() -> None:
    now = [0.0]
    scheduler = Scheduler()
    scheduler.unknown = {"new"}
    dispatcher = Dispatcher(scheduler, clock=lambda: now[0])
    dispatcher.wake("new")
    for _ in range(600):
        now[0] += 0.1
        dispatcher.work()
    assert 5 <= scheduler.tries <= 10
    assert dispatcher.waiting() == ["new"]
    scheduler.unknown = set()
    now[0] += 60
    dispatcher.work()
    assert (scheduler.flows(), dispatcher.waiting()) == (["new"], [])


def test_an_arrival_turns_a_reminder_into_a_wake_up_that_needs_a_new_run() -> None:
    now = [0.0]
    scheduler = Scheduler()
    dispatcher = Dispatcher(scheduler, clock=lambda: now[0])
    dispatcher.wake("acme", reminder=True)
    dispatcher.wake("acme")
    dispatcher.wake("acme", reminder=True)
    dispatcher.work()
    assert [reminder for _, _, reminder in scheduler.started] == [False]


def test_reminders_come_at_growing_intervals_and_end_with_the_work() -> None:
    now = [0.0]
    reminders = Reminders(clock=lambda: now[0])
    due: list[float] = []
    while now[0] < 2000:
        if reminders.due({"acme"}):
            due.append(now[0])
        now[0] += 1
    assert due[0] < 10
    assert all(later - earlier <= 301 for earlier, later in itertools.pairwise(due))
    assert len(due) < 15
    reminders.due(set())
    assert reminders.due({"acme"}) == []
