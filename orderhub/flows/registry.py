"""The folder of flows: every usable flow, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

from orderhub.errors import ConfigError
from orderhub.findings import Place
from orderhub.flows.definition import parse_flow
from orderhub.stage import Flow


class FlowRegistry:
    """Flows of a folder, read when asked. A file that changed is read again; a broken file hides only itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int], Flow | ConfigError]] = {}

    def names(self) -> list[str]:
        """Names of the usable flows, sorted."""
        return sorted(flow.name for flow in self.flows())

    def flows(self) -> list[Flow]:
        """All usable flows, by name."""
        self._refresh()
        found = [entry for _, entry in self._read.values() if isinstance(entry, Flow)]
        return sorted(found, key=lambda flow: flow.name)

    def problems(self) -> list[ConfigError]:
        """What is wrong with the files that are no usable flow."""
        self._refresh()
        return [entry for _, entry in self._read.values() if isinstance(entry, ConfigError)]

    def get(self, name: str) -> Flow:
        """The flow of that name.

        :raises ConfigError: when its file is wrong (that error), or when there is none.
        """
        path = self.folder / f"{name}.yaml"
        self._refresh()
        # looked up among the files that are there, so that a name is never made into a path
        entry = self._read.get(path)
        if entry is None:
            known = ", ".join(self.names()) or "none"
            raise ConfigError(
                f"There is no flow {name!r}.",
                todo=f"Known flows: {known}. Flows stand in the folder {self.folder.name}/.",
                place=Place(file=self.folder.name),
            )
        if isinstance(entry[1], ConfigError):
            raise entry[1]
        return entry[1]

    def _refresh(self) -> None:
        present: set[Path] = set()
        if self.folder.is_dir():
            for path in sorted(self.folder.glob("*.yaml")):
                try:
                    status = path.stat()
                except OSError:
                    continue  # removed between listing and looking
                present.add(path)
                stamp = (status.st_mtime_ns, status.st_size)
                known = self._read.get(path)
                if known is None or known[0] != stamp:
                    self._read[path] = (stamp, self._parse(path))
        for path in [path for path in self._read if path not in present]:
            del self._read[path]

    @staticmethod
    def _parse(path: Path) -> Flow | ConfigError:
        try:
            return parse_flow(path)
        except ConfigError as error:
            return error
