"""IDocs as files: killed at every step and taken away by SAP, each is given once."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connectors.sap import file as sap_file
from connectors.sap.connector import SapConnector
from connectors.sap.settings import SapSettings
from orderhub.connector import OutcomeState
from orderhub.errors import ConnectorUnavailable
from orderhub.testing import PortsForTests, load_item, sample_order


class Killed(BaseException):
    """The process is gone."""


def connector(outbox: Path) -> SapConnector:
    settings = SapSettings.model_validate({"send": {"by": "file", "folder": "in"}})

    def write(mapping: str, document: Any, given: Any = None) -> Any:
        return SimpleNamespace(data=f"<ORDERS05>{document.number}</ORDERS05>".encode())

    return SapConnector(settings, PortsForTests(resources={"write": write, "outbox": outbox}))


def taken(outbox: Path) -> list[bytes]:
    """What SAP takes away now."""
    files = sorted((outbox / "in").glob("*.xml"))
    contents = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    return contents


STEPS: list[tuple[Any, str]] = [
    (os, "fsync"),
    (Path, "rename"),
    (Path, "touch"),
    (sap_file, "_sync"),
    (sap_file, "_write"),
]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_killed_at_any_step_an_order_is_given_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, count: int, after: bool
) -> None:
    (tmp_path / "in").mkdir()
    item = load_item(sample_order("F-1"))
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dies(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count and not after:
            raise Killed
        result = real(*arguments, **more)
        if calls == count:
            raise Killed
        return result

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, dies)
        with contextlib.suppress(Killed):
            connector(tmp_path).load([item])
    got = taken(tmp_path)  # SAP may look at any moment
    again = connector(tmp_path)
    again.find([item.key])
    assert again.load([item])[0].state in (OutcomeState.WRITTEN, OutcomeState.UNCHANGED)
    got += taken(tmp_path)
    assert again.load([item])[0].state is OutcomeState.UNCHANGED
    assert got + taken(tmp_path) == [b"<ORDERS05>F-1</ORDERS05>"]
    assert not list(tmp_path.rglob("*.ready"))


def test_a_worker_that_was_asleep_does_not_give_again_what_another_gave_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease ran out between its look and its file; SAP has taken the other one's away by then."""
    (tmp_path / "in").mkdir()
    item = load_item(sample_order("F-1"))
    other = threading.Thread(target=lambda: connector(tmp_path).load([item]))
    write: Callable[..., None] = sap_file._write
    got: list[bytes] = []

    def slowly(*arguments: Any) -> None:
        if not other.ident:
            other.start()
            other.join(1)  # longer than it takes, unless it waits for this one
            got.extend(taken(tmp_path))
        write(*arguments)

    monkeypatch.setattr(sap_file, "_write", slowly)
    connector(tmp_path).load([item])
    other.join()
    assert got + taken(tmp_path) == [b"<ORDERS05>F-1</ORDERS05>"]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    health = connector(tmp_path).check()
    assert not health.ok
    assert "no folder" in health.sentence
    (tmp_path / "in").write_text("a file")
    with pytest.raises(ConnectorUnavailable, match="cannot be written"):
        connector(tmp_path).load([load_item(sample_order("F-1"))])


@pytest.mark.parametrize("folder", ["../x", "/etc", "a/../b", "", ".hidden", "a//b", "a\nb"])
def test_a_folder_elsewhere_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="folder"):
        SapSettings.model_validate({"send": {"by": "file", "folder": folder}})
