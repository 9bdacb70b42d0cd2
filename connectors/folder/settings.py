"""Settings of a folder that is pulled."""

from __future__ import annotations

import pydantic

from orderhub.connector import Watch
from orderhub.transport.files.settings import FileSettings


class FolderSettings(FileSettings):
    """One folder of this machine. ``path`` is absolute, or relative to the hub's data folder.

    ``bundle``: files that belong together and are pulled as one interchange when all are there: plain names, or names
    with one ``*`` that stands for the same text in all of them.
    """

    recursive: bool = False
    bundle: tuple[str, ...] = ()
    #: How long a bundle may lack a member, counted from the last one that came, before that is a problem.
    bundle_wait_seconds: float = pydantic.Field(3600.0, ge=0, le=30 * 86400)

    def watch(self) -> Watch:
        """This folder, without the two that finished files are moved to."""
        return Watch(
            path=self.path,
            ignore=(*self.ignore, *self.own_folders),
            recursive=self.recursive,
            empties=self.after != "leave",
        )

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
