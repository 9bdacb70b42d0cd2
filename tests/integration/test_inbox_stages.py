"""The inbox over real flows: an agreement extended, a lookup mended, all or nothing, a real ERP that falls silent."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import erp_support
import pytest
from erp_support import people
from hub_harness import PROJECT, Hub, ProjectFolders, hub

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import ConnectorUnavailable
from orderhub.ledger import inbox, inbox_actions, inbox_detail, inbox_senders
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.inbox import Case, Reason, Seen
from orderhub.services.endpoints import Endpoints
from orderhub.services.tryton.rpc import Session

pytestmark = pytest.mark.integration
__all__ = ["people"]

EDIFACT = PROJECT / "samples" / "inbox" / "edifact_orders"


def cases(at: Hub) -> list[Case]:
    with transaction(at.ctx.ledger) as connection:
        return inbox.cases(connection, owners={"edifact_orders": "procurement"}).cases


def act(at: Hub, what: Any, *chosen: Case, **more: Any) -> inbox_actions.Acted:
    seen = [Seen(case.id, case.version) for case in chosen]
    acted: inbox_actions.Acted = retrying(
        at.ctx.ledger, lambda connection: what(connection, seen, **({"actor": "anna"} | more))
    )
    return acted.required()


def due_now(at: Hub) -> None:
    with at.ctx.ledger.begin() as connection:
        connection.exec_driver_sql("UPDATE ledger.outbox SET next_attempt_at = now() WHERE state <> 'done'")


def test_an_unknown_sender_after_the_agreement_was_extended(database: str, tmp_path: Path) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        at.drop(EDIFACT / "23_bad_unknown_sender.edi")
        at.run()
        [case] = cases(at)
        assert (case.state.value, case.default_owner) == ("unknown_sender", "procurement")
        with transaction(at.ctx.ledger) as connection:
            [sender] = inbox_senders.senders(connection)
        assert (sender.identifier, sender.qualifier, sender.files) == ("4299999008883", "14", 1)
        # the lines go into the agreement as they were suggested
        agreement = partners / "acme_retail.yaml"
        entry = inbox_senders.suggestion(sender).splitlines()[1]
        written = agreement.read_text(encoding="utf-8").replace("identifiers:\n", f"identifiers:\n{entry}\n")
        agreement.write_text(written, encoding="utf-8")
    folders = ProjectFolders(partners_folder=partners)
    with hub("edifact_orders", database, tmp_path, folders=folders, endpoints=at.endpoints) as at:
        with transaction(at.ctx.ledger) as connection:
            inbox_actions.retry(connection, [Seen(one) for one in sender.cases], actor="anna")
        assert at.run().problems == []
        assert [row["state"] for row in at.documents()] == ["loaded"]
        assert cases(at) == []


def test_a_lookup_was_mended_and_the_retry_says_with_what_it_was_made(database: str, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings)
    table = mappings / "lookups" / "unit_of_measure.csv"
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(mappings_folder=mappings)) as at:
        at.drop(EDIFACT / "11_bad_unknown_unit.edi")
        at.drop(
            (EDIFACT / "11_bad_unknown_unit.edi").read_bytes().replace(b"PO-2026", b"PO-2027"), "again.edi"
        )
        at.run()
        with transaction(at.ctx.ledger) as connection:
            [group] = inbox.groups(connection)
        assert (group.count, group.reason) == (
            2,
            Reason("quarantined", "VALUE_LOOKUP", "lines[].unit", "QQQ"),
        )
        table.write_text(table.read_text(encoding="utf-8") + "QQQ,C62,\n", encoding="utf-8")
    folders = ProjectFolders(mappings_folder=mappings)
    with hub("edifact_orders", database, tmp_path, folders=folders, endpoints=at.endpoints) as at:
        kept = cases(at)
        inbox_actions.for_all(
            at.ctx.ledger,
            inbox.CaseFilter(reason=group.reason),
            lambda connection, seen: inbox_actions.retry(connection, seen, actor="anna", reason="QQQ added"),
        )
        assert at.run().problems == []
        assert cases(at) == []
        assert [row["state"] for row in at.documents()] == ["loaded", "loaded"]
        assert {row["state"] for row in at.rows("SELECT state FROM ledger.interchange")} == {"translated"}
        with transaction(at.ctx.ledger) as connection:
            detail = inbox_detail.detail(connection, kept[0].id)
    assert detail is not None
    before, after = detail.tries
    assert before.mapping is not None and after.mapping is not None
    assert before.suite is None and after.suite is not None
    assert after.suite.name == "purchase_order_core"
    assert any(step.reason and "translated again with" in step.reason for step in detail.timeline)


def test_all_or_nothing_counts_a_conflict_too(database: str, tmp_path: Path) -> None:
    """Borealis' agreement says all or nothing: a number that is taken keeps the whole file back, in whatever batch."""
    good = (EDIFACT / "26_bad_all_or_nothing.edi").read_bytes()
    good = good.replace(b"QTY+21:0:", b"QTY+21:100:").replace(b"MOA+203:0.00", b"MOA+203:640.00")
    for size in (1, 500):
        folder = tmp_path / str(size)
        folder.mkdir()
        name = str(size).encode()
        file = good.replace(b"BP-88", b"BP" + name + b"-88")
        with hub("edifact_orders", database, folder, batch_size=size) as at:
            at.drop(file, "first.edi")
            at.run()
            first = [row for row in at.documents() if row["number"].startswith(f"BP{size}-")]
            assert [row["state"] for row in first] == ["loaded", "loaded"], first
            # one number again with another date, one that is new
            number, other = (row["number"] for row in first)
            again = file.replace(other.encode(), f"NEW{size}".encode()).replace(
                b"DTM+2:20261204", b"DTM+2:20261211"
            )
            at.drop(again, "again.edi")
            at.run()
            kept = {case.number: case.code for case in cases(at) if case.file == "again.edi"}
            assert kept == {number: "LEDGER_IDENTITY_CONFLICT", f"NEW{size}": "INTERCHANGE_HELD"}
            # discarded, the conflict holds nothing back any more
            conflict, held = (
                next(case for case in cases(at) if case.number == name) for name in (number, f"NEW{size}")
            )
            act(at, inbox_actions.discard, conflict, reason="sent twice")
            act(at, inbox_actions.retry, held)
            at.run()
            [new] = [row for row in at.documents() if row["number"] == f"NEW{size}"]
            assert new["state"] == "loaded"


