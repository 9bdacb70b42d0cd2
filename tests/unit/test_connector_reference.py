"""The list of connectors is in step with the manifests, and every connector has its README."""

from __future__ import annotations

import importlib

from orderhub import connector_reference
from orderhub.connector_registry import ConnectorRegistry


def test_the_page_is_in_step_with_the_manifests() -> None:
    assert connector_reference.PAGE.read_text(encoding="utf-8") == connector_reference.page(), (
        "run: python -m orderhub.connector_reference"
    )


def test_every_connector_has_a_readme_with_its_settings() -> None:
    registry = ConnectorRegistry(connector_reference.PROJECT / "connectors")
    for path in sorted(registry.folder.glob("*/manifest.yaml")):
        readme = path.parent / "README.md"
        assert readme.is_file(), f"{path.parent.name} has no README.md"
        module, _, name = registry.manifest(path.parent.name).settings.partition(":")
        if getattr(importlib.import_module(module), name).model_fields:
            assert "| Setting" in readme.read_text(encoding="utf-8"), f"{readme} has no table of settings"
