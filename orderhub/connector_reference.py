"""docs/reference/connectors.md, generated from the manifests: ``python -m orderhub.connector_reference`` writes it, with
``--check`` it fails when the page differs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from orderhub.connector_registry import ConnectorRegistry, Manifest

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference" / "connectors.md"

_HEAD = """\
# Connectors

What can be pulled from and loaded into. `orderhub connector list` shows the same for an installation, with the connectors of
installed packages; each one's README tells its settings, what becomes of what, and what was never run. What each was tested
against stands in the table that the run of the contract tests writes (`make test TESTS=tests/contract`, then
`.orderhub/connector-matrix.md`). This page is generated: `python -m orderhub.connector_reference`.

How a connection's name becomes address and credentials: [Connections](../how-to/connections.md). How to add one:
[Write a connector](../how-to/write-a-connector.md).

| Connector | | Can | Documents | Talks through |
|---|---|---|---|---|"""


def page() -> str:
    """The whole page: the connectors of this project, not those of installed packages."""
    registry = ConnectorRegistry(PROJECT / "connectors")
    lines = [_HEAD]
    found = [registry.manifest(path.parent.name) for path in sorted(registry.folder.glob("*/manifest.yaml"))]
    lines += [_row(manifest) for manifest in found]
    streams = [manifest for manifest in found if manifest.streams]
    lines += ["", "## Streams", ""]
    for manifest in streams:
        for name, meaning in manifest.streams.items():
            shown = "any name" if name == "*" else f"`{name}`"
            lines.append(f"- {manifest.name}, {shown}: {meaning}")
    return "\n".join(lines) + "\n"


def _row(manifest: Manifest) -> str:
    can = ", ".join(str(flag.name) for flag in manifest.capabilities)
    documents = ", ".join(f"`{name}`" for name in manifest.documents)
    driver = f"`{manifest.driver}`" if manifest.driver else ""
    link = f"[{manifest.name}](../../connectors/{manifest.name}/README.md)"
    return f"| {link} | {manifest.summary} | {can} | {documents} | {driver} |"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or compare it."""
    fresh = page()
    if "--check" in arguments:
        same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == fresh
        if not same:
            sys.stderr.write(f"{PAGE} differs; run: python -m orderhub.connector_reference\n")
        return 0 if same else 1
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