def test_with_the_culprit_go_those_that_waited_for_it(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "26_bad_all_or_nothing.edi")
        at.run()
        held, culprit = cases(at)
        assert (held.code, culprit.code) == ("INTERCHANGE_HELD", "PO_LINE_QUANTITY")
        with transaction(at.ctx.ledger) as connection:
            detail = inbox_detail.detail(connection, culprit.id)
        assert detail is not None and detail.held_with == 1
        assert sorted(act(at, inbox_actions.retry, culprit).cases) == [held.id, culprit.id]


class Silent:
    """The warehouse connector, of which neither the outcome nor what it has can be learned for a while."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.capabilities = real.capabilities
        self.silent = True
        self.loads = 0

    def load(self, items: Any) -> list[Outcome]:
        self.loads += 1
        outcomes = list(self._real.load(items))
        if self.silent:
            return [Outcome(key=one.key, state=OutcomeState.UNCLEAR, reason="no answer") for one in outcomes]
        return outcomes

    def find(self, keys: Any) -> Any:
        if self.silent:
            raise ConnectorUnavailable("The warehouse does not answer.", todo="Wait.")
        return self._real.find(keys)


@pytest.fixture
def silent(database: str, tmp_path: Path) -> Iterator[tuple[Hub, Silent]]:
    with hub("edifact_orders", database, tmp_path) as at:
        target = Silent(at.ctx.connectors("warehouse", {}))
        real = at.ctx.connectors
        at.ctx.connectors = lambda name, given: target if name == "warehouse" else real(name, given)  # type: ignore[assignment, return-value]
        at.drop(EDIFACT / "01_good_single.edi")
        at.run()
        yield at, target


def test_in_doubt_until_the_target_answers(silent: tuple[Hub, Silent]) -> None:
    at, target = silent
    [case] = cases(at)
    assert (case.state.value, case.target, case.message) == ("in_doubt", "warehouse", "no answer")
    due_now(at)
    assert at.run().problems  # asked, and no answer
    [still] = cases(at)
    assert (still.id, still.since, still.version) == (case.id, case.since, case.version)
    assert "does not answer" in still.message
    target.silent = False
    act(at, inbox_actions.retry, still)
    assert at.run().problems == []
    assert cases(at) == []
    assert target.loads == 1
    assert [row["state"] for row in at.documents()] == ["loaded"]


def test_in_doubt_decided_by_hand_when_the_target_cannot_answer(silent: tuple[Hub, Silent]) -> None:
    at, target = silent
    [case] = cases(at)

    def decide(connection: Any) -> inbox_actions.Acted:
        return inbox_actions.resolve(
            connection,
            Seen(case.id, case.version),
            there=True,
            actor="anna",
            reason="the table has it",
            reference="PO-2026-1001",
        )

    retrying(at.ctx.ledger, decide)
    assert cases(at) == []
    assert [row["state"] for row in at.documents()] == ["loaded"]
    due_now(at)
    at.run()
    assert target.loads == 1


# --- a real ERP that falls silent -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_tryton_falls_silent_after_it_confirmed_the_order(
    erp: Endpoints, people: Session, database: str, tmp_path: Path
) -> None:
    number = f"INB{os.getpid()}"
    order = (EDIFACT / "01_good_single.edi").read_bytes().replace(b"PO-2026-1001", number.encode())
    line = erp_support.line_to(erp)
    reached = dataclasses.replace(erp, erp_url=line.url)
    try:
        with hub("edifact_orders", database, tmp_path, targets=("tryton", "warehouse"), erp=reached) as at:
            at.drop(order, "order.edi")
            for request in range(2, 12):
                # cut one request later each time, until the ERP had confirmed and only its answer was lost
                with line.cut(request, after=True):
                    at.run()
                if erp_support.purchases(people, number) and cases(at):
                    [purchase] = erp_support.purchases(people, number)
                    if purchase["state"] in erp_support.ORDERED:
                        break
                due_now(at)
            [case] = cases(at)
            assert (case.state.value, case.target, case.number) == ("in_doubt", "tryton", number)
            # while it is away nothing is sent and nothing decided
            act(at, inbox_actions.retry, case)
            with line.cut(0, after=False):
                at.run()
            assert [one.id for one in cases(at)] == [case.id]
            # it is back: it is asked, and nothing is ordered twice
            act(at, inbox_actions.retry, cases(at)[0])
            at.run()
            assert cases(at) == []
            assert [row["state"] for row in at.documents()] == ["loaded"]
            assert len(erp_support.purchases(people, number)) == 1
    finally:
        line.close()
