"""Fixtures of the file servers: import them where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.certificates import Authority, make_authority
from servers.sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """OpenSSH for the whole run."""
    with running_sshd() as server:
        yield server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Certificates of the run."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return make_authority(folder)
