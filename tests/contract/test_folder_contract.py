"""The folder connector keeps the contract, moving files away and leaving them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orderhub.testing import Arrive, ConnectorContract, PortsForTests, Settings


class TestFolder(ConnectorContract):
    connector = "folder"

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"path": str(tmp_path), "complete_when": "renamed"}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        def rename_in(name: str, data: bytes) -> None:
            (tmp_path / f".{name}").write_bytes(data)
            (tmp_path / f".{name}").rename(tmp_path / name)

        return rename_in

    @pytest.fixture
    def state(self, tmp_path: Path):
        return lambda: sorted(os.walk(tmp_path))

    @pytest.fixture
    def unreachable(self, tmp_path: Path) -> tuple[Settings, PortsForTests]:
        return {"path": str(tmp_path / "missing")}, PortsForTests()
