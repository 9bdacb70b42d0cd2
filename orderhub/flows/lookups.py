"""Lookup tables of mappings, out of the cache where it has them, else out of their files."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orderhub.mapping.lookups import FolderLookups, LookupTable
from orderhub.stage import Cache

#: How long a table stays in the cache (seconds). A changed file has another key at once.
KEPT = 24 * 3600


class CachedLookups:
    """The tables of a folder through a cache that many processes share. The file decides: its time and size are part
    of the key, so that a changed table is never answered from the cache. Without the cache everything works as well."""

    def __init__(self, folder: Path, cache: Cache) -> None:
        self._files = FolderLookups(folder)
        self._cache = cache
        self._read: dict[str, tuple[str, LookupTable]] = {}

    def table(self, name: str) -> LookupTable:
        """The table.

        :raises LookupTableError: there is none or it cannot be read.
        """
        path = self._files.path(name)
        status = path.stat()
        key = f"lookup:2:{path.resolve()}:{status.st_mtime_ns}:{status.st_size}"
        known = self._read.get(name)
        if known is not None and known[0] == key:
            return known[1]
        table = self._cached(key)
        if table is None:
            table = FolderLookups(self._files.folder).table(name)
            self._cache.put(key, table.packed(), KEPT)
        self._read[name] = (key, table)
        return table

    def names(self) -> list[str]:
        """The tables there are."""
        return self._files.names()

    def stamp(self, name: str) -> object:
        """Changes with the file."""
        return self._files.stamp(name)

    def _cached(self, key: str) -> LookupTable | None:
        raw = self._cache.get(key)
        if raw is None:
            return None
        try:
            return LookupTable.unpacked(raw)
        except msgspec.DecodeError:
            return None  # somebody else's value
