"""A folder on a server as the connectors of files see it: names with sizes and times, and a few steps, each of which happens or
does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What stands under a name; the value is what people are told."""

    FILE = "a file"
    FOLDER = "a folder where a file is expected"
    LINK = "a symbolic link, which is never followed"
    OTHER = "a pipe, a socket or a device"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one name.

    ``name``: as the server gave it, bytes that are not UTF-8 kept as ``os.fsdecode`` does. ``modified_ns``: UTC by the
    server's clock, often whole seconds. ``unique``: what the server itself tells things apart by, empty where it does not.
    """

    name: str
    kind: Kind
    size: int
    modified_ns: int
    unique: str = ""

    def same_content(self, other: Entry) -> bool:
        """Whether nothing was written or replaced between the two looks, as far as the server tells."""
        return (self.kind, self.size, self.modified_ns, self.unique) == (
            other.kind,
            other.size,
            other.modified_ns,
            other.unique,
        )


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What reading gave: the bytes and the look after them, or the error."""

    entry: Entry
    data: bytes = b""
    after: Entry | None = None
    error: OSError | None = None


class FileStore(ABC):
    """An open connection to one folder. ``parts`` is a path below that folder: names that are each one step.

    Every method raises ``ConnectorUnavailable`` when the connection is lost or the server is silent for too long; then the
    store must be closed. What the server says of a single file is an ``OSError``: ``FileNotFoundError``,
    ``PermissionError``, ``FileExistsError`` where it can be told, or one with the server's own words.
    """

    #: The folder for people, without any secret: ``sftp://host:22/out``.
    where: str

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Everything in the folder, in any order, without reading files and without holding all names.

        :raises FileNotFoundError, NotADirectoryError, PermissionError: of the folder itself.
        """

    @property
    def lists_cheaply(self) -> bool:
        """Whether ``entries`` asks the server for many names at a time."""
        return True

    @abstractmethod
    def contents(self, entries: Iterable[Entry], *, below: tuple[str, ...] = ()) -> Iterator[Content]:
        """The bytes of files in the folder (or in one below), in the order given; of each no more than the entry says. The
        looks come after the bytes. Errors of single files are in their ``Content``. While this is not exhausted nothing
        else of the store may be called but by the consumer between two of its items."""

    @abstractmethod
    def look(self, parts: tuple[str, ...]) -> Entry | None:
        """One look at one name, through no link; None when nothing stands there."""

    @abstractmethod
    def rename(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        """In one step, never over something else.

        :raises FileExistsError: the new name is taken; nothing happened.
        """

    @abstractmethod
    def remove(self, parts: tuple[str, ...]) -> None:
        """Remove a file."""

    @abstractmethod
    def make_folder(self, parts: tuple[str, ...]) -> None:
        """Make one folder; nothing when a real folder is there already.

        :raises NotADirectoryError: something else, or a link, stands under the name.
        """

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write a new file and have it on the server's disk where the server can be asked for that."""

    @abstractmethod
    def may_write(self) -> bool | None:
        """Whether files may be written and moved in the folder; None where it cannot be told."""

    @abstractmethod
    def close(self) -> None:
        """End the connection. Safe to call twice."""
