"""The process that asks, with a connector of the test's own: its settings say how it behaves. Started by the tests with
the number of threads as last argument."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pydantic

from orderhub.connector import Bookmark, Capability, Connector, ConnectorSettings, Poll
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.intake.polling.asker import main
from orderhub.testing import PortsForTests


class PlaceSettings(ConnectorSettings):
    """``folder`` has a file ``<name>.waits`` while something waits, ``.away``, ``.refuses``, ``.hangs`` or ``.crashes`` while the
    place does that; every question leaves a line in ``asked``."""

    folder: str
    name: str
    takes_seconds: float = 0.0
    seconds: float = 1.0
    host: str = ""
    secret: str = pydantic.Field("", repr=False)

    def poll(self) -> Poll:
        return Poll(seconds=self.seconds, host=self.host)


class Place(Connector[PlaceSettings]):
    name = "place"
    capabilities = Capability.PULL
    settings_type = PlaceSettings

    def waiting(self, stream: str, since: Bookmark) -> bool:
        given = self.settings
        folder = Path(given.folder)
        at = folder / given.name
        with (folder / "asked").open("a", encoding="utf-8") as asked:
            asked.write(f"{time.monotonic():.4f} {given.name}\n")
        sys.stdout.write("what a driver prints is no answer\n")
        time.sleep(given.takes_seconds * random.uniform(0.5, 1.5))
        if at.with_suffix(".hangs").exists():
            time.sleep(600)
        if at.with_suffix(".crashes").exists():
            os.abort()
        if at.with_suffix(".away").exists():
            raise ConnectorUnavailable("The server does not answer.", todo="Wait.")
        if at.with_suffix(".refuses").exists():
            raise ConnectorRefused("The server refuses the password.", todo="Correct the connection.")
        if at.with_suffix(".breaks").exists():
            raise ValueError(f"driver://user:{given.secret}@host")
        return at.with_suffix(".waits").exists()


class Places:
    """Progress is the size of the flow's file ``.got``."""

    def __init__(self) -> None:
        self.folder = Path(os.environ["PLACES"])

    def connector(self, name: str, settings: dict[str, Any]) -> Place:
        return Place(PlaceSettings(**settings), PortsForTests())

    def bookmark(self, flow: str, stream: str) -> Bookmark:
        return None

    def progress(self, flow: str) -> int:
        got = self.folder / f"{flow}.got"
        return got.stat().st_size if got.exists() else 0


if __name__ == "__main__":
    main(Places)
