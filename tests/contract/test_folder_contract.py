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


class TestFolderLeft(TestFolder):
    """Files are left where they are; what was pulled is remembered by the bookmark alone."""

    test_settled_is_not_pulled_again_and_the_rest_is = None
    test_settle_is_repeatable_also_by_another_process = None

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"path": str(tmp_path), "complete_when": "renamed", "after": "leave"}


class TestFolderByMarkers(TestFolder):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"path": str(tmp_path), "complete_when": "marker"}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        def write_and_mark(name: str, data: bytes) -> None:
            (tmp_path / name).write_bytes(data)
            (tmp_path / f"{name}.done").touch()

        return write_and_mark


class TestFolderByStillness(TestFolder):
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"path": str(tmp_path), "stable_seconds": 0.05}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        return lambda name, data: (tmp_path / name).write_bytes(data)
