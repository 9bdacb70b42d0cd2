"""Fixtures of the file servers: import them where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.certificates import Authority, make_authority
from servers.sshd import Sshd, running_sshd

from orderhub.connector import Capability
from orderhub.testing import ConnectorContract


def only_pull(contract: type[ConnectorContract]) -> type[ConnectorContract]:
    """Leave only the tests of pulling: of a variant that differs in nothing else."""
    for name in dir(contract):
        test = getattr(contract, name)
        if name.startswith("test_") and Capability.PULL not in (
            getattr(test, "needs", None) or Capability(0)
        ):
            setattr(contract, name, None)
    return contract


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
