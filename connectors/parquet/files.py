"""Files of a store, in the few ways that commits need."""

from __future__ import annotations

import glob
import os
import posixpath
import secrets
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Files:
    """Files below a root; paths are relative to it, with slashes."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")

    @classmethod
    def at(cls, url: str, **options: Any) -> Files:
        """The store behind an URL; ``options`` are fsspec's own."""
        filesystem, root = fsspec.core.url_to_fs(url, **options)
        return cls(filesystem, root)

    def path(self, name: str) -> str:
        """The path as the file system has it."""
        return posixpath.join(self.root, name)

    def names(self, folder: str) -> list[str]:
        """Names of the files in a folder, sorted; none when there is no such folder."""
        self.filesystem.invalidate_cache()
        try:
            found = self.filesystem.ls(self.path(folder), detail=False)
        except FileNotFoundError:
            return []
        return sorted(posixpath.basename(str(path).replace(os.sep, "/")) for path in found)

    def read(self, names: list[str]) -> list[bytes]:
        """Whole files, together where the store can."""
        paths = [self.path(name) for name in names]
        # where it fetches at once it takes brackets and stars for patterns, and answers sorted by path
        if self.filesystem.async_impl and len(paths) > 1 and not glob.has_magic(self.root):
            found = self.filesystem.cat(sorted(paths))
            return [bytes(found[path]) for path in sorted(found)]
        return [bytes(self.filesystem.cat_file(path)) for path in paths]

    def write(self, name: str, data: bytes) -> None:
        """A new file that nobody looks at yet."""
        self._parents(name)
        self.filesystem.pipe_file(self.path(name), data)

    def create(self, name: str, data: bytes) -> None:
        """A file that appears whole, and only when there is none of that name yet.

        :raises FileExistsError: there is one.
        """
        self._parents(name)
        if isinstance(self.filesystem, LocalFileSystem):
            self._link(Path(self.path(name)), data)
        else:
            self.filesystem.pipe_file(self.path(name), data, mode="create")

    def remove(self, name: str) -> None:
        """Take a file away."""
        self.filesystem.rm_file(self.path(name))

    def _parents(self, name: str) -> None:
        self.filesystem.makedirs(self.path(posixpath.dirname(name)), exist_ok=True)

    def _link(self, path: Path, data: bytes) -> None:
        # a rename would replace what is there; a second name for a complete file does not
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("xb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
