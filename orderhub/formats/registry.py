"""The formats by name. Each is imported when it is first asked for, so that nothing pays for what it does not use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orderhub.errors import SourceError
from orderhub.formats.base import Reader
from orderhub.formats.dialect import Dialect

FORMATS = ("edifact", "csv")


def reader(format: str) -> Reader:
    """The reader of a format that needs no more than its bytes. CSV needs the source declaration of a mapping:
    ``orderhub.formats.csv`` has it.

    :raises SourceError: there is none.
    """
    if format == "edifact":
        from orderhub.formats.edifact.reader import EdifactReader

        return EdifactReader()
    raise SourceError(f"There is no reader for {format!r}.", todo=f"The formats are {', '.join(FORMATS)}.")


class Dialects(Mapping[str, Dialect]):
    """Format name → dialect, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Dialect] = {}

    def __getitem__(self, format: str) -> Dialect:
        if format not in self._made:
            self._made[format] = self._make(format)
        return self._made[format]

    @staticmethod
    def _make(format: str) -> Dialect:
        if format == "edifact":
            from orderhub.formats.edifact.dialect import EdifactDialect

            return EdifactDialect()
        if format == "csv":
            from orderhub.formats import csv

            dialect: Any = csv
            made: Dialect = dialect.CsvDialect()
            return made
        raise KeyError(format)

    def __iter__(self) -> Iterator[str]:
        return iter(FORMATS)

    def __len__(self) -> int:
        return len(FORMATS)
