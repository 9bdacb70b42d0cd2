"""The trial of connections that break: ``python -m tests.faults.connections --runs 200 --seed 1 [--kind rest-target]``.

Spreads seeded runs over all kinds of connections, breaks each at seeded moments, and counts what was lost, what came twice,
and which unclear outcomes were looked up. Exit code 0 when every promise was kept in every run.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest

from tests.faults.connections import plan
from tests.faults.connections.table import Table


def main() -> int:
    """Run the trial on servers of its own, and print its table."""
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="tests.faults.connections", description=summary)
    parser.add_argument("--runs", type=int, default=200, help="seeded runs in all (200)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed of each kind (1); replays a run")
    parser.add_argument("--kind", choices=plan.KINDS, help="this kind alone")
    given = parser.parse_args()
    os.environ |= {plan.RUNS: str(given.runs), plan.SEED: str(given.seed), plan.KIND: given.kind or ""}
    table = Table()
    tests = Path(__file__).parent.with_name("test_connections.py")
    options = ["-q", "-p", "no:cacheprovider", "-o", "timeout=900", "-k", "nothing_is_lost"]
    code = int(pytest.main([str(tests), *options], plugins=[table]))
    sys.stdout.write(table.text())
    return code or int(not table.kept)


if __name__ == "__main__":
    sys.exit(main())
