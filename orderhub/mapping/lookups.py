"""Where lookup tables come from: a port that is handed into a mapping, and its two plain forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from orderhub.findings import Place
from orderhub.mapping.lookup_table import LookupTable, LookupTableError, parse_table, table_hash

__all__ = ["FolderLookups", "LookupTable", "LookupTableError", "Lookups", "MemoryLookups", "table_hash"]

#: How a table may be written.
SUFFIXES = (".csv", ".yaml")


@runtime_checkable
class Lookups(Protocol):
    """Where lookup tables come from: a folder, a cache in front of it, a database."""

    def table(self, name: str) -> LookupTable:
        """The table; :class:`LookupTableError` when there is none or it cannot be read."""
        ...

    def names(self) -> list[str]:
        """The tables there are."""
        ...

    def stamp(self, name: str) -> object:
        """Something that changes when the table may have changed."""
        ...


class MemoryLookups:
    """Tables that are handed in."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._tables = {
            name: table if isinstance(table, LookupTable) else LookupTable.plain(table, f"lookups/{name}.csv")
            for name, table in (tables or {}).items()
        }

    def table(self, name: str) -> LookupTable:
        if name not in self._tables:
            raise LookupTableError(f"There is no lookup table {name}.", todo="Add it.")
        return self._tables[name]

    def names(self) -> list[str]:
        return sorted(self._tables)

    def stamp(self, name: str) -> object:
        return None


class FolderLookups:
    """``<folder>/<name>.csv`` or ``.yaml``. A table is kept until its file changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, tuple[object, LookupTable]] = {}

    def path(self, name: str) -> Path:
        """The table's file; :class:`LookupTableError` when there is none, or two."""
        if not name.replace("-", "_").isidentifier():
            raise LookupTableError(f"{name!r} cannot be a table's name.", todo="Use a plain word.")
        found = [path for suffix in SUFFIXES if (path := self.folder / f"{name}{suffix}").is_file()]
        label = f"lookups/{name}.csv"
        if not found:
            raise LookupTableError(
                f"There is no lookup table {label}.",
                todo="Create it with the columns from,to, or correct the name.",
                place=Place(file=label),
            )
        if len(found) > 1:
            raise LookupTableError(
                f"The lookup table {name} is there as .csv and as .yaml.",
                todo="Remove one of the two.",
                place=Place(file=label),
            )
        return found[0]

    def table(self, name: str) -> LookupTable:
        path = self.path(name)
        stamp = self.stamp(name)
        known = self._tables.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        table = parse_table(_read(path), label=f"lookups/{path.name}")
        self._tables[name] = (stamp, table)
        return table

    def names(self) -> list[str]:
        return sorted({path.stem for suffix in SUFFIXES for path in self.folder.glob(f"*{suffix}")})

    def stamp(self, name: str) -> object:
        for suffix in SUFFIXES:
            try:
                status = (self.folder / f"{name}{suffix}").stat()
            except (OSError, ValueError):
                continue
            return (suffix, status.st_mtime_ns, status.st_size)
        return None


def _read(path: Path) -> bytes:
    label = f"lookups/{path.name}"
    try:
        return path.read_bytes()
    except OSError as error:
        raise LookupTableError(
            f"{label} cannot be read: {error.strerror or error}.",
            todo="It must be a readable UTF-8 file.",
            place=Place(file=label),
        ) from error
