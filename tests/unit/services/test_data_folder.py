"""Where the data folder goes, and that its secrets are nobody else's."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orderhub.errors import ServiceError
from orderhub.services import folder, secret_store
from orderhub.services.settings import Settings


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("p")


def test_a_path_too_long_for_a_socket_moves_to_var_tmp_and_says_why(tmp_path: Path) -> None:
    project = tmp_path / ("long-" * 20)
    project.mkdir()
    chosen = folder.choose(Settings(project_folder=project))
    assert chosen.path.parent == Path("/var/tmp")
    assert "too long" in chosen.reason
    assert chosen == folder.choose(Settings(project_folder=project)), "the choice must not change"


def test_two_projects_never_share_a_folder(tmp_path: Path) -> None:
    projects = [tmp_path / ("long-" * 20) / name for name in ("a", "b")]
    assert len({folder.choose(Settings(project_folder=p)).path for p in projects}) == 2


def test_a_configured_folder_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    settings = Settings(project_folder=tmp_path, data_folder=tmp_path / ("long-" * 20))
    with pytest.raises(ServiceError, match="too long"):
        folder.choose(settings)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_root_avoids_a_closed_folder(tmp_path: Path) -> None:
    closed = Path("/tmp") / f"oh-closed-{os.getpid()}"
    closed.mkdir(mode=0o700)
    try:
        chosen = folder.choose(Settings(project_folder=closed))
        assert chosen.path.parent == Path("/var/tmp")
        assert "closed" in chosen.reason
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "no folder's rights are changed"
    finally:
        closed.rmdir()


def test_secrets_are_made_once_and_are_private(short: Path) -> None:
    made = secret_store.ensure(short)
    assert secret_store.ensure(short).fernet_key == made.fernet_key
    assert stat.S_IMODE((short / secret_store.FILE_NAME).stat().st_mode) == 0o600
    assert made.fernet_key not in repr(made)


def test_secrets_that_others_can_read_are_refused(short: Path) -> None:
    secret_store.ensure(short)
    (short / secret_store.FILE_NAME).chmod(0o644)
    with pytest.raises(ServiceError, match="can be read by others"):
        secret_store.read(short)


def test_a_newer_version_adds_its_secrets_and_keeps_the_old(short: Path) -> None:
    old = secret_store.ensure(short)
    path = short / secret_store.FILE_NAME
    path.write_text(path.read_text().replace('"erp_password"', '"of_another_version"'))
    new = secret_store.read(short)
    assert new.archive_key == old.archive_key
    assert new.erp_password
    assert secret_store.read(short).erp_password == new.erp_password
