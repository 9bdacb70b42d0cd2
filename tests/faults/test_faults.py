"""Workers killed at any moment: nothing lost, nothing twice, every conflict reported; and the proof that this is seen.

``make faults`` runs the full trial; here a smaller one runs on every test run.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from trial import Plan, Result, Trial

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def run(plan: Plan, folder: Path, database: str, erp_stack: Stack | None, stores: Stack) -> Result:
    environment = dict((erp_stack or stores).environment)
    environment["ORDERHUB_VALKEY_URL"] = stores.endpoints.valkey_url
    trial = Trial(
        plan,
        folder=folder,
        database_url=database,
        environment=environment,
        erp=erp_stack.endpoints if erp_stack else None,
        valkey_url=stores.endpoints.valkey_url,
    )
    result = trial.run()
    print(  # noqa: T201 - the figures are what one runs this for
        f"\nseed {plan.seed}: {result.sent} documents in {result.files} files, {result.kills} kills, {result.seconds} s; "
        f"Tryton {result.in_tryton}, warehouse {result.in_warehouse}, conflicts {result.conflicts_reported}; "
        f"{result.states}; interrupted {result.interrupted}; {len(result.faults)} faults"
    )
    return result


def test_nothing_is_lost_or_doubled_by_kills(
    tmp_path: Path, database: str, erp_stack: Stack, stores: Stack
) -> None:
    plan = Plan(
        documents=int(os.environ.get("FAULTS_DOCUMENTS", "150")),
        kills=int(os.environ.get("FAULTS_KILLS", "10")),
        seed=int(os.environ.get("FAULTS_SEED", "1")),
    )
    result = run(plan, tmp_path, database, erp_stack, stores)
    assert result.faults == []
    originals = plan.documents - round(plan.documents * 0.10) - round(plan.documents * 0.05)
    assert result.in_tryton == result.in_warehouse == originals
    assert result.conflicts_reported >= round(plan.documents * 0.05)


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
