"""Where the data folder is. ``<project>/.orderhub`` where that works, else a folder in /var/tmp, with a link to it.

Two things can rule the project's own folder out: PostgreSQL refuses to run as root, so root's server runs as a system
user that must be able to enter every folder above its data; and a Unix socket's path ends at 107 bytes (104 on macOS).
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from orderhub.errors import ServiceError
from orderhub.services.settings import Settings

#: The longest path below the data folder that is bound as a Unix socket, with the suffix that supervisor adds.
_SOCKET = "run/supervisor.sock.1234567"
_SOCKET_LIMIT = 103


@dataclass(frozen=True)
class DataFolder:
    """The chosen folder, and why it is not the usual one (empty when it is)."""

    path: Path
    reason: str = ""

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def logs(self) -> Path:
        return self.path / "logs"


def others_can_enter(folder: Path) -> bool:
    """Whether a user without rights of his own can enter ``folder``'s parents (the folder itself need not exist)."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.resolve().parents if parent.exists())


def _objection(folder: Path) -> str:
    if len(os.fsencode(folder / _SOCKET)) > _SOCKET_LIMIT:
        return f"the path {folder} is too long for a Unix socket"
    if os.geteuid() == 0 and not others_can_enter(folder):
        return f"a folder above {folder} is closed to the user that runs PostgreSQL for root"
    return ""


def choose(settings: Settings) -> DataFolder:
    """The data folder for these settings; nothing is created.

    :raises ServiceError: the configured folder cannot be used.
    """
    if settings.data_folder is not None:
        folder = settings.path("data_folder")
        if objection := _objection(folder):
            raise ServiceError(
                f"The data folder cannot be used: {objection}.",
                todo="Set ORDERHUB_DATA_FOLDER to a short path outside closed folders, or leave it unset.",
            )
        return DataFolder(folder)
    project = settings.project_folder.resolve()
    usual = project / ".orderhub"
    if usual.is_symlink() and not usual.exists():
        usual.unlink()
    objection = _objection(usual if not usual.is_symlink() else project / ".orderhub")
    if not objection and not usual.is_symlink():
        return DataFolder(usual)
    mark = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    return DataFolder(Path("/var/tmp") / f"orderhub-{os.geteuid()}-{mark}", objection)  # noqa: S108 - checked below


def prepare(settings: Settings) -> DataFolder:
    """Choose and create the data folder, its ``run`` and ``logs``, and the project's link to it.

    Mode 0700, for root 0711: PostgreSQL's user passes through to its own folder and can list nothing.

    :raises ServiceError: the folder belongs to somebody else or cannot be written.
    """
    chosen = choose(settings)
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        chosen.path.mkdir(mode=mode, parents=True, exist_ok=True)
        found = chosen.path.lstat()
        # /var/tmp is everybody's: a folder that somebody else put there beforehand is not ours to trust
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise ServiceError(
                f"{chosen.path} exists and belongs to another user.",
                todo="Set ORDERHUB_DATA_FOLDER to a folder of your own.",
            )
        chosen.path.chmod(mode)
        for folder in (chosen.run, chosen.logs):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise ServiceError(
            f"The data folder {chosen.path} cannot be written: {error.strerror}.",
            todo="Give yourself the right to write there, or set ORDERHUB_DATA_FOLDER.",
        ) from error
    if chosen.reason:
        link = settings.project_folder / ".orderhub"
        if not link.exists() and os.access(settings.project_folder, os.W_OK):
            link.symlink_to(chosen.path)
    return chosen
