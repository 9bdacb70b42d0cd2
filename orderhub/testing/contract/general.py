"""What every connector must do, whatever it can."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from orderhub.connector import Connector
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError
from orderhub.testing.contract.base import ContractBase, Settings
from orderhub.testing.parts import ClosedPorts, PortsForTests, watching_io


@functools.cache
def _read_in_a_fresh_process(connector: str) -> subprocess.CompletedProcess[str]:
    """What reading a manifest and nothing else comes to; the same for all test classes of a connector."""
    manifest = registry().manifest(connector)
    module = manifest.connector.partition(":")[0]
    program = (
        "import sys\n"
        "from orderhub.connector_registry import registry\n"
        f"assert registry().manifest({connector!r}).summary\n"
        f"for module in ({module!r}, {manifest.driver!r}):\n"
        "    assert module not in sys.modules, module\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )


class GeneralContract(ContractBase):
    """Manifest, settings, check, close."""

    def test_the_manifest_is_readable_without_the_connector_and_its_driver(self) -> None:
        ran = _read_in_a_fresh_process(self.connector)
        assert ran.returncode == 0, ran.stderr

    def test_the_class_is_what_the_manifest_says(self, make: Callable[[], Connector[Any]]) -> None:
        connector = make()
        manifest = registry().manifest(self.connector)
        assert connector.name == manifest.name == self.connector
        assert connector.capabilities == manifest.capabilities

    def test_the_constructor_does_no_io(self, settings: Settings, make: Callable[[], Connector[Any]]) -> None:
        connector_type = type(make())
        checked = registry().settings(self.connector, settings)
        with watching_io() as seen:
            connector = connector_type(checked, ClosedPorts())
        assert seen == []
        connector.close()

    def test_an_unknown_setting_is_refused_by_name(self, settings: Settings, ports: PortsForTests) -> None:
        with pytest.raises(ConfigError, match="no_such_setting"):
            registry().create(self.connector, {**settings, "no_such_setting": 1}, ports)

    def test_check_reaches_the_other_side_and_leaves_it_alone(
        self, make: Callable[[], Connector[Any]], state: Callable[[], object]
    ) -> None:
        before = state()
        health = make().check()
        assert health.ok, health.sentence
        assert health.sentence
        assert state() == before

    def test_check_says_when_the_other_side_is_not_there(
        self, unreachable: tuple[Settings, PortsForTests] | None
    ) -> None:
        if unreachable is None:
            self.not_shown("an unreachable side (no fixture `unreachable`)")
            return
        connector = registry().create(self.connector, *unreachable)
        health = connector.check()
        assert not health.ok
        assert health.sentence
        connector.close()

    def test_close_twice(self, make: Callable[[], Connector[Any]]) -> None:
        connector = make()
        connector.check()
        connector.close()
        connector.close()
