"""The table of connectors says what passed, what was skipped and what was not shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = """
from orderhub.testing.matrix import (
    pytest_collection_modifyitems,
    pytest_runtest_logreport,
    pytest_terminal_summary,
)
"""
TESTS = """
import pytest
from orderhub.testing import ConnectorContract


class TestThere(ConnectorContract):
    connector = "folder"

    @pytest.fixture
    def peer(self, tmp_path):
        return f"a file system, version {len('123')}"

    @pytest.fixture
    def settings(self, tmp_path):
        return {"path": str(tmp_path), "complete_when": "renamed"}

    @pytest.fixture
    def arrive(self, tmp_path):
        return lambda name, data: (tmp_path / name).write_bytes(data)

    @pytest.fixture
    def replies(self, tmp_path):
        return lambda: {"never": b"what was sent"}


class TestMissing(ConnectorContract):
    connector = "warehouse"
    peer = "PostgreSQL 99"

    @pytest.fixture
    def ports(self):
        pytest.skip("PostgreSQL is missing")


def test_of_something_else():
    pass
"""


def test_the_run_writes_the_table(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TESTS, encoding="utf-8")
    surroundings = {**os.environ, "ORDERHUB_CONNECTOR_MATRIX": "table.md", "NO_COLOR": "1", "COLUMNS": "250"}
    surroundings.pop("ORDERHUB_REQUIRE_PEERS", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[1]: line for line in table.splitlines() if line.startswith("| ")}
    there, missing = rows["TestThere"], rows["TestMissing"]
    assert "a file system, version 3" in there
    assert "6 passed" in there.split(" | ")[3], done.stdout[-2000:]
    assert "FAILED" in there, "what failed is said"
    assert "| – |" in there, "a folder is watched: that it can be asked was not shown"
    assert "PostgreSQL 99" in missing
    assert "SKIPPED" in missing
    assert "## Skipped" in table
    assert "warehouse (TestMissing), LOAD: PostgreSQL is missing" in table
    assert "## Not shown" in table
    assert "an unreachable side (no fixture `unreachable`)" in table
    assert "something_else" not in table
    assert "SKIPPED: PostgreSQL is missing" in done.stdout
    assert "connectors ====" in done.stdout
