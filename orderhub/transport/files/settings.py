"""Settings that every connector of files has, and those of files on a server."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Poll
from orderhub.transport.retry import RetrySettings

#: Names that senders give to files they are still writing.
TEMPORARY = (".*", "*.tmp", "*.part", "*.partial", "*.filepart", "*.crdownload", "*~")


class FileSettings(ConnectorSettings):
    """One folder of files.

    ``complete_when`` says how a file is known to be whole: ``renamed`` (the sender writes under a temporary name and
    renames: sure), ``marker`` (the sender writes an empty file ``order.edi.done`` or ``order.done`` afterwards: sure),
    ``stable`` (nothing changed for ``stable_seconds`` on the hub's clock and the file ends as its format demands: a best
    effort).
    """

    path: str = pydantic.Field(min_length=1)
    patterns: tuple[str, ...] = pydantic.Field(("*",), min_length=1)
    ignore: tuple[str, ...] = TEMPORARY
    complete_when: Literal["stable", "renamed", "marker"] = "stable"
    markers: tuple[str, ...] = pydantic.Field((".done", ".ok"), min_length=1)
    stable_seconds: float = pydantic.Field(1.0, ge=0, le=3600)
    #: How long an empty file, an open envelope or an open last line is given before it is taken as it is.
    incomplete_after_seconds: float = pydantic.Field(60.0, ge=0, le=7 * 86400)
    max_bytes: int = pydantic.Field(100 * 1024 * 1024, ge=1)
    order: Literal["mtime", "name"] = "mtime"
    #: What becomes of files once they are safe: ``move`` puts them away, ``delete`` removes those whose bytes the hub has,
    #: ``leave`` never writes into the folder.
    after: Literal["move", "delete", "leave"] = "move"
    processed: str = "processed"
    refused: str = "refused"

    @property
    def own_folders(self) -> tuple[str, ...]:
        """The sub-folders that finished files are moved to."""
        return () if self.after == "leave" else (self.processed, self.refused)

    @pydantic.field_validator("path")
    @classmethod
    def _no_way_up(cls, value: str) -> str:
        if any(sign in value for sign in "\0\r\n"):
            raise ValueError("a path has no NUL and no line break")
        if ".." in PurePosixPath(value).parts:
            raise ValueError("write the path without '..'")
        return value

    @pydantic.field_validator("processed", "refused")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not value or value in (".", "..") or any(sign in value for sign in "/\0\r\n"):
            raise ValueError("this is the name of one sub-folder, not a path")
        return value

    @pydantic.field_validator("markers")
    @classmethod
    def _suffixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not marker.startswith(".") or len(marker) < 2 or "/" in marker for marker in value):
            raise ValueError("a marker is a suffix such as '.done'")
        return value

    @pydantic.model_validator(mode="after")
    def _two_folders(self) -> FileSettings:
        if self.processed == self.refused:
            raise ValueError("processed and refused must be two folders")
        return self


class FileServerSettings(FileSettings):
    """One folder on a server. ``path`` is absolute there, or relative to the folder that a sign-in leads to (``.`` is that
    one). Times of files on servers have whole seconds, which is why ``stable_seconds`` is longer than for a local folder.
    """

    connection: str = pydantic.Field(min_length=1)
    path: str = "."
    stable_seconds: float = pydantic.Field(2.0, ge=0, le=3600)
    #: How often the intake looks whether something arrived.
    poll_seconds: float = pydantic.Field(30.0, ge=1, le=86400)
    connect_seconds: float = pydantic.Field(15.0, gt=0, le=600)
    #: How long the server may be silent in the middle of something.
    answer_seconds: float = pydantic.Field(30.0, gt=0, le=3600)
    retry: RetrySettings = RetrySettings()

    def poll(self) -> Poll:
        return Poll(seconds=self.poll_seconds, host=self.connection)
