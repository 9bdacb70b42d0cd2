"""CSV order files: rows grouped into messages by key columns, and their side of the mapping language.

One header row; a message is the rows with equal values in the key columns. What the columns are, how the file is
written and what makes the key stands in the mapping's ``source`` (see :mod:`orderhub.formats.csv.layout`). Several files
that are joined come as a bundle (see :mod:`orderhub.formats.csv.join_layout`).
"""

from __future__ import annotations

from orderhub.formats.csv.dialect import CsvDialect, declared_layout
from orderhub.formats.csv.header import SniffedHeader, sniff
from orderhub.formats.csv.join_layout import JoinLayout
from orderhub.formats.csv.join_reader import JoinReader, JoinSession
from orderhub.formats.csv.layout import CsvLayout
from orderhub.formats.csv.reader import CsvReader, CsvSession

__all__ = [
    "CsvDialect",
    "CsvLayout",
    "CsvReader",
    "CsvSession",
    "JoinLayout",
    "JoinReader",
    "JoinSession",
    "SniffedHeader",
    "declared_layout",
    "sniff",
]
