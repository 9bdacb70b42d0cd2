"""An IDoc as a file for SAP's file port, once though SAP takes the file away.

Under ``.sent`` of the folder stands what was sent. ``<name>.ready`` is the file itself, whole and not yet given; ``<name>.given`` is
made before the file is moved from there to its place. So whatever breaks off, the next call knows: ready alone, or both: it was not
given, and is now; given alone: it was. One worker at a time looks and gives, so that what it saw is still so.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from connectors.sap.settings import File
from orderhub.connector import LoadItem, Ports
from orderhub.errors import ConnectorUnavailable
from orderhub.transport.payload import mark_of, payload, with_key

_KEPT = ".sent"
#: Seconds to wait for another worker that gives a file there, and between two looks.
_LONGEST_WAIT, _PAUSE = 30.0, 0.01


class SendFile:
    """Sends, and looks up what was sent. The file's name is made of the key's digest."""

    def __init__(self, settings: File, ports: Ports) -> None:
        self._settings = settings
        self._ports = ports
        self._folder = Path(ports.resource("outbox")) / settings.folder
        self._kept = self._folder / _KEPT

    def mark(self, key: str) -> str:
        return mark_of(key, self._settings.key_length)

    def prepare(self, item: LoadItem) -> tuple[str, bytes]:
        mark = self.mark(item.key)
        given = with_key(self._settings.given, mark)
        return mark, payload(self._ports, self._settings.mapping, item.document, given).data

    def send(self, prepared: Any) -> str | None:
        mark, data = prepared
        name = _name(mark)
        ready, given = self._kept / f"{name}.ready", self._kept / f"{name}.given"
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            with _alone(self._kept):
                if not given.exists() and not ready.exists():
                    _write(self._kept / f"{name}.{os.getpid()}.part", ready, data)
                self._give(name)
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        return name

    def find(self, marks: Collection[str]) -> dict[str, str]:
        """What was given; what is ready is given now, before anybody thinks of sending it again."""
        found: dict[str, str] = {}
        if not self._kept.is_dir():
            return found
        try:
            with _alone(self._kept):
                for mark in marks:
                    name = _name(mark)
                    if (self._kept / f"{name}.ready").exists():
                        self._give(name)
                    if (self._kept / f"{name}.given").exists():
                        found[mark] = name
        except OSError as error:
            raise _unavailable(self._folder, error) from error
        return found

    def look(self) -> None:
        """:raises ConnectorUnavailable: the folder is not there or cannot be written into."""
        if not self._folder.is_dir() or not os.access(self._folder, os.W_OK):
            raise _unavailable(self._folder, OSError("no folder that can be written into"))

    def _give(self, name: str) -> None:
        given = self._kept / f"{name}.given"
        given.touch()
        _sync(self._kept)
        try:
            (self._kept / f"{name}.ready").rename(self._folder / name)
        except FileNotFoundError:
            return  # it was given before, or by somebody else just now
        _sync(self._folder)


def _name(mark: str) -> str:
    return f"ORDERS05_{hashlib.sha256(mark.encode()).hexdigest()[:32]}.xml"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """A lock that ends with its holder, however that ends.

    :raises OSError: another one has it for long.
    """
    until = time.monotonic() + _LONGEST_WAIT
    with (folder / ".lock").open("wb") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > until:
                    raise OSError("another worker is at work in it") from error
            time.sleep(_PAUSE)
        yield


def _write(part: Path, ready: Path, data: bytes) -> None:
    """The whole file, on the disk, under its name; never over one that is there."""
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(ready)
    finally:
        part.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(folder: Path, error: OSError) -> ConnectorUnavailable:
    return ConnectorUnavailable(
        f"IDocs cannot be written into {folder} ({error}).",
        todo="Check the folder, its rights and the room on the disk.",
    )
