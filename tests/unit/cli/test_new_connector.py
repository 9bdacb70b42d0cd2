"""``orderhub connector new``: what it writes is well-formed, and its tests say what to write next."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orderhub.cli.new_connector import create
from orderhub.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[3]
SOURCE = ("check()", "waiting()", "pull()", "fixture `arrive`")
TARGET = ("check()", "load()", "find()", "fixture `effects`")


def run(*command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", **more}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a new connector of every kind."""
    folder = tmp_path_factory.mktemp("project")
    made = run(
        *(
            "orderhub.cli.main",
            "connector",
            "new",
            "both_ways",
            "--source",
            "--target",
            "--folder",
            str(folder),
        ),
        folder=folder,
    )
    assert made.returncode == 0, made.stderr
    assert f"python -m pytest {folder}/tests/contract/test_both_ways_contract.py" in made.stdout
    create(folder, "only_source", source=True, target=False)
    create(folder, "only_target", source=False, target=True)
    shutil.copy(PROJECT / "pyproject.toml", folder / "pyproject.toml")
    return folder


def test_it_is_a_folder_and_a_test(project: Path) -> None:
    files = {path.name for path in (project / "connectors" / "both_ways").iterdir() if path.is_file()}
    assert files == {"README.md", "__init__.py", "connector.py", "manifest.yaml", "settings.py"}
    assert (project / "tests" / "contract" / "test_both_ways_contract.py").is_file()


@pytest.mark.parametrize("arguments", [("check",), ("format", "--check")], ids=["check", "format"])
def test_ruff_finds_nothing(project: Path, arguments: tuple[str, ...]) -> None:
    own = 'lint.isort.known-first-party=["orderhub", "connectors"]'
    clean = run("ruff", *arguments, ".", "--no-cache", "--config", own, folder=project)
    assert clean.returncode == 0, clean.stdout


@pytest.mark.slow
def test_mypy_finds_nothing(project: Path, tmp_path: Path) -> None:
    # an editable installation is nothing that mypy finds by itself
    (tmp_path / "orderhub").symlink_to(PROJECT / "orderhub")
    cache = PROJECT / ".mypy_cache" / "new_connector"
    typed = run(
        *("mypy", "--strict", "--cache-dir", str(cache), "-p", "connectors"),
        folder=project,
        MYPYPATH=str(tmp_path),
    )
    assert typed.returncode == 0, typed.stdout


def test_its_tests_say_what_to_write(project: Path) -> None:
    tested = run(
        *("pytest", "-p", "no:cacheprovider", "-q", "--tb=line", "tests/contract"),
        folder=project,
        COLUMNS="200",
    )
    assert tested.returncode == 1, tested.stdout[-3000:]
    for name, expected in (
        ("only_source", SOURCE),
        ("only_target", TARGET),
        ("both_ways", (*SOURCE, *TARGET)),
    ):
        said = [line for line in tested.stdout.splitlines() if f"/{name}/" in line or f"_{name}_" in line]
        for what in {*SOURCE, *TARGET}:
            told = any(f"Write {what}" in line or f"Write the {what}" in line for line in said)
            assert told is (what in expected), (name, what)
    # what it can know without the author is right already
    passed = re.search(r"(\d+) passed", tested.stdout)
    assert passed is not None
    assert int(passed[1]) >= 12


def test_nothing_is_overwritten_and_names_are_checked(tmp_path: Path) -> None:
    create(tmp_path, "acme", source=True, target=False)
    with pytest.raises(ConfigError, match="there already"):
        create(tmp_path, "acme", source=True, target=False)
    for name in ("Acme", "../acme", "class", "", "a-b"):
        with pytest.raises(ConfigError, match="cannot be a connector's name"):
            create(tmp_path, name, source=True, target=False)
