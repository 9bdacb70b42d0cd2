"""The promise of ORDERHUB_REQUIRE_PEERS, kept by a pytest run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import peers
import pytest

TESTS = """
import pytest

@pytest.fixture
def server():
    pytest.skip("Valkey cannot be started")

def test_fixture(server): ...
@pytest.mark.skipif(True, reason="Chromium is not installed")
def test_mark(): ...
def test_call(): pytest.skip("there is no OpenSSH here")
def test_corpus(): pytest.skip("the corpus is not at hand")
@pytest.mark.skipif(True, reason="only root's server runs as another user")
def test_root(): ...
@pytest.mark.oracle
def test_oracle(): pytest.skip("no ORACLE_DSN, and no PostgreSQL would do")
@pytest.mark.xfail(reason="Airflow's defect")
def test_expected(): assert False
def test_passes(): ...
"""
MODULE = "import pytest\npytest.importorskip('no_such_module', reason='no driver for PostgreSQL')\n"


@pytest.mark.parametrize(
    ("value", "summary", "code"),
    [
        ("1", "1 passed, 3 skipped, 1 xfailed, 1 failed, 3 errors", 1),
        ("", "1 passed, 7 skipped, 1 xfailed", 0),
    ],
)
def test_a_missing_peer_fails_only_where_peers_are_required(
    tmp_path: Path, value: str, summary: str, code: int
) -> None:
    (tmp_path / "test_peers_wanted.py").write_text(TESTS)
    (tmp_path / "test_whole_module.py").write_text(MODULE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = oracle\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "peers", "-p", "no:cacheprovider"),
            *("--continue-on-collection-errors", str(tmp_path)),
        ],
        env=os.environ | {peers.VARIABLE: value, "PYTHONPATH": str(Path(peers.__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    counts = set(done.stdout.splitlines()[-1].split(" in ")[0].strip("= ").split(", "))
    assert counts == set(summary.split(", ")), done.stdout
    assert done.stdout.count("a peer is missing") >= 4 * bool(value)
