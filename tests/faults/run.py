"""The full fault trial: ``python -m tests.faults.run --kills 50 --documents 1000 --seed 1``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    """Run the trial and its control on services of its own; exit code 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="tests.faults.run", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ["FAULTS_KILLS"] = str(given.kills)
    os.environ["FAULTS_DOCUMENTS"] = str(given.documents)
    os.environ["FAULTS_SEED"] = str(given.seed)
    tests = Path(__file__).with_name("test_faults.py")
    return int(pytest.main([str(tests), "-q", "-s", "-p", "no:cacheprovider", "-o", "timeout=3600"]))


if __name__ == "__main__":
    sys.exit(main())
