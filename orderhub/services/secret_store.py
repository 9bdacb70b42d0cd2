"""The hub's generated secrets: one file in the data folder, mode 0600, made at the first start, never printed."""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from orderhub.errors import ServiceError

FILE_NAME = "secrets.json"


@dataclass(frozen=True, repr=False)
class Secrets:
    """Generated once. Losing ``archive_key`` loses the archive; losing ``fernet_key`` Airflow's connections."""

    fernet_key: str
    jwt_secret: str
    api_secret_key: str
    archive_key: str
    postgres_password: str
    orderhub_password: str
    airflow_database_password: str
    tryton_database_password: str
    valkey_password: str
    airflow_password: str
    erp_password: str

    def __repr__(self) -> str:
        return "Secrets(…)"


def _generate() -> Secrets:
    keys = {"fernet_key", "archive_key"}
    made = {
        # Fernet's form: 32 random bytes in URL-safe base64, with padding
        f.name: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        if f.name in keys
        else secrets.token_urlsafe(24)
        for f in fields(Secrets)
    }
    # Airflow signs with SHA-512, whose key is to have 64 bytes at least (RFC 7518, 3.2)
    made["jwt_secret"] = secrets.token_urlsafe(64)
    # people type this one
    made["airflow_password"] = secrets.token_hex(8)
    return Secrets(**made)


def _write(path: Path, held: Secrets) -> None:
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(held), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read(data_folder: Path) -> Secrets:
    """The secrets of a data folder that was started before.

    :raises ServiceError: there is no such file, it is damaged, or others can read it.
    """
    path = data_folder / FILE_NAME
    try:
        mode = path.stat().st_mode
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ServiceError(
            f"There are no secrets in {data_folder}: the hub was never started there.", todo="Run `make run`."
        ) from None
    except (OSError, ValueError) as error:
        raise ServiceError(
            f"{path} cannot be read ({type(error).__name__}).",
            todo="Restore it from a backup; it holds the keys.",
        ) from None
    if stat.S_IMODE(mode) & 0o077:
        raise ServiceError(f"{path} can be read by others.", todo=f"Run `chmod 600 {path}`.")
    known = {f.name for f in fields(Secrets)}
    missing = known - held.keys()
    if missing:
        # a newer version knows more secrets: the new ones are made, the old ones stay
        held = asdict(_generate()) | held
        _write(path, Secrets(**{name: held[name] for name in known}))
    return Secrets(**{name: held[name] for name in known})


def ensure(data_folder: Path) -> Secrets:
    """The secrets of ``data_folder``, generated when there are none yet.

    :raises ServiceError: as :func:`read`.
    """
    path = data_folder / FILE_NAME
    if not path.exists():
        _write(path, _generate())
    return read(data_folder)
