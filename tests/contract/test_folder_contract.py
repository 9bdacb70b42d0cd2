"""The folder connector keeps the contract, moving files away and leaving them."""

from __future__ import annotations

import errno
import itertools
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orderhub.testing import (
    Arrive,
    ConnectorContract,
    FailAt,
    Failure,
    PortsForTests,
    Replies,
    Settings,
)


class TestFolder(ConnectorContract):
    connector = "folder"
    peer = f"the file system of {platform.system()} {platform.release().partition('-')[0]}"

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
    def replies(self, tmp_path: Path) -> Replies:
        return lambda: {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.startswith(".")}

    @pytest.fixture
    def reply_fails_at(self, monkeypatch: pytest.MonkeyPatch) -> FailAt:
        """The n-th of the system calls that write fails as on a full disk."""

        @contextmanager
        def failing(step: int) -> Iterator[Failure]:
            failure, calls = Failure(), itertools.count()

            def broken(real: Callable[..., Any]) -> Callable[..., Any]:
                def call(*args: Any, **kwargs: Any) -> Any:
                    if next(calls) == step:
                        failure.happened = True
                        raise OSError(errno.ENOSPC, "No space left on device")
                    return real(*args, **kwargs)

                return call

            with monkeypatch.context() as patch:
                for name in ("fdopen", "fsync", "rename"):
                    patch.setattr(os, name, broken(getattr(os, name)))
                yield failure

        return failing

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


class TestFolderBundles(TestFolder):
    """Two files make one interchange; what packs them comes through a port."""

    @pytest.fixture
    def ports(self) -> PortsForTests:
        def first_of(members: list[tuple[str, bytes]]) -> bytes:
            assert [name.rpartition(".")[2] for name, _ in members] == ["a", "b"]
            return members[0][1]

        return PortsForTests(resources={"bundle": first_of})

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {"path": str(tmp_path), "complete_when": "renamed", "bundle": ["*.a", "*.b"]}

    @pytest.fixture
    def arrive(self, tmp_path: Path) -> Arrive:
        def rename_in(name: str, data: bytes) -> None:
            for member, content in ((f"{name}.b", b"the other half"), (f"{name}.a", data)):
                (tmp_path / f".{member}").write_bytes(content)
                (tmp_path / f".{member}").rename(tmp_path / member)

        return rename_in


class TestFolderBundlesLeft(TestFolderBundles):
    test_settled_is_not_pulled_again_and_the_rest_is = None
    test_settle_is_repeatable_also_by_another_process = None

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return {
            "path": str(tmp_path),
            "complete_when": "renamed",
            "after": "leave",
            "bundle": ["*.a", "*.b"],
        }
