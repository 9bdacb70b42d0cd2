"""The full fault trial: ``python -m tests.faults.run --seed 1``; every figure can be set."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest

FIGURES = {
    "seed": (1, "replays a trial"),
    "documents": (2000, "orders sent, duplicates and conflicts included"),
    "kills": (100, "workers killed"),
    "sessions": (200, "sessions of the database ended from outside"),
    "valkey": (5, "times that Valkey is killed"),
    "full_archive": (4, "times that the archive's disk is full"),
    "full_tables": (4, "times that the disk of the tables is full, during COPY too"),
    "erp": (2, "times that the ERP is stopped and started again"),
}


def main() -> int:
    """Run the trial and its control on services of its own; exit code 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="tests.faults.run", description=__doc__)
    for name, (usual, what) in FIGURES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=usual, help=what)
    given = vars(parser.parse_args())
    for name in FIGURES:
        os.environ[f"FAULTS_{name.upper()}"] = str(given[name])
    tests = Path(__file__).with_name("test_faults.py")
    return int(pytest.main([str(tests), "-q", "-s", "-p", "no:cacheprovider", "-o", "timeout=3600"]))


if __name__ == "__main__":
    sys.exit(main())
