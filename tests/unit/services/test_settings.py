"""Settings: one documented table, wrong keys refused, secrets never shown, light to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orderhub.errors import ConfigError
from orderhub.services.settings import Settings, load_settings
from orderhub.services.settings_page import page

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDERHUB_PROJECT_FOLDER", str(tmp_path))
    return tmp_path


def test_the_page_is_in_step_with_the_model() -> None:
    assert (PROJECT / "docs/reference/settings.md").read_text(encoding="utf-8") == page()


def test_the_environment_wins_over_dotenv_and_toml(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "orderhub.toml").write_text('log_level = "ERROR"\nlanguage = "zh-CN"\nairflow_port = 1\n')
    (project / ".env").write_text("ORDERHUB_LOG_LEVEL=WARNING\nORDERHUB_AIRFLOW_PORT=2\n")
    monkeypatch.setenv("ORDERHUB_AIRFLOW_PORT", "3")
    settings = load_settings()
    assert (settings.airflow_port, settings.log_level, settings.language) == (3, "WARNING", "zh-CN")


def test_an_unknown_name_in_the_environment_is_refused_with_the_nearest(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERHUB_DATABASE_ULR", "postgresql://somewhere/")
    with pytest.raises(ConfigError, match="Did you mean ORDERHUB_DATABASE_URL"):
        load_settings()


@pytest.mark.parametrize(("file", "line"), [("orderhub.toml", "colour = 1"), (".env", "ORDERHUB_COLOUR=1")])
def test_an_unknown_name_in_a_file_is_refused(project: Path, file: str, line: str) -> None:
    (project / file).write_text(line + "\n")
    with pytest.raises(ConfigError, match=r"(?i)colour"):
        load_settings()


def test_a_wrong_value_is_refused_without_repeating_a_password(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERHUB_AIRFLOW_PORT", "99999")
    monkeypatch.setenv("ORDERHUB_DATABASE_URL", "postgresql://u:hunter2@h/d")
    with pytest.raises(ConfigError, match="airflow_port") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_an_erp_elsewhere_needs_its_password(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERHUB_ERP_URL", "http://erp.example:8000")
    with pytest.raises(ConfigError, match="erp_password"):
        load_settings()


def test_secrets_are_not_in_the_repr() -> None:
    settings = Settings(project_folder=PROJECT, database_url="postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(settings)


def test_an_empty_value_is_unset(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERHUB_VALKEY_URL", "")
    assert load_settings().valkey_url is None


def test_importing_the_settings_imports_nothing_heavy() -> None:
    code = (
        "import sys, orderhub.services.settings\n"
        "print(sorted({'airflow', 'great_expectations', 'sqlalchemy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
