"""What the front process says and leaves."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from orderhub.services.preload import HEAVY
from orderhub.services.up import report_given_up


def test_a_program_that_gave_up_is_told_without_markup() -> None:
    text = io.StringIO()
    report_given_up(Console(file=text, width=200), "intake", "[red]as logged[/red]", Path("/logs/intake.log"))
    assert text.getvalue().splitlines() == [
        "intake has given up:",
        "[red]as logged[/red]",
        "The whole log is /logs/intake.log.",
    ]


def test_files_of_the_front_process_are_private(tmp_path: Path) -> None:
    # a settings object without anything ends the start at once; the umask is set before that
    code = (
        "import os; from pathlib import Path; from orderhub.services import up; "
        "from orderhub.services.settings import Settings; "
        f"up.run_up(Settings(data_folder=Path({str(tmp_path)!r}) / ('long' * 40))); "
        f"Path({str(tmp_path)!r}, 'lock').touch()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "too long" in done.stdout
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_nothing_is_preloaded_that_no_task_needs() -> None:
    code = (
        "import importlib, sys; from orderhub.services.preload import HEAVY; "
        "[importlib.import_module(n) for n in HEAVY if n.startswith(('orderhub.', 'connectors.'))]; "
        "sys.exit('lxml' in sys.modules)"
    )
    assert "lxml.etree" not in HEAVY
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
