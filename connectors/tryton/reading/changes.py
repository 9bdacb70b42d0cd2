"""Asks Tryton what was created or written since a moment, and for rows page by page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from connectors.tryton.client import TrytonClient
from connectors.tryton.found import Row
from connectors.tryton.master_data import MasterData
from connectors.tryton.reading.progress import moment_text

#: Rows per request.
PAGE = 2_000
_DATES = ("create_date", "write_date")


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A model whose rows belong to things that are pulled. ``thing`` is the field that names them: ``id``, a link, a list
    of them, or one of these behind another link (``template.product_suppliers``)."""

    model: str
    thing: str = "id"
    domain: Sequence[Any] = ()


class Reader:
    """Reads for one pull. What people have put aside (deactivated) is read too."""

    def __init__(self, client: TrytonClient, master: MasterData) -> None:
        self.client = client
        self.master = master
        self._symbols: dict[int, str] = {}

    def context(self, **more: Any) -> dict[str, Any]:
        """The context of calls, with ``more``."""
        return {**self.master.context(), "active_test": False, **more}

    def rows(self, model: str, domain: Sequence[Any], fields: Sequence[str]) -> Iterator[Row]:
        """All rows that fit, by id, a page at a time. What is added meanwhile comes behind; nothing is skipped."""
        last = 0
        while True:
            page: list[Row] = self.client.call(
                f"model.{model}.search_read",
                [["id", ">", last], *domain],
                *(0, PAGE, [["id", "ASC"]], ["id", *fields], self.context()),
                effect=False,
            )
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]["id"]

    def these(self, model: str, ids: Iterable[int], fields: Sequence[str], **context: Any) -> dict[int, Row]:
        """Rows by id. What is gone meanwhile, or may not be seen, is absent."""
        wanted = sorted(set(ids))
        found: list[Row] = self.client.call(
            f"model.{model}.search_read",
            [["id", "in", wanted]],
            *(0, None, None, ["id", *fields], self.context(**context)),
            effect=False,
        )
        return {row["id"]: row for row in found}

    def symbol(self, unit: int | None) -> str | None:
        """The symbol of a unit in English, whatever the user's language is."""
        if unit is not None and unit not in self._symbols:
            rows = self.these("product.uom", [unit], ["symbol"], language="en")
            self._symbols |= {number: row["symbol"] for number, row in rows.items()}
        return self._symbols.get(unit) if unit is not None else None

    def changed(
        self, table: Table, since: dt.datetime | None, fields: Sequence[str] = ()
    ) -> Iterator[tuple[str, Row]]:
        """Rows created or written at or after a moment, each with the moment at which it was last."""
        later = [["OR", *([[date, ">=", since]] for date in _DATES)]] if since is not None else []
        for row in self.rows(table.model, [*later, *table.domain], [*_DATES, *fields]):
            yield moment_text(row["write_date"] or row["create_date"]), row

    def things(self, tables: Iterable[Table], since: dt.datetime | None) -> Iterator[tuple[int, str]]:
        """The things that changed, each with the moment of one of its changes: of the thing or of what belongs to it."""
        for table in tables:
            for moment, row in self.changed(table, since, [] if table.thing == "id" else [table.thing]):
                for number in _ids(row, table.thing):
                    yield number, moment


def _ids(row: Row, path: str) -> list[int]:
    """The ids that stand under a field's path."""
    first, _, rest = path.partition(".")
    if rest:
        behind = row.get(f"{first}.")
        return _ids(behind, rest) if behind else []
    value = row[first]
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
