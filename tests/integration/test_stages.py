"""The stages on real parts: what a second run changes, and what each of them keeps to."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
import redis
from hub_harness import PROJECT, ProjectFolders, hub
from stages_support import CSV, EDIFACT, edifact, states

from orderhub.acknowledge import acknowledge
from orderhub.errors import ConfigError
from orderhub.flows.lookups import CachedLookups
from orderhub.flows.runner import finish_run, run_flow, start_run
from orderhub.ledger import documents, flow_state, translations
from orderhub.ledger.engine import transaction
from orderhub.load import load

pytestmark = pytest.mark.integration


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
