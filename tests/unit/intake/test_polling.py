"""Places that are asked, with real processes: servers that are away, hang, crash; and a thousand partners."""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orderhub.connector import Poll
from orderhub.intake.polling.messages import Use
from orderhub.intake.polling.poller import Poller
from orderhub.intake.polling.schedule import Schedule

COMMAND = (sys.executable, str(Path(__file__).parent / "polled_places.py"))


class Watched:
    """A poller and what it told."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.folder = folder
        self.arrived: list[tuple[str, bool]] = []
        self.told: list[tuple[str, bool, str]] = []
        self.poller = Poller(
            lambda flow, reminder: self.arrived.append((flow, reminder)),
            told=lambda use, ok, sentence: self.told.append((use.flow, ok, sentence)),
            command=COMMAND,
            schedule=Schedule(first_back_off=0.5),
            **more,  # type: ignore[arg-type]
        )
        self._uses: dict[str, Use] = {}

    def place(self, flow: str, *, seconds: float = 0.5, host: str = "", **more: object) -> None:
        settings = {"folder": str(self.folder), "name": flow, "seconds": seconds, "host": host, **more}
        self._uses[flow] = Use(
            flow=flow,
            connector="place",
            settings=settings,
            stream="orders",
            poll=Poll(seconds=seconds, host=host),
        )

    @property
    def woken(self) -> list[str]:
        """Flows in the order in which they were told of something new; what they are reminded of after a while is not."""
        return [flow for flow, reminder in self.arrived if not reminder]

    def watch(self) -> None:
        self.poller.set_uses(self._uses)

    def mark(self, flow: str, what: str) -> Path:
        path = self.folder / f"{flow}.{what}"
        path.write_text("x", encoding="utf-8")
        return path

    def asked(self, flow: str | None = None) -> list[tuple[float, str]]:
        path = self.folder / "asked"
        if not path.exists():
            return []
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        return [(float(at), name) for at, name in lines if flow is None or name == flow]


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watched]]:
    monkeypatch.setenv("PLACES", str(tmp_path))
    made: list[Watched] = []

    def make(**more: object) -> Watched:
        made.append(Watched(tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        pids = one.poller.processes()
        one.poller.stop()
        until(lambda pids=pids: not any(map(psutil.pid_exists, pids)), "the end of all processes")


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


def test_what_waits_wakes_its_flow_once_and_again_when_the_flow_got_further(
    watching: Callable[..., Watched],
) -> None:
    watched = watching()
    watched.place("acme")
    watched.place("other")
    watched.watch()
    until(lambda: len(watched.asked("acme")) >= 2, "a second question")
    assert watched.arrived == []
    waits = watched.mark("acme", "waits")
    until(lambda: watched.arrived, "a wake-up")
    count = len(watched.asked("acme"))
    until(lambda: len(watched.asked("acme")) >= count + 3, "more questions")
    assert watched.woken == ["acme"], "told again although nothing changed"
    watched.mark("acme", "got")
    until(lambda: len(watched.woken) == 2, "a wake-up for what came after the flow got further")
    waits.unlink()
    count = len(watched.asked("acme"))
    until(lambda: len(watched.asked("acme")) >= count + 2, "more questions")
    watched.mark("acme", "waits")
    until(lambda: len(watched.woken) == 3, "a wake-up for the next arrival")
    assert {flow for flow, _ in watched.arrived} == {"acme"}


def test_a_server_that_is_away_is_said_once_when_it_goes_and_once_when_it_is_back(
    watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="orderhub.intake.polling")
    watched = watching()
    for number in range(5):
        watched.place(f"flow{number}", host="sftp.example.com", seconds=0.5)
        watched.mark(f"flow{number}", "away")
    watched.watch()
    until(lambda: len(watched.told) == 5, "all of them without an answer")
    for path in watched.folder.glob("*.away"):
        path.unlink()
    until(lambda: len(watched.told) == 10, "all of them with one again")
    said = [record.getMessage() for record in caplog.records if "sftp.example.com" in record.getMessage()]
    assert len(said) == 2, said
    assert "does not answer" in said[0]
    assert "answers again" in said[1]
    assert [record.levelname for record in caplog.records if "sftp" in record.getMessage()] == [
        "WARNING",
        "INFO",
    ]


@pytest.mark.alone
def test_a_server_that_hangs_holds_up_nobody_and_is_ended(
    watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture
) -> None:
    watched = watching(threads=4, longest_answer=1.0)
    for number in range(6):
        watched.place(f"hangs{number}", host="black hole", seconds=0.5)
        watched.mark(f"hangs{number}", "hangs")
    watched.place("fine", seconds=0.5)
    began = time.monotonic()
    watched.watch()
    until(lambda: len(watched.asked("fine")) >= 12, "twelve questions to the one that answers")
    times = [at for at, _ in watched.asked("fine")]
    start = times[0] - began  # of a process, which takes as long as the machine needs
    longest = max(later - earlier for earlier, later in itertools.pairwise(times))
    assert longest < 3.0 + 4 * start, f"{longest} s without a question, a restart of the process included"
    until(lambda: [flow for flow, *_ in watched.told if flow.startswith("hangs")], "word of those that hang")
    hung = [sentence for flow, _, sentence in watched.told if flow.startswith("hangs")]
    assert "does not answer" in hung[0]
    until(lambda: len(watched.poller.processes()) <= 2, "the end of the processes that hung")


def test_a_driver_that_crashes_takes_nobody_with_it_and_is_found(
    watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture
) -> None:
    watched = watching()
    watched.place("crashes", seconds=0.5)
    crashes = watched.mark("crashes", "crashes")
    for number in range(6):
        watched.place(f"fine{number}", seconds=0.5, takes_seconds=0.3)
    watched.watch()
    until(lambda: ("crashes", False) in [(flow, ok) for flow, ok, _ in watched.told], "the guilty one found")
    [sentence] = [sentence for flow, _, sentence in watched.told if flow == "crashes"]
    assert "connector place" in sentence
    seen = {number: len(watched.asked(f"fine{number}")) for number in range(6)}
    until(
        lambda: all(len(watched.asked(f"fine{number}")) >= seen[number] + 3 for number in range(6)),
        "more questions to the others",
    )
    assert {flow for flow, ok, _ in watched.told if not ok} == {"crashes"}
    crashes.unlink()
    watched.mark("crashes", "waits")
    # its pauses have doubled as long as it crashed
    until(lambda: ("crashes", False) in watched.arrived, "an answer of the one that was repaired", 300)


def test_refused_and_broken_connectors_are_said_without_a_secret(
    watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    watched = watching()
    watched.place("refused")
    watched.mark("refused", "refuses")
    watched.place("broken", secret="hush-hush")
    watched.mark("broken", "breaks")
    watched.watch()
    until(lambda: len(watched.told) == 2, "two answers that are none")
    sentences = {flow: sentence for flow, _, sentence in watched.told}
    assert "password" in sentences["refused"]
    assert "ValueError" in sentences["broken"]
    watched.poller.stop()
    everything = caplog.text + "".join(capfd.readouterr()) + str(sentences)
    assert "hush-hush" not in everything


def test_a_place_that_is_taken_away_is_asked_no_more(watching: Callable[..., Watched]) -> None:
    watched = watching()
    watched.place("stays")
    watched.place("goes")
    watched.watch()
    until(lambda: watched.asked("goes") and watched.asked("stays"), "questions to both")
    del watched._uses["goes"]
    watched.watch()
    count = len(watched.asked("goes"))
    stays = len(watched.asked("stays"))
    until(lambda: len(watched.asked("stays")) >= stays + 5, "more questions to the one that stays")
    assert len(watched.asked("goes")) <= count + 1, "one question may have been on its way"


@pytest.mark.alone
def test_a_thousand_partners_are_neither_a_thousand_threads_nor_processes(
    watching: Callable[..., Watched], record_property: Callable[[str, object], None]
) -> None:
    """1,000 places at 200 servers, each asked every 10 s, an answer takes 50 ms on average; 20 of them hang."""
    seconds = 11.0
    watched = watching()
    for number in range(1000):
        watched.place(f"p{number}", seconds=10, host=f"server{number % 200}", takes_seconds=0.05)
        if number % 50 == 0:
            watched.mark(f"p{number}", "away")
    before = threading.active_count()
    watched.watch()
    until(watched.asked, "the first question")
    me = psutil.Process()
    cpu = me.cpu_times()
    began = time.monotonic()
    most_threads = 0
    child_cpu = 0.0
    # a slow machine takes longer to ask everybody once, and is allowed to
    while time.monotonic() - began < seconds or len({name for _, name in watched.asked()}) < 1000:
        assert time.monotonic() - began < 120, "not everybody was asked"
        children = [psutil.Process(pid) for pid in watched.poller.processes()]
        assert len(children) <= 2
        most_threads = max(most_threads, threading.active_count() - before)
        child_cpu = sum(sum(child.cpu_times()[:2]) for child in children)
        child_threads = sum(child.num_threads() for child in children)
        time.sleep(0.25)
    used = me.cpu_times()
    own = (used.user + used.system - cpu.user - cpu.system) / (time.monotonic() - began)
    figures = watched.poller.figures
    waits = watched.mark("p777", "waits")
    marked = time.monotonic()
    until(lambda: "p777" in watched.woken, "a wake-up")
    delay = time.monotonic() - marked
    waits.unlink()
    told = (
        f"1,000 places: {figures.asked} questions in {time.monotonic() - began:.0f} s; "
        f"{most_threads} threads more in the intake, {child_threads} in {len(children)} process; "
        f"CPU of the intake {own:.1%} of a core, of the process {child_cpu:.1f} s with its start; "
        f"longest delay of a question {figures.lateness:.2f} s; from arrival to wake-up {delay:.1f} s"
    )
    record_property("figures", told)
    sys.stderr.write(told + "\n")
    assert most_threads <= 4
    assert child_threads <= 24
    assert own < 0.6
    assert figures.lateness < 5.0
    asked = [at for at, _ in watched.asked("p777") if at > marked]
    assert len(asked) <= 2, "it was asked whether something waits, and nobody was told that it does"
    assert os.getpid() == me.pid
