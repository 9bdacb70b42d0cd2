"""Workers killed at any moment: nothing lost, nothing twice, every conflict reported; and the proof that this is seen.

``make faults`` runs the full trial; here a smaller one runs on every test run.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from disturbances import may_mount
from plan import Plan, Result
from trial import Trial

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def trial_of(plan: Plan, folder: Path, database: str, erp_stack: Stack | None, stores: Stack) -> Trial:
    environment = dict((erp_stack or stores).environment)
    environment["ORDERHUB_VALKEY_URL"] = stores.endpoints.valkey_url
    return Trial(
        plan,
        folder=folder,
        database_url=database,
        environment=environment,
        erp=erp_stack,
        stores=stores,
    )


def run(plan: Plan, folder: Path, database: str, erp_stack: Stack | None, stores: Stack) -> Result:
    result = trial_of(plan, folder, database, erp_stack, stores).run()
    print(  # noqa: T201 - the figures are what one runs this for
        f"\nseed {plan.seed}: {result.sent} documents in {result.files} files, {result.kills} kills, {result.seconds} s; "
        f"Tryton {result.in_tryton}, warehouse {result.in_warehouse}, conflicts {result.conflicts_reported}; "
        f"{result.states}; interrupted {result.interrupted}; besides {result.happened}; {len(result.faults)} faults"
    )
    return result


def given(name: str, small: int) -> int:
    """A figure of ``make faults``, else the small one."""
    return int(os.environ.get(f"FAULTS_{name.upper()}", str(small)))


def test_nothing_is_lost_or_doubled_by_kills(
    tmp_path: Path, database: str, erp_stack: Stack, stores: Stack
) -> None:
    plan = Plan(
        documents=given("documents", 200),
        kills=given("kills", 8),
        seed=given("seed", 1),
        sessions=given("sessions", 6),
        valkey_kills=given("valkey", 1),
        full_archive=given("full_archive", 0),
        full_tables=given("full_tables", 0),
        erp_stops=given("erp", 0),
    )
    result = run(plan, tmp_path, database, erp_stack, stores)
    assert result.faults == []
    originals = plan.documents - round(plan.documents * 0.10) - round(plan.documents * 0.05)
    assert result.in_tryton == result.in_warehouse == originals
    assert result.conflicts_reported >= round(plan.documents * 0.05)
    assert result.happened.get("sessions", 0) == plan.sessions


def test_a_full_disk_under_archive_or_tables_loses_nothing(
    tmp_path: Path, database: str, stores: Stack
) -> None:
    if not may_mount(tmp_path):
        pytest.skip("only who may mount a file system can make a full disk")
    plan = Plan(
        documents=300,
        seed=3,
        targets=("warehouse",),
        full_archive=1,
        full_tables=1,
        batch_size=10,
        patience=90,
    )
    result = trial_of(plan, tmp_path, database, None, stores).run_on_full_disks()
    assert result.faults == []
    assert result.in_warehouse == 300 - 30 - 15
    assert result.happened == {"full archive": 1, "full tables": 1}


def test_the_same_trial_fails_without_the_unique_constraint(
    tmp_path: Path, database: str, stores: Stack
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger.identity DROP CONSTRAINT identity_once")
    plan = Plan(documents=120, kills=5, seed=2, targets=("warehouse",), patience=15)
    result = run(plan, tmp_path, database, None, stores)
    assert any("times in the warehouse" in fault or "loaded 2 times" in fault for fault in result.faults), (
        f"the trial did not see what a missing constraint does: {result.faults[:5]}"
    )
