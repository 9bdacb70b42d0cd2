"""Contract tests that every connector inherits, and what a connector's own tests need.

A connector's whole contract test is a class of about a dozen lines::

    class TestFolder(ConnectorContract):
        connector = "folder"

        @pytest.fixture
        def settings(self, tmp_path):
            return {"path": str(tmp_path), "complete_when": "renamed"}

        @pytest.fixture
        def arrive(self, tmp_path):
            return lambda name, data: (tmp_path / name).write_bytes(data)

Only the tests of the capabilities in the manifest exist in the class; nothing has to be skipped by hand. A fixture that
a capability needs and the class does not give fails the test with its name.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("orderhub.testing.contract")

from orderhub.testing.contract import (  # noqa: E402 - rewritten
    Arrive,
    ConnectorContract,
    Effects,
    FailAt,
    Replies,
    Settings,
)
from orderhub.testing.parts import ClosedPorts, Failure, PortsForTests, load_item, sample_order  # noqa: E402 - as above

__all__ = [
    "Arrive",
    "ClosedPorts",
    "ConnectorContract",
    "Effects",
    "FailAt",
    "Failure",
    "PortsForTests",
    "Replies",
    "Settings",
    "load_item",
    "sample_order",
]
