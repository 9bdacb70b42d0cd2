"""Lookup tables: codes of one side to codes of the other. Handed into a mapping as a port."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from orderhub.errors import MappingError
from orderhub.findings import Place

MAX_ROWS = 200_000


class LookupTableError(MappingError):
    """A lookup table is missing or wrong."""

    code = "LOOKUP_TABLE"


@runtime_checkable
class Lookups(Protocol):
    """Where lookup tables come from: a folder, a cache in front of it, a database."""

    def table(self, name: str) -> Mapping[str, str]:
        """The table; :class:`LookupTableError` when there is none or it cannot be read."""
        ...

    def names(self) -> list[str]:
        """The tables there are."""
        ...


class MemoryLookups:
    """Tables that are handed in."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._tables = dict(tables or {})

    def table(self, name: str) -> Mapping[str, str]:
        if name not in self._tables:
            raise LookupTableError(f"There is no lookup table {name}.", todo="Add it.")
        return self._tables[name]

    def names(self) -> list[str]:
        return sorted(self._tables)


class FolderLookups:
    """``<folder>/<name>.csv``: UTF-8, comma-separated, a header ``from,to``; further columns are comments.

    Each table is read once and kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tables: dict[str, Mapping[str, str]] = {}

    def table(self, name: str) -> Mapping[str, str]:
        if name not in self._tables:
            if not name.replace("-", "_").isidentifier():
                raise LookupTableError(f"{name!r} cannot be a table's name.", todo="Use a plain word.")
            self._tables[name] = read_table(self.folder / f"{name}.csv", label=f"lookups/{name}.csv")
        return self._tables[name]

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.csv"))


def read_table(path: Path, *, label: str) -> dict[str, str]:
    """Read one table; :class:`LookupTableError` with the line when it is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LookupTableError(
            f"There is no lookup table {label}.",
            todo="Create it with the columns from,to, or correct the name.",
            place=Place(file=label),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise LookupTableError(
            f"{label} cannot be read: {error}.",
            todo="It must be a readable UTF-8 file.",
            place=Place(file=label),
        ) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    table: dict[str, str] = {}
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if header[:2] != ["from", "to"]:
            raise _wrong(label, 1, "the header is not from,to", "Make the first line from,to.")
        for row in reader:
            if not row or all(not cell.strip() for cell in row):
                continue
            line = reader.line_num
            if len(row) < 2 or not row[0] or not row[1]:
                raise _wrong(label, line, "a code is missing", "Give both codes or remove the line.")
            if row[0] in table:
                raise _wrong(label, line, f"{row[0]!r} stands there twice", "Remove one of the two.")
            if len(table) >= MAX_ROWS:
                raise _wrong(
                    label, line, f"it has more than {MAX_ROWS} rows", "Keep a table this large elsewhere."
                )
            table[row[0]] = row[1]
    except csv.Error as error:
        raise _wrong(label, reader.line_num, str(error), "Correct the quotes.") from error
    return table


def _wrong(label: str, line: int, why: str, todo: str) -> LookupTableError:
    return LookupTableError(f"{label} cannot be used: {why}.", todo=todo, place=Place(file=label, line=line))


def table_hash(table: Mapping[str, str]) -> str:
    """SHA-256 over the table's content, whatever its order."""
    digest = hashlib.sha256()
    for key in sorted(table):
        digest.update(f"{len(key)}:{key}{len(table[key])}:{table[key]}".encode())
    return digest.hexdigest()
