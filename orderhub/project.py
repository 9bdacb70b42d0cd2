"""Where the project's files are, found without reading the settings model: ``orderhub translate`` must start at once."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path


def project_folder() -> Path:
    """``ORDERHUB_PROJECT_FOLDER``; else the working directory or the nearest one above it that has ``flows`` and
    ``airflow.cfg``; else the checkout that this package was installed from."""
    named = os.environ.get("ORDERHUB_PROJECT_FOLDER")
    if named:
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "airflow.cfg").is_file() and (folder / "flows").is_dir():
            return folder
    return Path(__file__).resolve().parents[1]


def mappings_folder() -> Path:
    """The setting ``mappings_folder`` by the same rules as the settings model: environment, ``.env``,
    ``orderhub.toml``, default."""
    return _folder("mappings")


def partners_folder() -> Path:
    """The setting ``partners_folder``, by the same rules."""
    return _folder("partners")


def _folder(name: str) -> Path:
    project = project_folder()
    setting = f"{name}_folder"
    value = os.environ.get(f"ORDERHUB_{setting.upper()}") or _from_files(project, setting) or name
    return project / value


def _from_files(project: Path, setting: str) -> str | None:
    dotenv = project / ".env"
    if dotenv.is_file():
        for line in dotenv.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == f"ORDERHUB_{setting.upper()}":
                return value.strip().strip("'\"")
    toml = project / "orderhub.toml"
    if toml.is_file():
        named = tomllib.loads(toml.read_text(encoding="utf-8")).get(setting)
        return named if isinstance(named, str) else None
    return None
