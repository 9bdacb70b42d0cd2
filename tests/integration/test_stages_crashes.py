"""The stages when something breaks: what crashes and parts that are away leave behind, and that it goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hub_harness import hub
from stages_support import EDIFACT, edifact, states

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import ArchiveError, ConnectorUnavailable
from orderhub.ledger import documents
from orderhub.ledger.engine import transaction
from orderhub.pull import pull
from orderhub.translate import translate
from orderhub.translate.stage import MAX_ATTEMPTS
from orderhub.validate import validate

pytestmark = pytest.mark.integration


class Broken(Exception):
    """The test's own crash."""


class FailingArchive:
    """The archive with one operation that fails."""

    def __init__(self, archive: Any, *, error: Exception, on: str, key: str | None = None) -> None:
        self._archive, self._error, self._on, self._key = archive, error, on, key

    def store(self, data: bytes) -> Any:
        if self._on == "store":
            raise self._error
        return self._archive.store(data)

    def read(self, key: str) -> bytes:
        if self._on == "read" and self._key in (None, key):
            raise self._error
        return bytes(self._archive.read(key))


class Away(ArchiveError):
    retryable = True


def test_a_crash_between_ledger_and_settle_pulls_nothing_twice(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        connector = at.ctx.connectors(at.flow.pull.connector, at.flow.pull.settings)
        settle = connector.settle
        connector.settle = lambda *_: (_ for _ in ()).throw(Broken())  # type: ignore[method-assign]
        with pytest.raises(Broken):
            pull(at.ctx, at.flow, 1)
        connector.settle = settle  # type: ignore[method-assign]
        assert [row["settled_at"] for row in at.rows("SELECT settled_at FROM ledger.interchange")] == [None]
        again = pull(at.ctx, at.flow, 2)
        assert (again.interchanges, again.seen) == ([], 1)
        [row] = at.rows("SELECT settled_at FROM ledger.interchange")
        assert row["settled_at"] is not None
        assert not [file for file in at.inbox.iterdir() if file.is_file()]


def test_a_file_that_the_archive_cannot_store_stays_at_its_source(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        archive = at.ctx.archive
        at.ctx.archive = FailingArchive(archive, error=Away("full.", todo="wait."), on="store")  # type: ignore[assignment]
        result = at.run()
        assert result.problems
        assert at.rows("SELECT * FROM ledger.interchange") == []
        at.ctx.archive = archive
        assert at.run().problems == []
        assert states(at) == {"loaded": 1}


def test_an_archive_that_is_away_leaves_the_interchange_to_the_next_run(
    database: str, tmp_path: Path
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        pull(at.ctx, at.flow, 1)
        archive = at.ctx.archive
        at.ctx.archive = FailingArchive(archive, error=Away("away.", todo="wait."), on="read")  # type: ignore[assignment]
        for run in range(MAX_ATTEMPTS + 2):
            [problem] = translate(at.ctx, at.flow, run).problems
            assert problem.startswith("01_good_single.edi: ")
        at.ctx.archive = archive
        assert translate(at.ctx, at.flow, 2).documents == 1


def test_an_original_out_of_reach_does_not_hold_up_the_ones_behind_it(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        pull(at.ctx, at.flow, 1)
        [first] = at.rows("SELECT archive_key FROM ledger.interchange")
        archive = at.ctx.archive
        away = FailingArchive(archive, error=Away("away.", todo="wait."), on="read", key=first["archive_key"])
        at.ctx.archive = away  # type: ignore[assignment]
        at.drop(EDIFACT / "02_good_three_messages.edi")
        result = at.run()
        assert [problem for problem in result.problems if "01_good_single.edi" in problem]
        assert states(at) == {"loaded": 3}
        at.ctx.archive = archive
        assert at.run().problems == []
        assert states(at) == {"loaded": 4}


def test_an_original_that_was_tampered_with_is_refused_and_kept(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        at.drop(EDIFACT / "05_good_crlf.edi")
        pull(at.ctx, at.flow, 1)
        [row] = at.rows("SELECT archive_key FROM ledger.interchange WHERE name = '01_good_single.edi'")
        [file] = [
            f for f in (tmp_path / "archive").rglob("*") if f.is_file() and f.name in row["archive_key"]
        ]
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.chmod(0o600)
        file.write_bytes(bytes(content))
        at.run()
        found = at.interchanges()
        assert found["01_good_single.edi"]["state"] == "refused"
        assert found["01_good_single.edi"]["findings"][0]["code"] == "ARCHIVE_TAMPERED"
        assert found["05_good_crlf.edi"]["state"] == "translated"


def test_a_translation_that_breaks_off_leaves_nothing_and_starts_again(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orderhub.translate import interchange as module

    with hub("edifact_orders", database, tmp_path, lease_seconds=0.2) as at:
        for name, data in edifact(600, largest=600, smallest=600):
            at.drop(data, name)
        pull(at.ctx, at.flow, 1)
        insert, calls = module.documents.insert_translated, []

        def breaking(*args: Any, **kwargs: Any) -> int:
            calls.append(1)
            if len(calls) == 2:
                raise Broken
            return insert(*args, **kwargs)

        monkeypatch.setattr(module.documents, "insert_translated", breaking)
        with pytest.raises(Broken):
            translate(at.ctx, at.flow, 1)
        assert at.rows("SELECT count(*) AS n FROM ledger.document") == [{"n": 0}]
        monkeypatch.setattr(module.documents, "insert_translated", insert)
        time.sleep(0.3)  # the lease of the broken one runs out
        result = translate(at.ctx, at.flow, 2)
        assert result.documents == 600
        assert len(result.batches) == 2  # of 500


def test_a_batch_that_a_dead_worker_held_is_taken_up_and_ends_once(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, lease_seconds=0.2) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        pull(at.ctx, at.flow, 1)
        [batch] = translate(at.ctx, at.flow, 1).batches
        with transaction(at.ctx.ledger) as connection:
            held = documents.claim_batch(connection, batch, worker="dead", lease_seconds=600)
        assert held is not None
        assert validate(at.ctx, at.flow, 2, batch).accepted == 0
        with at.ctx.ledger.begin() as connection:
            connection.exec_driver_sql("UPDATE ledger.batch SET lease_until = now() - interval '1 second'")
        assert translate(at.ctx, at.flow, 3).batches == [batch]
        assert validate(at.ctx, at.flow, 3, batch).accepted == 3
        assert validate(at.ctx, at.flow, 3, batch).accepted == 0
        assert at.rows("SELECT count(*) AS n FROM ledger.outbox") == [{"n": 3}]


class Flaky:
    """The warehouse connector, with a way to fail."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.capabilities = real.capabilities
        self.fail: Exception | None = None
        self.unclear = False
        self.poison: str | None = None
        self.loads = 0

    def load(self, items: Any) -> list[Outcome]:
        self.loads += 1
        if self.fail is not None:
            raise self.fail
        if any(item.document.number == self.poison for item in items):
            raise ZeroDivisionError("defect")
        outcomes = self._real.load(items)
        if self.unclear:
            return [Outcome(key=o.key, state=OutcomeState.UNCLEAR, reason="no answer") for o in outcomes]
        return list(outcomes)

    def find(self, keys: Any) -> Any:
        return self._real.find(keys)


def test_a_target_that_is_away_is_tried_again_later(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        flaky = Flaky(at.ctx.connectors("warehouse", {}))
        real = at.ctx.connectors
        at.ctx.connectors = lambda name, given: flaky if name == "warehouse" else real(name, given)  # type: ignore[assignment, return-value]
        flaky.fail = ConnectorUnavailable("away.", todo="wait.")
        result = at.run()
        assert [problem for problem in result.problems if "away" in problem]
        row = at.rows("SELECT DISTINCT state, code, unclear FROM ledger.outbox")
        assert row == [{"state": "pending", "code": "CONNECTOR_UNAVAILABLE", "unclear": False}]
        with at.ctx.ledger.begin() as connection:
            # killed workers count as attempts as well; a target that is back is not kept waiting for them
            connection.exec_driver_sql("UPDATE ledger.outbox SET attempts = 12, next_attempt_at = now()")
        at.run()
        [pause] = at.rows("SELECT max(next_attempt_at - now()) AS longest FROM ledger.outbox")
        assert pause["longest"].total_seconds() <= 30
        flaky.fail = None
        assert at.run().load[0].written == 0  # it is not due yet
        with at.ctx.ledger.begin() as connection:
            connection.exec_driver_sql("UPDATE ledger.outbox SET next_attempt_at = now()")
        assert at.run().load[0].written == 3
        assert states(at) == {"loaded": 3}


def test_an_order_on_which_a_target_breaks_does_not_hold_up_the_others(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        flaky = Flaky(at.ctx.connectors("warehouse", {}))
        real = at.ctx.connectors
        at.ctx.connectors = lambda name, given: flaky if name == "warehouse" else real(name, given)  # type: ignore[assignment, return-value]
        flaky.poison = "PO-2026-1003"
        delays = []
        for _ in range(4):
            [problem] = at.run().problems
            assert "load warehouse: " in problem
            assert "ZeroDivisionError" in problem
            [row] = at.rows(
                "SELECT state, unclear, code, next_attempt_at - updated_at AS delay FROM ledger.outbox "
                "WHERE identity LIKE '%1003'"
            )
            assert (row["state"], row["unclear"], row["code"]) == ("in_doubt", True, "CONNECTOR_BROKE")
            delays.append(row["delay"])
            with at.ctx.ledger.begin() as connection:
                connection.exec_driver_sql("UPDATE ledger.outbox SET next_attempt_at = now()")
        assert delays == sorted(delays)
        assert delays[-1] > 4 * delays[0]
        # alone since the fourth attempt: the others went through
        assert states(at) == {"loaded": 2, "loading": 1}
        flaky.poison = None
        assert at.run().problems == []
        assert states(at) == {"loaded": 3}


def test_an_unclear_outcome_is_looked_up_and_not_sent_again(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        flaky = Flaky(at.ctx.connectors("warehouse", {}))
        real = at.ctx.connectors
        at.ctx.connectors = lambda name, given: flaky if name == "warehouse" else real(name, given)  # type: ignore[assignment, return-value]
        flaky.unclear = True
        assert at.run().load[0].unclear == 3
        assert at.rows("SELECT DISTINCT state FROM ledger.outbox") == [{"state": "in_doubt"}]
        with at.ctx.ledger.begin() as connection:
            connection.exec_driver_sql("UPDATE ledger.outbox SET next_attempt_at = now()")
        assert at.run().load[0].unchanged == 3
        assert flaky.loads == 1
        assert states(at) == {"loaded": 3}


def test_a_message_that_breaks_its_mapping_blocks_only_itself(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orderhub.mapping.run import CompiledMapping

    run = CompiledMapping.run

    def breaking(self: CompiledMapping, tree: Any) -> Any:
        if tree.number == 2:
            raise ZeroDivisionError("boom")
        return run(self, tree)

    monkeypatch.setattr(CompiledMapping, "run", breaking)
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        assert at.run().problems == []
        found = {row["number"]: row for row in at.documents()}
        assert {number: row["state"] for number, row in found.items()} == {
            "PO-2026-1002": "loaded",
            "PO-2026-1003": "quarantined",
            "PO-2026-1004": "loaded",
        }
        assert found["PO-2026-1003"]["findings"][0]["code"] == "TRANSLATE_FAILED"


def test_a_stored_document_that_no_longer_fits_blocks_only_itself(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        pull(at.ctx, at.flow, 1)
        [batch] = translate(at.ctx, at.flow, 1).batches
        with at.ctx.ledger.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE ledger.document SET canonical = '{\"no\": 1}' WHERE number = 'PO-2026-1003'"
            )
        result = validate(at.ctx, at.flow, 1, batch)
        assert (result.accepted, result.quarantined) == (2, 1)
        bad = next(row for row in at.documents() if row["number"] == "PO-2026-1003")
        assert bad["findings"][0]["code"] == "DOCUMENT_SCHEMA"


def test_a_defect_in_one_stage_does_not_keep_the_others_from_their_work(
    database: str, tmp_path: Path
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        pull(at.ctx, at.flow, 1)
        connector = at.ctx.connectors(at.flow.pull.connector, at.flow.pull.settings)
        connector.pull = lambda *_: (_ for _ in ()).throw(Broken("defect"))  # type: ignore[method-assign]
        assert at.run().problems == ["pull: broke off with Broken: defect"]
        assert states(at) == {"loaded": 1}
