"""Where the data folder goes, and that its secrets are nobody else's."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
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
    closed = Path(tempfile.mkdtemp(prefix="oh-closed-", dir="/tmp"))  # for its maker alone
    try:
        chosen = folder.choose(Settings(project_folder=closed))
        assert chosen.path.parent == Path("/var/tmp")
        assert "closed" in chosen.reason
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "no folder's rights are changed"
    finally:
        closed.rmdir()


@pytest.fixture
def project(data_folder: Path) -> Path:
    """A project with a short path that everybody can enter, and room for a disk beside it."""
    for name in ("project", "disk"):
        (data_folder / name).mkdir(mode=0o711)
    return data_folder / "project"


def test_a_link_that_the_user_made_is_followed(project: Path) -> None:
    disk = project.parent / "disk"
    (project / ".orderhub").symlink_to(disk)
    assert folder.prepare(Settings(project_folder=project)) == folder.DataFolder(disk)
    assert (disk / "run").is_dir()


def test_a_link_to_a_folder_that_cannot_be_used_is_named(project: Path) -> None:
    long = project.parent / "disk" / ("long-" * 20)
    long.mkdir()
    (project / ".orderhub").symlink_to(long)
    chosen = folder.choose(Settings(project_folder=project))
    assert chosen.path.parent == Path("/var/tmp")
    assert str(long) in chosen.reason


def test_a_link_into_nothing_is_an_error_and_stays(project: Path) -> None:
    link = project / ".orderhub"
    link.symlink_to(project.parent / "disk" / "not-mounted")
    with pytest.raises(ServiceError, match="not-mounted"):
        folder.choose(Settings(project_folder=project))
    assert link.is_symlink()


def test_the_hubs_own_link_is_kept_with_a_reason(project: Path) -> None:
    mark = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    own = Path("/var/tmp") / f"orderhub-{os.geteuid()}-{mark}"
    link = project / ".orderhub"
    link.symlink_to(own)  # what it leads to was cleaned away
    chosen = folder.choose(Settings(project_folder=project))
    assert chosen.path == own
    assert "link" in chosen.reason
    assert link.is_symlink()
    assert not own.exists()


def test_folders_above_a_new_data_folder_can_be_passed_whatever_the_umask(project: Path) -> None:
    before = os.umask(0o077)
    try:
        settings = Settings(project_folder=project, data_folder=project / "a" / "b")
        folder.prepare(settings)
        assert folder.choose(settings).path == project / "a" / "b"
    finally:
        os.umask(before)


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
