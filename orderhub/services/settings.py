"""The hub's settings: one model, read from (first wins) the environment, ``.env`` and ``orderhub.toml``.

Every key has the prefix ``ORDERHUB_`` in the environment and in ``.env``; ``orderhub.toml`` has it bare. Unknown keys
are refused everywhere. A URL that is not set means: the hub starts that part itself. docs/reference/settings.md holds
the table, which a test keeps in step with this model.

This module is imported by every command: it must not import Airflow, Great Expectations or SQLAlchemy.
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from orderhub.errors import ConfigError

PREFIX = "ORDERHUB_"
#: Names with two underscores are the hub's own, from its parts to each other; nobody sets them by hand.
INTERNAL_PREFIX = "ORDERHUB__"
#: Read by the tests alone: a missing peer fails instead of being skipped.
TEST_VARIABLES = frozenset(
    {"ORDERHUB_REQUIRE_PEERS", "ORDERHUB_CORPUS", "ORDERHUB_DATA", "ORDERHUB_CONNECTOR_MATRIX"}
)


def default_project_folder() -> Path:
    """Where flows/, mappings/ and the rest are: the working directory or the nearest one above it that has
    ``flows`` and ``airflow.cfg``, else the checkout that this package was installed from."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "airflow.cfg").is_file() and (folder / "flows").is_dir():
            return folder
    return Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """All settings. Paths that are relative are taken from ``project_folder``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        validate_default=False,
    )

    project_folder: Path = Field(
        default_factory=default_project_folder,
        description="The checkout: flows/, mappings/, schemas/ and the others are looked for here.",
    )
    data_folder: Path | None = Field(
        None,
        description="Where everything that is not source lives: databases, archive, logs, secrets. "
        "Unset: `.orderhub` in the project, or a folder in /var/tmp where that one does not fit.",
    )
    tools_folder: Path | None = Field(
        None,
        description="Where the ERP's own Python environment is installed. Unset: `tools` in the data folder.",
    )

    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database of ledger and warehouse, `postgresql://user:password@host:port/name`. "
        "Unset: the embedded server, database `orderhub`.",
    )
    airflow_database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database of Airflow's metadata. Unset: the embedded server, database `airflow`.",
    )
    erp_database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database of the embedded ERP. Unset: the embedded server, database `tryton`. "
        "Ignored when `erp_url` is set.",
    )
    valkey_url: SecretStr | None = Field(
        None, description="Valkey or Redis, `redis://:password@host:port/0`. Unset: the embedded server."
    )
    archive_url: str | None = Field(
        None,
        description="Where originals are archived, any fsspec URL. Unset: `archive` in the data folder.",
    )

    erp_url: str | None = Field(
        None, description="A Tryton 8.2 server, `http://host:port`. Unset: the hub installs and starts one."
    )
    erp_database: str = Field(
        "tryton",
        description="Database name of the ERP at `erp_url`, as its RPC address has it. Read with `erp_url` only: the "
        "hub's own ERP has the database that `erp_database_url` names.",
    )
    erp_user: str = Field("admin", description="The ERP user that the hub works as.")
    erp_password: SecretStr | None = Field(
        None,
        description="That user's password. Unset: generated for the embedded ERP; needed with `erp_url`.",
    )
    erp_port: int | None = Field(
        None, ge=1, le=65535, description="Port of the embedded ERP on loopback. Unset: a free one."
    )
    erp_master_data: Path | None = Field(
        Path("samples/master_data.yaml"),
        description="Suppliers, products and units that are written into the embedded ERP at its first start. "
        "An empty value writes none.",
    )

    airflow_url: str | None = Field(
        None, description="An Airflow that runs elsewhere, `http://host:port`. Unset: the hub starts Airflow."
    )
    airflow_host: str = Field("127.0.0.1", description="Address that the embedded Airflow listens on.")
    airflow_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Its port. Unset: 8080, or the next free one. A port that is set and taken is an error.",
    )
    airflow_user: str = Field("admin", description="The Airflow user that the hub works as, and the sign-in.")
    airflow_password: SecretStr | None = Field(
        None, description="That user's password. Unset: generated; needed with `airflow_url`."
    )

    flows_folder: Path = Field(Path("flows"), description="Flow files.")
    mappings_folder: Path = Field(Path("mappings"), description="Mapping files, examples and lookups.")
    schemas_folder: Path = Field(Path("schemas"), description="Schemas, grammars and expectation suites.")
    partners_folder: Path = Field(Path("partners"), description="Trading partner agreements.")
    connectors_folder: Path = Field(Path("connectors"), description="Connectors of the project.")
    dags_folder: Path = Field(Path("dags"), description="Airflow's DAG files.")
    plugins_folder: Path = Field(Path("plugins"), description="Airflow's plugin files.")
    samples_folder: Path = Field(Path("samples"), description="Sample master data and partner files.")
    inbox_folder: Path | None = Field(
        None,
        description="Root of the watched folders; relative folder paths in flows start here. "
        "Unset: `inbox` in the data folder.",
    )
    outbox_folder: Path | None = Field(
        None,
        description="Root of the folders that answers to partners are written to; relative paths of `acknowledge` start "
        "here. Unset: `outbox` in the data folder.",
    )

    alert_hours_quarantined: float = Field(
        24,
        ge=0,
        description="Documents in quarantine or in conflict for longer than so many hours are reported once: in the "
        "intake's log (`INBOX_OVERDUE`) and on the pages. 0: never.",
    )
    alert_hours_rejected: float = Field(24, ge=0, description="The same for documents that a target refused.")
    alert_hours_waiting: float = Field(
        72, ge=0, description="The same for documents that wait for an approval."
    )
    alert_hours_files: float = Field(
        24, ge=0, description="The same for files that were refused, only read, or used in part."
    )
    alert_hours_unknown_sender: float = Field(
        24, ge=0, description="The same for files of a sender that no agreement knows."
    )
    alert_hours_in_doubt: float = Field(
        1, ge=0, description="The same for effects of which nobody knows whether the target has them."
    )

    language: Literal["en", "zh-CN"] = Field(
        "en", description="Language of pages, where the reader sets none."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        folder = Path(os.environ.get(f"{PREFIX}PROJECT_FOLDER") or default_project_folder())
        return (
            init_settings,
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=folder / ".env", env_file_encoding="utf-8"),
            TomlConfigSettingsSource(settings_cls, toml_file=folder / "orderhub.toml"),
        )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        """An empty value means unset; only ``erp_master_data`` has an "empty" of its own."""
        if values.get("erp_master_data") == "":
            values = values | {"erp_master_data": None}
        return {key: value for key, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _passwords_for_servers_elsewhere(self) -> Settings:
        for part in ("erp", "airflow"):
            if getattr(self, f"{part}_url") and getattr(self, f"{part}_password") is None:
                raise ValueError(f"{part}_url is set, so {part}_password is needed")
        return self

    def path(self, name: str) -> Path:
        """The folder setting ``name`` (``flows_folder`` …) as an absolute path."""
        value = getattr(self, name)
        if not isinstance(value, Path):
            raise TypeError(f"{name} is not a path setting that has a value of its own")
        return value if value.is_absolute() else self.project_folder / value


def load_settings(**overrides: Any) -> Settings:
    """Read the settings.

    :raises ConfigError: an unknown key or a wrong value, with the key and what is allowed.
    """
    known = {name.upper() for name in Settings.model_fields}
    for name in os.environ:
        if not name.startswith(PREFIX) or name.startswith(INTERNAL_PREFIX) or name in TEST_VARIABLES:
            continue
        bare = name.removeprefix(PREFIX)
        if bare not in known:
            close = difflib.get_close_matches(bare, known, n=1)
            hint = f"Did you mean {PREFIX}{close[0]}?" if close else "docs/reference/settings.md lists all."
            raise ConfigError(f"The environment has {name}, which is no setting.", todo=hint)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        )
        # from None: pydantic's own text repeats the input, which may be a password
        raise ConfigError(
            f"The settings cannot be used: {problems}.",
            todo="Correct it in the environment, .env or orderhub.toml; docs/reference/settings.md lists all.",
        ) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()
