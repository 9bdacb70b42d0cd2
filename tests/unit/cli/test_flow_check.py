"""``orderhub flow check`` tells of agreements too: one that cannot be read is a sender that nobody knows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one agreement that is wrong and one that claims another's identifier."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("mappings", "partners", "flows", "schemas", "connectors"):
        shutil.copytree(
            PROJECT / name, folder / name, ignore=shutil.ignore_patterns("examples", "__pycache__")
        )
    (folder / "airflow.cfg").write_text("")
    (folder / "partners" / "wrong.yaml").write_text("partner: wrong\nname: Wrong\nenvironmnt: test\n")
    twice = (folder / "partners" / "acme_retail.yaml").read_text().replace("acme_retail", "second_acme", 1)
    (folder / "partners" / "second_acme.yaml").write_text(twice)
    return folder


def check(project: Path, *flows: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "orderhub.cli.main", "flow", "check", *flows],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("flows", [(), ("edifact_orders",)], ids=["all", "by sender"])
def test_an_agreement_that_is_not_usable_is_told(project: Path, flows: tuple[str, ...]) -> None:
    code, said = check(project, *flows)
    assert code == 1
    assert "wrong.yaml, line 3" in said
    assert "'environment'" in said
    assert "second_acme.yaml" in said
    assert "belongs to acme_retail already" in said


def test_a_flow_that_names_its_partner_depends_on_no_other_agreement(project: Path) -> None:
    assert check(project, "csv_orders")[0] == 0
