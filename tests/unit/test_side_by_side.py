"""Tests in several processes, kept to their promises by a pytest run of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import side_by_side

FILE = """
import os, time
from pathlib import Path
import pytest

def note(name):
    began = time.monotonic()
    time.sleep(0.1)
    with Path({notes!r}).open("a") as notes:
        notes.write(f"{{name}} {{os.getpid()}} {{began}} {{time.monotonic()}}\\n")

@pytest.mark.parametrize("number", range(2))
def test_beside_others(number): note("{file}")

@pytest.mark.alone
def test_alone(): note("alone")
"""


def test_files_stay_together_and_who_measures_is_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    for name in ("test_a.py", "test_airflow_b.py", "test_c.py", "test_d_airflow.py"):
        (tmp_path / name).write_text(FILE.format(notes=str(notes), file=name))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = alone\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "side_by_side", "-n", "2", str(tmp_path)],
        env={"PATH": "", "PYTHONPATH": str(Path(side_by_side.__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout
    ran = [line.split() for line in notes.read_text().splitlines()]
    processes = {name: {pid for other, pid, *_ in ran if other == name} for name, *_ in ran}
    assert {len(pids) for name, pids in processes.items() if name != "alone"} == {1}
    assert processes["test_airflow_b.py"] == processes["test_d_airflow.py"]
    assert len(set().union(*processes.values())) == 2
    times = [(float(began), float(ended), name) for name, _, began, ended in ran]
    for began, ended, _ in (one for one in times if one[2] == "alone"):
        assert [one for one in times if one[0] < ended and one[1] > began] == [(began, ended, "alone")]
