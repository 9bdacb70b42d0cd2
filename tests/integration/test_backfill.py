"""A backfill translates again what was received in an interval: by the mapping of today, once in effect."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import msgspec
import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from sqlalchemy import text

from orderhub.errors import ConfigError
from orderhub.flows.runner import run_flow
from orderhub.ledger import documents, flow_state
from orderhub.ledger.engine import transaction
from orderhub.stage import RunResult, TranslateStep

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox" / "edifact_orders"
DAY = dt.datetime(2026, 2, 10, tzinfo=dt.UTC)
NEXT = DAY + dt.timedelta(days=1)


def received(at: Hub, name: str, moment: dt.datetime) -> None:
    with transaction(at.ctx.ledger) as connection:
        connection.execute(
            text("UPDATE ledger.interchange SET received_at = :moment WHERE name = :name"),
            {"moment": moment, "name": name},
        )


def backfill(at: Hub, start: dt.datetime = DAY, end: dt.datetime = NEXT) -> RunResult:
    return run_flow(at.ctx, at.flow, trigger="backfill", received=(start, end))


def generations(at: Hub) -> dict[str, int]:
    rows = at.rows(
        "SELECT i.name, max(d.generation) AS n FROM ledger.interchange AS i "
        "JOIN ledger.document AS d ON d.interchange_id = i.id GROUP BY i.name"
    )
    return {row["name"]: row["n"] for row in rows}


def effects(at: Hub) -> list[tuple[object, ...]]:
    """Everything that left the hub: outbox, warehouse versions, answers."""
    found: list[tuple[object, ...]] = []
    for query in (
        "SELECT target, idempotency_key, state, outcome FROM ledger.outbox",
        "SELECT number, version, content_hash FROM warehouse.purchase_order",
        "SELECT interchange_id, kind, outcome FROM ledger.acknowledgement",
    ):
        found += [tuple(row.values()) for row in at.rows(query + " ORDER BY 1, 2")]
    return found


def test_only_what_was_received_in_the_interval_is_translated_again(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        for name in ("01_good_single.edi", "02_good_three_messages.edi", "05_good_crlf.edi"):
            at.drop(SAMPLES / name)
        at.run()
        received(at, "01_good_single.edi", DAY)
        received(at, "02_good_three_messages.edi", NEXT - dt.timedelta(microseconds=1))
        received(at, "05_good_crlf.edi", NEXT)
        before = effects(at)
        at.drop(SAMPLES / "06_good_utf8.edi")
        result = backfill(at)
        assert result.problems == []
        assert (len(result.pull.interchanges), result.translate.documents) == (2, 4)
        assert generations(at) == {
            "01_good_single.edi": 2,
            "02_good_three_messages.edi": 2,
            "05_good_crlf.edi": 1,
        }
        assert effects(at) == before
        assert [file.name for file in at.inbox.iterdir() if file.is_file()] == ["06_good_utf8.edi"], (
            "a backfill pulls nothing"
        )


@pytest.mark.parametrize("by", ["file", "person"])
def test_a_paused_flow_is_backfilled_all_the_same(database: str, tmp_path: Path, by: str) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        at.drop(SAMPLES / "01_good_single.edi")
        at.run()
        received(at, "01_good_single.edi", DAY)
        if by == "file":
            at.flow = msgspec.structs.replace(at.flow, paused=True)
        else:
            with transaction(at.ctx.ledger) as connection:
                flow_state.pause(connection, at.flow.name, actor="anna", reason="stocktaking")
        at.drop(SAMPLES / "06_good_utf8.edi")
        with pytest.raises(ConfigError, match="is paused"):
            at.run()
        assert backfill(at).problems == []
        assert generations(at) == {"01_good_single.edi": 2}
        assert (at.inbox / "06_good_utf8.edi").is_file(), "what arrives waits at its source"


def test_a_second_backfill_gives_the_same(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        for name in ("02_good_three_messages.edi", "10_partly_bad.edi"):
            at.drop(SAMPLES / name)
        at.run()
        for name in ("02_good_three_messages.edi", "10_partly_bad.edi"):
            received(at, name, DAY)

        def canonical() -> list[tuple[object, ...]]:
            return [
                tuple(row.values())
                for row in at.rows(
                    "SELECT DISTINCT ON (interchange_id, ordinal) interchange_id, ordinal, content_hash, mapping_hash "
                    "FROM ledger.document ORDER BY interchange_id, ordinal, generation DESC"
                )
            ]

        backfill(at)
        once, left = canonical(), effects(at)
        backfill(at)
        assert (canonical(), effects(at)) == (once, left)


def test_a_corrected_mapping_makes_a_new_version_in_the_warehouse(database: str, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings)
    folders = ProjectFolders(mappings_folder=mappings)
    with hub("edifact_orders", database, tmp_path, folders=folders) as at:
        at.drop(SAMPLES / "01_good_single.edi")
        at.run()
        received(at, "01_good_single.edi", DAY)
        endpoints, version = at.endpoints, at.flow.translate.version or 0
    file = mappings / "edifact_orders_d96a__purchase_order.yaml"
    corrected = file.read_text(encoding="utf-8").replace("{const: EDI}", "{const: EDIFACT}")
    file.write_text(corrected.replace(f"version: {version}", f"version: {version + 1}"), encoding="utf-8")
    step = TranslateStep(mapping=file.stem, version=version + 1)
    with hub(
        "edifact_orders", database, tmp_path, folders=folders, endpoints=endpoints, translate=step
    ) as at:
        assert backfill(at).problems == []
        rows = at.rows("SELECT version, source_system FROM warehouse.purchase_order ORDER BY version")
        assert [(row["version"], row["source_system"]) for row in rows] == [(1, "EDI"), (2, "EDIFACT")]


def test_what_a_person_discarded_stays_discarded(database: str, tmp_path: Path) -> None:
    with hub("edifact_orders", database, tmp_path) as at:
        for name in ("10_partly_bad.edi", "11_bad_unknown_unit.edi"):
            at.drop(SAMPLES / name)
        at.run()
        for name in ("10_partly_bad.edi", "11_bad_unknown_unit.edi"):
            received(at, name, DAY)
        bad = [row["id"] for row in at.rows("SELECT id FROM ledger.document WHERE state = 'quarantined'")]
        assert bad
        with transaction(at.ctx.ledger) as connection:
            documents.discard(connection, bad, actor="anna", reason="ordered by telephone instead")
        backfill(at)
        assert at.rows("SELECT id FROM ledger.document WHERE state = 'quarantined'") == []
        kept = [row["id"] for row in at.rows("SELECT id FROM ledger.document WHERE state = 'discarded'")]
        assert sorted(kept) == sorted(bad)
        assert at.rows("SELECT name FROM ledger.interchange WHERE state = 'received'") == []
