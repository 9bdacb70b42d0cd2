"""Settings of a folder that is pulled."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

import pydantic

from orderhub.connector import ConnectorSettings, Watch

#: Names that senders give to files they are still writing.
TEMPORARY = (".*", "*.tmp", "*.part", "*.partial", "*.filepart", "*.crdownload", "*~")


class FolderSettings(ConnectorSettings):
    """One folder.

    ``path`` is absolute, or relative to the hub's data folder. ``complete_when`` says how a file is known to be whole:
    ``renamed`` (the sender writes under a temporary name and renames: sure), ``marker`` (the sender writes an empty
    file ``order.edi.done`` or ``order.done`` afterwards: sure), ``stable`` (nothing changed for ``stable_seconds`` on
    the hub's clock and the file ends as its format demands: a best effort).

    ``bundle``: files that belong together and are pulled as one interchange when all are there: plain names, or names
    with one ``*`` that stands for the same text in all of them.
    """

    path: str = pydantic.Field(min_length=1)
    patterns: tuple[str, ...] = pydantic.Field(("*",), min_length=1)
    ignore: tuple[str, ...] = TEMPORARY
    recursive: bool = False
    bundle: tuple[str, ...] = ()
    #: How long a bundle may lack a member, counted from the last one that came, before that is a problem.
    bundle_wait_seconds: float = pydantic.Field(3600.0, ge=0, le=30 * 86400)
    complete_when: Literal["stable", "renamed", "marker"] = "stable"
    markers: tuple[str, ...] = pydantic.Field((".done", ".ok"), min_length=1)
    stable_seconds: float = pydantic.Field(1.0, ge=0, le=3600)
    #: How long an empty file, an open envelope or an open last line is given before it is taken as it is.
    incomplete_after_seconds: float = pydantic.Field(60.0, ge=0, le=7 * 86400)
    max_bytes: int = pydantic.Field(100 * 1024 * 1024, ge=1)
    order: Literal["mtime", "name"] = "mtime"
    #: ``move`` puts files away once they are safe; ``leave`` never writes into the folder.
    after: Literal["move", "leave"] = "move"
    processed: str = "processed"
    refused: str = "refused"

    def watch(self) -> Watch:
        """This folder, without the two that finished files are moved to."""
        moves = self.after == "move"
        done = (self.processed, self.refused) if moves else ()
        return Watch(path=self.path, ignore=(*self.ignore, *done), recursive=self.recursive, empties=moves)

    @pydantic.field_validator("path")
    @classmethod
    def _no_way_up(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError("a path has no NUL")
        if ".." in PurePosixPath(value).parts:
            raise ValueError("write the path without '..'")
        return value

    @pydantic.field_validator("processed", "refused")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not value or value in (".", "..") or "/" in value or "\0" in value:
            raise ValueError("this is the name of one sub-folder, not a path")
        return value

    @pydantic.field_validator("markers")
    @classmethod
    def _suffixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not marker.startswith(".") or len(marker) < 2 or "/" in marker for marker in value):
            raise ValueError("a marker is a suffix such as '.done'")
        return value

    @pydantic.field_validator("bundle")
    @classmethod
    def _belong_together(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and (len(value) < 2 or len(set(value)) < len(value)):
            raise ValueError("a bundle has two or more different files")
        if any(not name or "/" in name or "\0" in name or set("?[]") & set(name) for name in value):
            raise ValueError("a member is a name, or a name with one '*'")
        if value and {name.count("*") for name in value} not in ({0}, {1}):
            raise ValueError("either every member has one '*', which tells bundles apart, or none has")
        return value

    @pydantic.model_validator(mode="after")
    def _two_folders(self) -> FolderSettings:
        if self.processed == self.refused:
            raise ValueError("processed and refused must be two folders")
        return self
