"""The folder of flows: every usable flow, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

from orderhub.config_file import ConfigFolder
from orderhub.errors import ConfigError
from orderhub.flows.definition import parse_flow
from orderhub.stage import Flow


class FlowRegistry:
    """Flows of a folder, read when asked. A file that changed is read again; a broken file hides only itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: ConfigFolder[Flow] = ConfigFolder(folder, parse_flow, noun="flow")

    def names(self) -> list[str]:
        """Names of the usable flows, sorted."""
        return [flow.name for flow in self.flows()]

    def flows(self) -> list[Flow]:
        """All usable flows, by name."""
        return self._files.usable()

    def problems(self) -> list[ConfigError]:
        """What is wrong with the files that are no usable flow."""
        return self._files.broken()

    def get(self, name: str) -> Flow:
        """The flow of that name.

        :raises ConfigError: when its file is wrong (that error), or when there is none.
        """
        return self._files.get(name)
