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
    return _parents_are_open(folder.resolve())


def _parents_are_open(folder: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents if parent.exists())


def _objection(folder: Path, *, follow: bool = True) -> str:
    """Why the folder cannot be used, empty when it can; ``follow`` False: as if it were no link."""
    if len(os.fsencode(folder / _SOCKET)) > _SOCKET_LIMIT:
        return f"the path {folder} is too long for a Unix socket"
    if os.geteuid() == 0 and not _parents_are_open(folder.resolve() if follow else folder):
        return f"a folder above {folder} is closed to the user that runs PostgreSQL for root"
    return ""


def choose(settings: Settings) -> DataFolder:
    """The data folder for these settings; nothing is created.

    A link that the user made is followed; ``reason`` says why any other folder than the project's own is taken.

    :raises ServiceError: the configured folder cannot be used, or the link leads nowhere.
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
    mark = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    # our own name in a folder that is everybody's: ``prepare`` checks whose it is
    elsewhere = Path("/var/tmp") / f"orderhub-{os.geteuid()}-{mark}"  # noqa: S108
    if usual.is_symlink():
        target = usual.resolve()
        if target != elsewhere.resolve():
            return _linked(usual, target, elsewhere)
        return DataFolder(elsewhere, _objection(usual, follow=False) or f"{usual} is a link to it")
    if objection := _objection(usual):
        return DataFolder(elsewhere, objection)
    return DataFolder(usual)


def _linked(link: Path, target: Path, elsewhere: Path) -> DataFolder:
    """The folder that a link of the user's leads to, where that works."""
    if not target.is_dir():
        # made anew it would be an empty hub, on another disk than the one that is not mounted
        raise ServiceError(
            f"{link} leads to {target}, which is no folder.",
            todo="Mount or create it, or remove the link.",
        )
    if objection := _objection(target):
        return DataFolder(elsewhere, objection)
    return DataFolder(target)


def prepare(settings: Settings) -> DataFolder:
    """Choose and create the data folder, its ``run`` and ``logs``, and the project's link to it.

    Mode 0700, for root 0711: PostgreSQL's user passes through to its own folder and can list nothing.

    :raises ServiceError: the folder belongs to somebody else or cannot be written.
    """
    chosen = choose(settings)
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for folder in [p for p in reversed(chosen.path.parents) if not p.exists()]:
            folder.mkdir(exist_ok=True)
            folder.chmod(mode)  # whatever the umask is: PostgreSQL's user passes through
        chosen.path.mkdir(mode=mode, exist_ok=True)
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
        if not link.is_symlink() and not link.exists() and os.access(settings.project_folder, os.W_OK):
            link.symlink_to(chosen.path)
    return chosen
