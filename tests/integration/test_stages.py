"""The stages on real parts: what crashes leave behind, what bad input becomes, what a second run changes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from hub_harness import PROJECT, Hub, ProjectFolders, hub

from orderhub.acknowledge import acknowledge
from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import ArchiveError, ConfigError, ConnectorUnavailable
from orderhub.flows.lookups import CachedLookups
from orderhub.flows.runner import finish_run, run_flow, start_run
from orderhub.ledger import documents, flow_state, translations
from orderhub.ledger.engine import transaction
from orderhub.load import load
from orderhub.pull import pull
from orderhub.translate import translate
from orderhub.translate.stage import MAX_ATTEMPTS
from orderhub.validate import validate

sys.path.insert(0, str(PROJECT / "tests" / "faults"))
from orders import consignment

pytestmark = pytest.mark.integration

EDIFACT = PROJECT / "samples" / "inbox" / "edifact_orders"
CSV = PROJECT / "samples" / "inbox" / "csv_orders"


def edifact(documents: int, *, largest: int = 25, smallest: int = 1) -> list[tuple[str, bytes]]:
    return consignment(
        documents, seed=3, prefix="T", duplicates=0, conflicts=0, largest=largest, smallest=smallest
    ).files


def states(at: Hub) -> dict[str, int]:
    return {
        row["state"]: row["n"]
        for row in at.rows("SELECT state, count(*) AS n FROM ledger.document GROUP BY state")
    }


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


def test_quarantined_orders_are_translated_again_after_the_mapping_is_corrected(
    database: str, tmp_path: Path
) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings)
    table = mappings / "lookups" / "unit_of_measure.csv"
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(mappings_folder=mappings)) as at:
        at.drop(EDIFACT / "11_bad_unknown_unit.edi")
        at.run()
        [bad] = at.documents()
        assert bad["state"] == "quarantined"
        table.write_text(table.read_text(encoding="utf-8") + "QQQ,C62,\n", encoding="utf-8")
    folders = ProjectFolders(mappings_folder=mappings)
    with hub("edifact_orders", database, tmp_path, folders=folders, endpoints=at.endpoints) as at:
        with transaction(at.ctx.ledger) as connection:
            documents.retry(connection, [bad["id"]], actor="buyer", reason="unit added")
        assert at.run().problems == []
        [good] = at.documents()
        assert (good["state"], good["generation"]) == ("loaded", 2)


def test_a_mapping_changed_without_a_new_version_is_refused(database: str, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings)
    with hub("csv_orders", database, tmp_path, folders=ProjectFolders(mappings_folder=mappings)) as at:
        at.drop(CSV / "02_good_bom.csv")
        assert at.run().problems == []
        file = mappings / "csv_orders__purchase_order.yaml"
        file.write_text(
            file.read_text(encoding="utf-8").replace("const: CSV", "const: CSV2"), encoding="utf-8"
        )
        at.drop(CSV / "01_good_two_orders.csv")
        problems = at.run().problems
        assert any("LEDGER_ARTIFACT_CHANGED" in problem for problem in problems)
        left = at.interchanges()["01_good_two_orders.csv"]
        assert (left["state"], left["attempts"]) == ("received", 0)


def test_a_wrong_mapping_version_or_a_missing_suite_stops_before_anything_is_lost(
    database: str, tmp_path: Path
) -> None:
    with hub("csv_orders", database, tmp_path) as at:
        at.drop(CSV / "02_good_bom.csv")
        at.flow = msgspec.structs.replace(
            at.flow, translate=msgspec.structs.replace(at.flow.translate, version=9)
        )
        assert any("version 9" in problem for problem in at.run().problems)
        at.flow = msgspec.structs.replace(
            at.flow,
            translate=msgspec.structs.replace(at.flow.translate, version=1),
            validate=msgspec.structs.replace(at.flow.validate, suite="no_such_suite"),
        )
        # the target is tried although the batch is not judged: nothing of it is there
        assert any("no_such_suite" in problem for problem in at.run().problems)
        assert at.rows("SELECT * FROM ledger.outbox") == []
        at.flow = msgspec.structs.replace(
            at.flow, validate=msgspec.structs.replace(at.flow.validate, suite="purchase_order_core")
        )
        assert at.run().problems == []
        assert states(at) == {"loaded": 1}


def test_a_file_with_ten_thousand_errors_keeps_the_first_and_counts_all(
    database: str, tmp_path: Path
) -> None:
    lines = (CSV / "12_bad_unknown_unit.csv").read_text(encoding="utf-8").splitlines()
    rows = [lines[0]]
    for number in range(1, 10_001):
        rows.append(lines[1].replace("CM-50015", "CM-60000").replace(";1;30", f";{number};30"))
    with hub("csv_orders", database, tmp_path) as at:
        at.drop("\r\n".join(rows).encode(), "many_errors.csv")
        assert at.run().problems == []
        [document] = at.documents()
        assert document["state"] == "quarantined"
        assert len(document["findings"]) == 200
        assert document["finding_count"] == 10_000


@pytest.mark.parametrize(
    ("name", "data", "state", "code"),
    [
        ("$(rm -rf);'..%00.edi", b"UNB+UNOC:3+4299999001006:14", "refused", "EDIFACT"),
        ("nul.edi", b"\x00" * 5000, "refused", "FORMAT_UNKNOWN"),
        ("gzip.edi", b"\x1f\x8b\x08\x00" + os.urandom(300), "refused", "FORMAT_UNKNOWN"),
        ("zip.edi", b"PK\x03\x04" + b"\x00" * 300, "refused", "BUNDLE_DAMAGED"),
        ("bomb.edi", b"UNA:+.? '" + b"'" * 500_000, "refused", "EDIFACT"),
        ("orders.xml", b"<?xml version='1.0'?><Order/>", "refused", "UNKNOWN_SENDER"),
        ("utf16.edi", "UNB+UNOC:3+1:14+2:14+261120:0830+1'".encode("utf-16"), "refused", "EDIFACT_ENCODING"),
        ("message.edi", b"UNH+1+INVOIC:D:96A:UN'BGM+380+1'UNT+3+1'", "refused", "EDIFACT"),
    ],
)
def test_junk_has_an_outcome_and_the_next_file_goes_on(
    database: str, tmp_path: Path, name: str, data: bytes, state: str, code: str
) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(data, name)
        at.drop(EDIFACT / "01_good_single.edi", "zz_good.edi")
        assert at.run().problems == []
        found = at.interchanges()
        assert found["zz_good.edi"]["state"] == "translated"
        [row] = [row for key, row in found.items() if key != "zz_good.edi"]
        assert row["state"] == state
        assert row["findings"][0]["code"].startswith(code), row["findings"]
        assert row["archive_key"]
        assert states(at) == {"loaded": 1}


def test_another_message_type_is_read_and_kept(database: str, tmp_path: Path) -> None:
    text = (EDIFACT / "01_good_single.edi").read_bytes().replace(b"ORDERS:D:96A", b"INVOIC:D:96A")
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(text, "invoice.edi")
        assert at.run().problems == []
        [row] = at.interchanges().values()
        assert row["state"] in ("read", "refused")
        assert at.documents() == []


def test_limits_of_the_agreement_refuse_the_interchange(database: str, tmp_path: Path) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    file = partners / "acme_retail.yaml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("documents: 20000", "documents: 2"), encoding="utf-8"
    )
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        at.drop(EDIFACT / "02_good_three_messages.edi")
        assert at.run().problems == []
        [row] = at.interchanges().values()
        assert (row["state"], row["findings"][0]["code"]) == ("refused", "LIMIT_DOCUMENTS")
        assert at.documents() == []


def test_all_or_nothing_holds_across_batches(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, batch_size=1) as at:
        at.drop(EDIFACT / "26_bad_all_or_nothing.edi")
        assert at.run().problems == []
        assert {row["number"]: row["findings"][0]["code"] for row in at.documents()} == {
            "BP-88002": "INTERCHANGE_HELD",
            "BP-88003": "PO_LINE_QUANTITY",
        }
        assert at.rows("SELECT * FROM ledger.outbox") == []


def test_all_or_nothing_also_holds_for_rules_that_compare_with_today_or_list_prices(
    database: str, tmp_path: Path
) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    file = partners / "borealis_plant.yaml"
    text = file.read_text(encoding="utf-8")
    assert "severities:" not in text
    file.write_text(f"{text}\nseverities:\n  PO_ISSUED_AHEAD: error\n", encoding="utf-8")
    first, second = (EDIFACT / "26_bad_all_or_nothing.edi").read_bytes().split(b"UNH+2+")
    ahead = second.replace(b"QTY+21:0:", b"QTY+21:1:").replace(b"MOA+203:0.00", b"MOA+203:6.40")
    ahead = ahead.replace(b"DTM+137:20261120", b"DTM+137:20991120").replace(
        b"DTM+2:20261204", b"DTM+2:20991204"
    )
    folders = ProjectFolders(partners_folder=partners)
    with hub("edifact_orders", database, tmp_path, folders=folders, batch_size=1) as at:
        at.drop(first + b"UNH+2+" + ahead, "ahead.edi")
        assert at.run().problems == []
        assert {row["number"]: row["findings"][0]["code"] for row in at.documents()} == {
            "BP-88002": "INTERCHANGE_HELD",
            "BP-88003": "PO_ISSUED_AHEAD",
        }
        assert at.rows("SELECT * FROM ledger.outbox") == []


def test_what_the_agreement_lowers_is_recorded_and_keeps_nothing_back(database: str, tmp_path: Path) -> None:
    partners = tmp_path / "partners"
    shutil.copytree(PROJECT / "partners", partners)
    with hub("edifact_orders", database, tmp_path, folders=ProjectFolders(partners_folder=partners)) as at:
        at.drop(EDIFACT / "12_bad_negative_quantity.edi")
        assert at.run().problems == []
        [bad] = at.documents()
        assert bad["state"] == "quarantined"
        [code] = {finding["code"] for finding in bad["findings"]}
    file = partners / f"{bad['agreement']}.yaml"
    text = file.read_text(encoding="utf-8")
    assert "severities:" not in text
    file.write_text(f"{text}\nseverities:\n  {code}: warning\n", encoding="utf-8")
    folders = ProjectFolders(partners_folder=partners)
    with hub("edifact_orders", database, tmp_path, folders=folders, endpoints=at.endpoints) as at:
        with transaction(at.ctx.ledger) as connection:
            documents.retry(connection, [bad["id"]], actor="buyer", reason="agreed")
        assert at.run().problems == []
        [good] = at.documents()
        assert good["state"] == "loaded"
        [noted] = [finding for finding in good["findings"] if finding["code"] == code]
        assert noted["severity"] == "warning"
        assert noted["place"]["segment"] == bad["findings"][0]["place"]["segment"]
        assert good["finding_count"] == len(good["findings"])


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


def test_test_interchanges_stay_out_of_targets_that_cannot_tell_them(database: str, tmp_path: Path) -> None:
    text = (EDIFACT / "01_good_single.edi").read_bytes().replace(b"+ACME0001'", b"+ACME0001++++++1'", 1)
    with hub("edifact_orders", database, tmp_path, targets=("warehouse", "tryton")) as at:
        at.drop(text, "test.edi")
        assert at.run().problems == []
        assert at.rows("SELECT target, state FROM ledger.outbox") == [
            {"target": "warehouse", "state": "done"}
        ]
        assert at.rows("SELECT environment FROM warehouse.purchase_order") == [{"environment": "test"}]


def test_a_paused_flow_does_not_start(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        with transaction(at.ctx.ledger) as connection:
            flow_state.pause(connection, at.flow.name, actor="operator", reason="month end")
        with pytest.raises(ConfigError, match="paused"):
            run_flow(at.ctx, at.flow)
        with transaction(at.ctx.ledger) as connection:
            flow_state.resume(connection, at.flow.name, actor="operator")
        assert run_flow(at.ctx, at.flow).problems == []


def test_an_answer_is_recorded_once_and_a_repair_does_not_rewrite_it(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(EDIFACT / "12_bad_negative_quantity.edi")
        at.run()
        query = "SELECT outcome, recorded_at FROM ledger.acknowledgement"
        before = at.rows(query)
        assert [row["outcome"] for row in before] == ["rejected"]
        with transaction(at.ctx.ledger) as connection:
            translations.translate_again(
                connection,
                [at.interchanges()["12_bad_negative_quantity.edi"]["id"]],
                actor="test",
                reason="again",
            )
        at.run()
        assert acknowledge(at.ctx, at.flow, 9).rejected == 0
        assert at.rows(query) == before


def test_lookups_come_from_the_cache_and_survive_its_loss(
    database: str, tmp_path: Path, valkey_url: str, valkey: redis.Redis
) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings)
    folders = ProjectFolders(mappings_folder=mappings)
    with hub("edifact_orders", database, tmp_path, valkey_url=valkey_url, folders=folders) as at:
        at.drop(EDIFACT / "01_good_single.edi")
        assert at.run().problems == []
        assert any("unit_of_measure" in key for key in valkey.keys("orderhub:lookup:*"))
        other = CachedLookups(mappings / "lookups", at.ctx.cache)
        assert other.table("unit_of_measure")["PCE"] == "C62"
        valkey.flushall()
        at.drop(EDIFACT / "02_good_three_messages.edi")
        assert at.run().problems == []
        table = mappings / "lookups" / "unit_of_measure.csv"
        table.write_text("from,to\nPCE,EA\n", encoding="utf-8")
        assert other.table("unit_of_measure") == {"PCE": "EA"}


def test_a_cache_that_is_away_changes_nothing(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, valkey_url="redis://127.0.0.1:9/0") as at:
        at.drop(EDIFACT / "01_good_single.edi")
        assert at.run().problems == []
        assert states(at) == {"loaded": 1}


def test_runs_are_rows_and_one_scheduled_run_is_one_row(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        first = start_run(at.ctx, at.flow, trigger="scheduled", external="scheduled__1")
        assert start_run(at.ctx, at.flow, trigger="scheduled", external="scheduled__1") == first
        finish_run(at.ctx, first)
        at.drop(EDIFACT / "01_good_single.edi")
        result = at.run()
        rows = at.rows("SELECT id, trigger, finished_at, result FROM ledger.run ORDER BY id")
        assert [row["id"] for row in rows] == [first, result.run]
        assert rows[1]["result"]["load"][0]["written"] == 1


def test_documents_of_many_files_share_batches(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path, batch_size=50) as at:
        for name, data in edifact(130, largest=4):
            at.drop(data, name)
        result = at.run()
        assert result.problems == []
        assert len(result.translate.batches) == 3
        assert states(at) == {"loaded": 130}
        assert load(at.ctx, at.flow, result.run, None, "warehouse").written == 0
