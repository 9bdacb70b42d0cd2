"""Connectors are found by their manifest, the project's own and those of installed packages."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderhub.connector import Capability
from orderhub.connector_registry import ENTRY_POINT_GROUP, ConnectorRegistry, registry
from orderhub.errors import ConfigError
from orderhub.testing import PortsForTests

MANIFEST = """\
name: {name}
summary: A queue.
capabilities: [PULL]
connector: acme_connector.connector:Queue
settings: acme_connector.connector:QueueSettings
"""
MODULE = """\
from orderhub.connector import Capability, Connector, ConnectorSettings

class QueueSettings(ConnectorSettings):
    queue: str
    limit: int = 10

class Queue(Connector[QueueSettings]):
    name = "acme_queue"
    capabilities = Capability.PULL
    settings_type = QueueSettings
"""


def test_the_projects_own_connectors() -> None:
    assert {"folder", "tryton", "warehouse"} <= set(registry().names())
    assert (
        registry().manifest("warehouse").capabilities == Capability.LOAD | Capability.UPSERT | Capability.FIND
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A third party's installed package with an entry point."""
    folder = tmp_path / "acme_connector"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemExit('listing connectors must not import them')")
    (folder / "manifest.yaml").write_text(MANIFEST.format(name="acme_queue"))
    (folder / "connector.py").write_text(MODULE)
    information = tmp_path / "acme_connector-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-connector\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{ENTRY_POINT_GROUP}]\nacme_queue = acme_connector\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield folder
    for module in [name for name in sys.modules if name.startswith("acme_connector")]:
        del sys.modules[module]


def test_a_package_brings_a_connector(package: Path) -> None:
    found = ConnectorRegistry()
    assert "acme_queue" in found.names()
    assert found.manifest("acme_queue").summary == "A queue."
    assert "acme_connector" not in sys.modules
    (package / "__init__.py").write_text("")
    connector = found.create("acme_queue", {"queue": "orders"}, PortsForTests())
    assert connector.settings.limit == 10


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "'queue' is missing"),
        ({"queue": "q", "limits": 3}, "'limits' is not known (did you mean 'limit'?)"),
        ({"queue": "q", "limit": "many"}, "'limit'"),
    ],
    ids=["missing", "unknown", "wrong"],
)
def test_wrong_settings_are_named(package: Path, settings: dict[str, object], says: str) -> None:
    (package / "__init__.py").write_text("")
    with pytest.raises(ConfigError) as caught:
        ConnectorRegistry().create("acme_queue", settings, PortsForTests())
    assert says in caught.value.what
    assert "queue" in caught.value.todo


def test_an_unknown_connector_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'tryton'"):
        registry().manifest("triton")


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        (MANIFEST.replace("[PULL]", "[PUSH]"), "no capability 'PUSH'", 3),
        (MANIFEST.replace("summary: A queue.\n", ""), "summary is missing", 1),
        (MANIFEST + "colour: red\n", "'colour' is not known", 6),
        (MANIFEST.replace("acme_connector.connector:Queue\n", "os\n"), "not a class path", 4),
        (MANIFEST.replace("{name}", "other"), "names itself 'other'", None),
    ],
    ids=["capability", "missing", "unknown key", "class path", "name"],
)
def test_a_wrong_manifest_is_refused_at_its_line(
    tmp_path: Path, text: str, says: str, line: int | None
) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "manifest.yaml").write_text(text.format(name="queue"))
    with pytest.raises(ConfigError, match=says) as caught:
        ConnectorRegistry(tmp_path).manifest("queue")
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_a_missing_driver_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "manifest.yaml").write_text(
        MANIFEST.format(name="queue").replace("acme_connector", "no_such_package")
        + "driver: no-such-driver\n"
    )
    with pytest.raises(ConfigError, match="Install no-such-driver"):
        ConnectorRegistry(tmp_path).create("queue", {"queue": "q"}, PortsForTests())
