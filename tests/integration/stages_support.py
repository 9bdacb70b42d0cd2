"""What the tests of the stages share: files to drop, and how the documents stand."""

from __future__ import annotations

import sys

from hub_harness import PROJECT, Hub

sys.path.insert(0, str(PROJECT / "tests" / "faults"))
from orders import consignment

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
