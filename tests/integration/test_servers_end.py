"""The servers of the tests end with the test run, also when it is killed and clears up nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orderhub.services.folder import DataFolder

pytestmark = [pytest.mark.integration, pytest.mark.slow]
SCRIPT = Path(__file__).with_name("servers_that_stay.py")


def test_no_server_outlives_a_test_run_that_is_killed(tmp_path: Path, project_data: DataFolder) -> None:
    command = [sys.executable, str(SCRIPT), str(project_data.path / "cache"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        told = json.loads(run.stdout.readline())
        started = []
        for number in told["processes"]:
            # one that had something short to do may be over
            with contextlib.suppress(psutil.NoSuchProcess):
                started.append(psutil.Process(number))
        run.kill()
    try:
        assert len(started) >= 9 - len(told["missing"])
        _, left = psutil.wait_procs(started, timeout=60)
        assert [process.name() for process in left] == []
    finally:
        for folder in told["folders"]:
            shutil.rmtree(folder, ignore_errors=True)
