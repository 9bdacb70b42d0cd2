"""Finds connectors and builds them.

A connector is a folder ``connectors/<name>/`` of this project, or a package of a third party that declares the entry
point group ``orderhub.connectors`` (name of the connector = its package). Either way ``manifest.yaml`` stands in the
folder and is read without importing anything of the connector, so that listing connectors costs no driver.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pydantic

from orderhub.config_file import read_config
from orderhub.connector import Capability, Connector, ConnectorSettings, Ports
from orderhub.errors import ConfigError
from orderhub.findings import Place

ENTRY_POINT_GROUP = "orderhub.connectors"
MANIFEST = "manifest.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_CLASS_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What ``manifest.yaml`` says. ``connector`` and ``settings`` are class paths (``package.module:Class``);
    ``streams`` says by name what can be pulled (``"*"``: any name will do); ``documents`` names the canonical
    documents that ``load`` takes; ``driver`` the distribution that does the talking, if there is one."""

    name: str
    summary: str
    capabilities: Capability
    connector: str
    settings: str
    streams: dict[str, str] = {}
    documents: list[str] = []
    driver: str | None = None
    file: str = MANIFEST


def read_manifest(path: Path) -> Manifest:
    """The manifest of one connector.

    :raises ConfigError: at the line and column of what is wrong.
    """
    top = read_config(path)
    name = top.text("name")
    if not _NAME.match(name):
        top.fail(
            "name", f"{name!r} cannot be a connector's name.", "Use small letters, digits and underscores."
        )
    capabilities = Capability(0)
    for word in top.texts("capabilities"):
        try:
            capabilities |= Capability[word]
        except KeyError:
            known = ", ".join(str(flag.name) for flag in Capability)
            top.fail("capabilities", f"There is no capability {word!r}.", f"Known: {known}.")
    streams = {key: str(value) for key, value in top.plain("streams").items()}
    manifest = Manifest(
        name=name,
        summary=top.text("summary"),
        capabilities=capabilities,
        connector=top.text("connector"),
        settings=top.text("settings"),
        streams=streams,
        documents=top.texts("documents"),
        driver=top.optional_text("driver"),
        file=f"{path.parent.name}/{path.name}",
    )
    for key, value in (("connector", manifest.connector), ("settings", manifest.settings)):
        if not _CLASS_PATH.match(value):
            top.fail(key, f"{value!r} is not a class path.", "Write package.module:Class.")
    top.done()
    return manifest


class ConnectorRegistry:
    """The connectors of a folder, and those that installed packages bring. A name of the folder wins."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder if folder is not None else _own_folder()
        self._read: dict[Path, Manifest] = {}

    def names(self) -> list[str]:
        """All names, sorted. Imports no connector."""
        return sorted(self._places())

    def manifest(self, name: str) -> Manifest:
        """What a connector says about itself, without importing it.

        :raises ConfigError: for an unknown name (with the nearest known one) or a wrong manifest.
        """
        places = self._places()
        path = places.get(name)
        if path is None:
            near = difflib.get_close_matches(name, places, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(places)) or 'none'}."
            raise ConfigError(f"There is no connector {name!r}.", todo=hint)
        if path not in self._read:
            manifest = read_manifest(path)
            if manifest.name != name:
                raise ConfigError(
                    f"The manifest names itself {manifest.name!r}, but it is found as {name!r}.",
                    todo="Let the folder or entry point and the manifest have one name.",
                    place=Place(file=manifest.file),
                )
            self._read[path] = manifest
        return self._read[path]

    def settings(self, name: str, settings: Mapping[str, Any]) -> ConnectorSettings:
        """The checked settings of one use of a connector, as a flow gives them. Imports the settings' module only.

        :raises ConfigError: naming every key that is unknown, missing or wrong.
        """
        manifest = self.manifest(name)
        settings_type = cast("type[ConnectorSettings]", _load(manifest, manifest.settings, ConnectorSettings))
        try:
            return settings_type.model_validate(dict(settings))
        except pydantic.ValidationError as error:
            raise ConfigError(
                f"The settings of the connector {name!r} are wrong: {_problems(error, settings_type)}.",
                todo=f"Known settings: {', '.join(sorted(settings_type.model_fields)) or 'none'}; "
                f"connectors/{name}/README.md explains them.",
            ) from error

    def create(self, name: str, settings: Mapping[str, Any], ports: Ports) -> Connector[Any]:
        """A connector ready for use; it has done no I/O yet.

        :raises ConfigError: for an unknown connector or wrong settings, and when its driver is not installed.
        """
        checked = self.settings(name, settings)
        manifest = self.manifest(name)
        connector_type = cast("type[Connector[Any]]", _load(manifest, manifest.connector, Connector))
        return connector_type(checked, ports)

    def _places(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for entry in _entry_points(tuple(sys.path)):
            path = _package_folder(entry.value.partition(":")[0])
            if path is not None and (path / MANIFEST).is_file():
                found[entry.name] = path / MANIFEST
        if self.folder.is_dir():
            for path in sorted(self.folder.glob(f"*/{MANIFEST}")):
                found[path.parent.name] = path
        return found


@functools.cache
def registry() -> ConnectorRegistry:
    """The registry of the installed ``connectors`` package and all entry points."""
    return ConnectorRegistry()


@functools.cache
def _entry_points(_places: tuple[str, ...]) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Of all packages on the path; reading them costs more than all else that the registry does."""
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))


def _own_folder() -> Path:
    return _package_folder("connectors") or Path("connectors")


def _package_folder(package: str) -> Path | None:
    """The folder of a package. Only the top package is asked for, because finding a sub-package imports its parent."""
    top, *below = package.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)), *below)


def _load(manifest: Manifest, class_path: str, base: type) -> type:
    module_name, _, class_name = class_path.partition(":")
    place = Place(file=manifest.file)
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ImportError as error:
        raise ConfigError(
            f"The connector {manifest.name!r} cannot be imported: {error}.",
            todo=f"Install {manifest.driver or 'the package it needs'} or correct the class path.",
            place=place,
        ) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(
            f"{class_path} is not a {base.__name__}.",
            todo="Correct the class path in the manifest.",
            place=place,
        )
    return found


def _problems(error: pydantic.ValidationError, settings_type: type[ConnectorSettings]) -> str:
    said: list[str] = []
    for problem in error.errors(include_url=False, include_input=False):
        key = ".".join(str(part) for part in problem["loc"]) or "settings"
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, settings_type.model_fields, n=1)
            said.append(f"{key!r} is not known" + (f" (did you mean {near[0]!r}?)" if near else ""))
        elif problem["type"] == "missing":
            said.append(f"{key!r} is missing")
        else:
            said.append(f"{key!r}: {problem['msg']}")
    return "; ".join(said)
