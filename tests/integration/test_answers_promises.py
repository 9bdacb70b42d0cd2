"""What is promised of answers, and for each the proof that the check can see: with the constraint dropped in the test's own
database, the same check finds what must not be. And every moment at which a process may end."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_harness import PROJECT, Hub, hub
from ledger_support import arrive, execute, rows, together
from sqlalchemy import Engine

from connectors.folder import reply as folder_reply
from orderhub.acknowledge import answer as answering
from orderhub.acknowledge import send as sending
from orderhub.acknowledge import stage as acknowledging
from orderhub.errors import LeaseLost
from orderhub.flows.context import open_context
from orderhub.flows.runner import run_flow, start_run
from orderhub.ledger import numbers, replies, sendings
from orderhub.ledger.engine import transaction
from orderhub.ledger.numbers import Way
from orderhub.ledger.records import AcknowledgementOutcome
from orderhub.ledger.states import Environment

pytestmark = pytest.mark.integration

GOOD = (PROJECT / "samples" / "inbox" / "edifact_orders" / "01_good_single.edi").read_bytes()
WAY = Way(
    own_id="4299999000009",
    own_qualifier="14",
    partner_id="4299999001006",
    partner_qualifier="14",
    standard="edifact",
    environment=Environment.PRODUCTION,
)


class Rolled(Exception):
    """A transaction that does not come to its end."""


def answer(
    engine: Engine,
    interchange: int,
    *,
    way: Way = WAY,
    fail: bool = False,
    taken: Callable[[], object] = lambda: None,
) -> int:
    """Take a number and store an answer that carries it, as the stage does.

    :param taken: called between the two.
    """
    with transaction(engine) as connection:
        number = numbers.take(connection, way)
        taken()
        made = replies.NewReply(
            interchange_id=interchange,
            envelope=1,
            kind="contrl",
            flow="f",
            company="c",
            agreement="acme",
            way=way,
            number=number,
            control_reference="1",
            verdict=AcknowledgementOutcome.ACCEPTED,
            messages=1,
            messages_rejected=0,
            content=b"answer %d to %d as %s" % (number, interchange, str(way).encode()),
            suffix="edi",
        )
        replies.add(connection, made)
        if fail:
            raise Rolled
    return number


def interchanges_of(engine: Engine, count: int, tag: str = "a") -> list[int]:
    with transaction(engine) as connection:
        return [arrive(connection, f"{tag}{place}.edi").id for place in range(count)]


def test_a_thousand_numbers_have_no_gap_and_no_double(engine: Engine) -> None:
    """Eight workers, every third transaction rolled back."""
    ids = interchanges_of(engine, 1000)

    def work(place: int) -> list[int]:
        got = []
        for at, one in enumerate(ids[place::8]):
            if at % 3 == 0:
                with pytest.raises(Rolled):
                    answer(engine, one, fail=True)
            got.append(answer(engine, one))
        return got

    found = sorted(number for part in together(work, 8) for number in part)
    assert found == list(range(1, 1001))
    stored = rows(engine, "SELECT number FROM ledger.reply ORDER BY number")
    assert [row[0] for row in stored] == found
    with transaction(engine) as connection:
        assert numbers.last(connection, WAY) == 1000


def doubles(engine: Engine, tag: str, *, held: bool = False) -> int:
    """Numbers given twice when four workers take the first one of a way at the same moment.

    :param held: none of them goes on before all have taken theirs.
    """
    barrier = threading.Barrier(4)
    ids = interchanges_of(engine, 4, tag)
    way = Way(
        own_id=tag,
        own_qualifier="",
        partner_id="p",
        partner_qualifier="",
        standard="edifact",
        environment=Environment.TEST,
    )

    def work(place: int) -> int:
        barrier.wait(60)
        if held:
            return answer(engine, ids[place], way=way, taken=lambda: barrier.wait(60))
        return answer(engine, ids[place], way=way)

    found = together(work)
    return len(found) - len(set(found))


def test_a_number_is_given_once(own_engine: Engine) -> None:
    assert all(doubles(own_engine, f"with{attempt}") == 0 for attempt in range(5))
    execute(own_engine, "ALTER TABLE ledger.control_number DROP CONSTRAINT control_number_scope_once")
    execute(own_engine, "ALTER TABLE ledger.reply DROP CONSTRAINT reply_number_once")
    assert doubles(own_engine, "without", held=True) == 3


def test_ways_are_counted_apart(engine: Engine) -> None:
    ids = interchanges_of(engine, 8)
    ways = [
        WAY,
        *(
            Way(**{**{name: getattr(WAY, name) for name in WAY.__struct_fields__}, **change})
            for change in (
                {"own_id": "other"},
                {"own_qualifier": "ZZZ"},
                {"partner_id": "other"},
                {"partner_qualifier": ""},
                {"standard": "x12"},
                {"environment": Environment.TEST},
            )
        ),
    ]
    assert [answer(engine, one, way=way) for one, way in zip(ids, ways, strict=False)] == [1] * 7
    assert answer(engine, ids[7]) == 2


def test_what_was_answered_cannot_be_rewritten(own_engine: Engine) -> None:
    (one,) = interchanges_of(own_engine, 1)
    answer(own_engine, one)
    with pytest.raises(Exception, match="append only"):
        execute(own_engine, "UPDATE ledger.reply SET content = 'another'")
    with pytest.raises(Exception, match="reply_once"):
        answer(own_engine, one)


def test_a_sending_is_held_by_one_worker_and_a_zombie_writes_nothing(engine: Engine) -> None:
    for one in interchanges_of(engine, 40):
        answer(engine, one)

    def lease(place: int) -> list[sendings.ReplyWork]:
        with transaction(engine) as connection:
            return sendings.lease(connection, "f", worker=f"w{place}", limit=20, lease_seconds=60)

    first, second = together(lease, 2)
    assert {work.id for work in first}.isdisjoint(work.id for work in second)
    # the leases ran out: another worker takes them over
    execute(engine, "UPDATE ledger.reply_sending SET lease_until = clock_timestamp() - interval '1 s'")
    with transaction(engine) as connection:
        taken = sendings.lease(connection, "f", worker="w9", limit=100)
    assert len(taken) == 40
    with pytest.raises(LeaseLost), transaction(engine) as connection:
        sendings.record_sent(connection, first[0], reference="x")
    with transaction(engine) as connection:
        sendings.record_sent(connection, taken[0], reference="x")
        assert sendings.unsent(connection, "f") == 39


# Where a process may end


def contents(at: Hub) -> list[bytes]:
    folder = at.endpoints.inbox_folder.parent / "outbox"
    # what begins with a dot is what a crash left of one that was being written
    return sorted(path.read_bytes() for path in folder.rglob("[!.]*") if path.is_file())


class Killed(BaseException):
    """Like the end of the process: nothing catches it."""


def after(target: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """The process ends right after this was called the first time."""

    def arrange(patch: pytest.MonkeyPatch) -> None:
        real = getattr(target, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            real(*args, **kwargs)
            raise Killed

        patch.setattr(target, name, call)

    return arrange


def before(target: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    def arrange(patch: pytest.MonkeyPatch) -> None:
        def call(*args: Any, **kwargs: Any) -> Any:
            raise Killed

        patch.setattr(target, name, call)

    return arrange


MOMENTS = {
    "before the answer is made": before(acknowledging, "answers_to"),
    "after the outcome is written": after(acknowledging.acknowledgements, "record"),
    "after the number is taken": after(answering.numbers, "take"),
    "after the answer is written": after(answering.replies, "add"),
    "before it is sent": before(acknowledging, "send"),
    "after the lease": after(sending.sendings, "lease"),
    "after the file is synced": after(os, "fsync"),
    "before the rename": before(os, "rename"),
    "after the rename": after(os, "rename"),
    "after the connector": after(folder_reply, "_write"),
    "before it is marked": before(sending.sendings, "record_sent"),
    "in the transaction that marks it": after(sending.sendings, "record_sent"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_end_at_any_moment_leaves_one_answer(
    moment: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub("edifact_orders", database, tmp_path, lease_seconds=0.2) as at:
        at.drop(GOOD, "one.edi")
        flow = at.flow
        run = start_run(at.ctx, flow)
        # the four stages before, undisturbed
        monkeypatch.setattr("orderhub.flows.runner.acknowledge", lambda *_: acknowledging.AcknowledgeResult())
        at.run()
        with pytest.MonkeyPatch.context() as patch:
            MOMENTS[moment](patch)
            with pytest.raises(Killed):
                acknowledging.acknowledge(at.ctx, flow, run)
        reachable = open_context(_folders(), at.endpoints, worker="another", lease_seconds=5)
        try:
            for _ in range(20):
                acknowledging.acknowledge(reachable, flow, run)
                if [row["state"] for row in at.rows("SELECT state FROM ledger.reply_sending")] == ["sent"]:
                    break
                threading.Event().wait(0.1)
        finally:
            reachable.close()
        assert [row["number"] for row in at.rows("SELECT number FROM ledger.reply")] == [1]
        assert at.rows("SELECT last FROM ledger.control_number") == [{"last": 1}]
        assert [row["state"] for row in at.rows("SELECT state FROM ledger.reply_sending")] == ["sent"]
        assert len(at.rows("SELECT 1 FROM ledger.acknowledgement")) == 1
        (written,) = [data for data in contents(at) if data.endswith(b"UNZ+1+1'")]
        assert b"UCI+ACME0001" in written


def _folders() -> Any:
    from hub_harness import ProjectFolders

    return ProjectFolders()


def test_two_workers_at_once_answer_once(database: str, tmp_path: Path) -> None:
    with (
        hub("edifact_orders", database, tmp_path) as at,
        hub("edifact_orders", database, tmp_path, endpoints=at.endpoints, worker="two") as other,
    ):
        for place in range(60):
            number = b"%04d" % place
            at.drop(
                GOOD.replace(b"ACME0001", b"ACM" + number).replace(b"2026-1001", b"26-" + number),
                f"{place}.edi",
            )
        barrier = threading.Barrier(2)

        def work(place: int) -> None:
            one = (at, other)[place]
            barrier.wait(60)
            for _ in range(3):
                run_flow(one.ctx, one.flow)

        together(work, 2)
        found = at.rows("SELECT number FROM ledger.reply ORDER BY number")
        assert [row["number"] for row in found] == list(range(1, 61))
        assert at.rows("SELECT state, count(*) FROM ledger.reply_sending GROUP BY state") == [
            {"state": "sent", "count": 60}
        ]
        assert len(contents(at)) == 60


#: Imports once; for every seed that it reads it forks a process that does the work, and tells how that one ended.
_KILLED = """
    import os, sys, traceback
    sys.path[:0] = [{tests!r}]
    from pathlib import Path, PosixPath
    from hub_harness import hub
    from orderhub.acknowledge import stage
    from orderhub.flows.runner import start_run
    from orderhub.services.endpoints import Endpoints
    import connectors.folder.connector as folder, orderhub.acknowledge.send as sending
    import signal, random

    def work(seed):
        chance = random.Random(seed)
        def deadly(target, name):
            real = getattr(target, name)
            def call(*a, **k):
                if chance.random() < 0.15: os.kill(os.getpid(), signal.SIGKILL)
                found = real(*a, **k)
                if chance.random() < 0.15: os.kill(os.getpid(), signal.SIGKILL)
                return found
            setattr(target, name, call)
        deadly(stage, "store"); deadly(folder, "write_answer"); deadly(sending.sendings, "record_sent")
        with hub("edifact_orders", {database!r}, Path({folder!r}), lease_seconds=0.3, worker=f"w{{seed}}",
                 endpoints=Endpoints(**{endpoints!r})) as at:
            stage.acknowledge(at.ctx, at.flow, start_run(at.ctx, at.flow))

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                work(int(line))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_processes_killed_at_random_leave_every_answer_once(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        for place in range(10):
            number = b"%04d" % place
            at.drop(
                GOOD.replace(b"ACME0001", b"ACM" + number).replace(b"2026-1001", b"26-" + number),
                f"{place}.edi",
            )
        monkeypatch.setattr("orderhub.flows.runner.acknowledge", lambda *_: acknowledging.AcknowledgeResult())
        at.run()
        program = _KILLED.format(
            tests=str(PROJECT / "tests"),
            database=database,
            folder=str(tmp_path),
            endpoints=dataclasses.asdict(at.endpoints),
        )
        killed = 0
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        ) as forks:
            assert forks.stdin is not None
            assert forks.stdout is not None
            for seed in range(40):
                forks.stdin.write(f"{seed}\n")
                forks.stdin.flush()
                ended = int(forks.stdout.readline())
                if ended < 0:
                    killed += 1
                    time.sleep(0.3)  # what it held a lease of becomes free
                if ended == 0 and not at.rows("SELECT 1 FROM ledger.reply_sending WHERE state <> 'sent'"):
                    break
        assert killed >= 3
        assert [row["number"] for row in at.rows("SELECT number FROM ledger.reply ORDER BY 1")] == list(
            range(1, 11)
        )
        assert at.rows("SELECT 1 FROM ledger.interchange WHERE answered_at IS NULL") == []
        stored = sorted(bytes(row["content"]) for row in at.rows("SELECT content FROM ledger.reply"))
        assert contents(at) == stored


def test_how_far_the_answers_are_is_counted(engine: Engine) -> None:
    ids = interchanges_of(engine, 3)
    answer(engine, ids[0])
    answer(engine, ids[1])
    with transaction(engine) as connection:
        (work,) = sendings.lease(connection, "f", worker="w", limit=1)
        sendings.record_sent(connection, work, reference=None)
        found = sendings.answered(connection, ids)
        assert (found.open, found.sent, found.waiting) == (3, 1, 1)
        assert sendings.answered(connection, []) == sendings.Answered(open=0, sent=0, waiting=0)
