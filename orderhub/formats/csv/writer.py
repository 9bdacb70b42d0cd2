"""CSV as a payload: one table, a row for each item of one list of the mapping (an order's lines), or a row for a document.

================== =================================================================================================
``columns``        the columns in their order; mandatory
``rows``           the list of ``fields`` whose items are the rows; the other columns stand in every row. Absent: one row
``header``         ``false``: no row with the columns' names
``delimiter``      ``,`` when absent; ``;`` ``tab`` ``|``
``quote``          the quote character, ``"`` when absent
``decimal``        the decimal mark of numbers, ``.`` when absent
``encoding``       ``utf-8`` when absent
``byte_order_mark`` ``true``: begins with one, so that spreadsheets read UTF-8
``formulas``       ``neutralise`` (as :mod:`orderhub.formats.csv.cells` tells) when absent; ``keep`` for readers that are no
                   spreadsheets and must have every text as it is
================== =================================================================================================

The names and values of ``decimal``, ``delimiter``, ``encoding`` are those of a CSV source.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from orderhub.formats.csv.cells import BYTE_ORDER_MARK, CsvRows
from orderhub.formats.csv.layout import DELIMITERS, character, choice, encoding_of, names, numbers_of
from orderhub.formats.declaration import only_entries
from orderhub.formats.dialect import DeclarationError
from orderhub.formats.target import KeyProblem, Unwritable, Wire

_OPTIONS = (
    "columns",
    "rows",
    "header",
    "delimiter",
    "quote",
    "decimal",
    "encoding",
    "byte_order_mark",
    "formulas",
)


class CsvTarget:
    """See :class:`orderhub.formats.target.TargetFormat`. What the tree holds are the cells' texts, before quoting."""

    format = "csv"
    media_type = "text/csv"
    #: no column has this name: a row is made of columns, never of one value
    own = ""

    def __init__(
        self,
        columns: tuple[str, ...],
        rows: str | None,
        writer: CsvRows,
        *,
        header: bool = True,
        encoding: str = "utf-8",
        byte_order_mark: bool = False,
    ) -> None:
        self.columns = columns
        self.rows = rows
        self._writer = writer
        self._encoding = encoding
        # a column's name is the mapping's own text, but who copies it may have copied a partner's
        self._start = (BYTE_ORDER_MARK if byte_order_mark else "") + (writer.line(columns) if header else "")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> CsvTarget:
        """:raises DeclarationError: naming the entry that is missing or wrong."""
        only_entries(options, _OPTIONS, "a CSV target", also=("format",))
        columns = names(options, "columns", needed=True, of="target")
        rows = options.get("rows")
        if rows is not None and (not isinstance(rows, str) or rows in columns):
            raise DeclarationError(
                "rows names the list whose items are the rows, and no column.",
                key="rows",
                todo="Write rows: and the name under which fields has the list, such as lines.",
            )
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise DeclarationError(
                f"The column {twice!r} is declared twice.", key="columns", todo="Remove one."
            )
        encoding = encoding_of(options) or "utf-8"
        marked = _truth(options, "byte_order_mark", otherwise=False)
        if marked and not encoding.startswith("utf-8"):
            raise DeclarationError(
                "A byte order mark is for UTF-8.", key="byte_order_mark", todo="Remove it, or encoding."
            )
        writer = CsvRows(
            delimiter=_delimiter(options),
            quote=character(options, "quote") or '"',
            decimal=numbers_of(options).marks,
            formulas_kept=choice(options, "formulas", ("neutralise", "keep")) == "keep",
        )
        return cls(
            columns,
            rows,
            writer,
            header=_truth(options, "header", otherwise=True),
            encoding=encoding,
            byte_order_mark=marked,
        )

    def names(self, keys: Mapping[str, bool]) -> None:
        for key, nested in keys.items():
            if nested and key != self.rows:
                raise KeyProblem(
                    key,
                    f"{key} is a part, and CSV is one table.",
                    "Write its values as columns (buyer.name); the one list whose items are rows is named by rows: in target.",
                )
            if not nested and key not in self.columns:
                raise KeyProblem(
                    key, f"{key} is none of the columns.", "Add it to columns: in target, or correct it."
                )

    def wire(self, key: str, kind: str) -> Wire | None:
        if kind == "number":
            # its digits are fixed already: 2.50
            return lambda digits: self._writer.text(Decimal(digits))
        return partial(CsvRows.text, self._writer)

    def null(self, key: str) -> Any:
        raise KeyProblem(key, "CSV has no null.", "Leave it out: an absent value is an empty cell.")

    def encode(self, tree: dict[str, Any]) -> bytes:
        """:raises Unwritable: a list within the list, or a text that the encoding does not have."""
        made = [self._start]
        for item in self._items(tree):
            made.append(self._writer.joined(item.get(name, tree.get(name, "")) for name in self.columns))
        try:
            return "".join(made).encode(self._encoding)
        except UnicodeEncodeError as error:
            raise Unwritable(
                f"{self._encoding} cannot hold {error.object[error.start : error.end]!r}.",
                "Declare encoding: utf-8, or correct the document.",
            ) from None

    def _items(self, tree: dict[str, Any]) -> list[dict[str, Any]]:
        if self.rows is None:
            return [tree]
        found = tree.get(self.rows, [])
        items = found if isinstance(found, list) else [found]
        if not all(isinstance(item, dict) and self.rows not in item for item in items):
            raise Unwritable(
                f"An item of {self.rows} is no row: a value alone, or with a list of its own.",
                "Give its values columns.",
            )
        return items

    def tree(self, data: bytes) -> Any:
        return data


def _delimiter(options: Mapping[str, Any]) -> str:
    written = options.get("delimiter", ",")
    if written not in DELIMITERS:
        raise DeclarationError(
            f"The delimiter cannot be {written!r}.", key="delimiter", todo='Write ";", ",", "|" or tab.'
        )
    return DELIMITERS[written]


def _truth(options: Mapping[str, Any], key: str, *, otherwise: bool) -> bool:
    value = options.get(key, otherwise)
    if not isinstance(value, bool):
        raise DeclarationError(f"{key} is true or false.", key=key, todo="Write true or false.")
    return value
