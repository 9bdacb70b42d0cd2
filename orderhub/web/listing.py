"""Pages of documents and files: keyset paging, so that page 1,000 costs what page 1 does, and counts to filter by.

The counts come from one grouped query over the newest ``COUNTED`` rows that fit text and time; what each chip would
leave is computed from its groups, so a page costs two bounded queries however big the ledger grows.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from orderhub.ledger import export, queries
from orderhub.ledger import search as words
from orderhub.ledger.records import DocumentRow, InterchangeRow
from orderhub.web.search import PAGE_SIZE, SORTS, Search
from orderhub.web.views import Facet, Listing, Row
from orderhub.web.words import DOCUMENT_STATES, FILE_STATES

COUNTED = 20_000
#: A facet with more values than this shows the most frequent ones and the chosen.
FACET_VALUES = 40


@dataclass(frozen=True, slots=True)
class _Key:
    """A sort order: the column it starts with (the id follows, so that it is total) and its type in SQL."""

    column: str
    kind: str
    descending: bool


_KEYS = {
    "-received": _Key("d.id", "bigint", True),
    "received": _Key("d.id", "bigint", False),
    "-updated": _Key("d.updated_at", "timestamptz", True),
    "updated": _Key("d.updated_at", "timestamptz", False),
    "-number": _Key("d.number", "text", True),
    "number": _Key("d.number", "text", False),
}


@dataclass(frozen=True, slots=True)
class _Table:
    """What is listed: its tables, the columns of its chips, when a row was received, the states in the order of a life."""

    source: str
    chips: Mapping[str, str]
    received: str
    states: Mapping[str, Any]
    sorts: frozenset[str]


_DOCUMENTS = _Table(
    "ledger.document AS d JOIN ledger.interchange AS i ON i.id = d.interchange_id",
    {"state": "d.state", "flow": "d.flow", "partner": "d.agreement", "type": "d.type"},
    "i.received_at",
    DOCUMENT_STATES,
    frozenset(_KEYS),
)
_FILES = _Table(
    "ledger.interchange AS d",
    {"state": "d.state", "flow": "d.flow", "partner": "d.agreement"},
    "d.received_at",
    FILE_STATES,
    frozenset({"received", "-received"}),
)

#: Runs by the scheduler's name, or by the ledger's number when no scheduler named them.
_RUNS = text(
    "SELECT id FROM ledger.run WHERE external = :run AND (:all OR flow = ANY(CAST(:flows AS text[]))) "
    "UNION SELECT id FROM ledger.run WHERE id = CAST(:number AS bigint)"
)


def documents(
    connection: Connection, search: Search, *, size: int = PAGE_SIZE, interchange_id: int | None = None
) -> Listing[DocumentRow]:
    """A page of documents. Superseded ones only when asked for by state."""
    asked, hidden = _documents(connection, search)
    if interchange_id is not None:
        asked.add("d.interchange_id = :interchange_id", interchange_id=interchange_id)
    return _listing(connection, asked, size, hidden, queries.documents_by_id)


def document_ids(connection: Connection, search: Search) -> array[int]:
    """All documents that a search finds, in its order."""
    return _all(connection, *_documents(connection, search))


def _documents(connection: Connection, search: Search) -> tuple[_Asked, Sequence[str]]:
    asked = _Asked(_DOCUMENTS, search)
    if search.q:
        found = words.query(search.q)
        asked.add("false" if found is None else "d.search @@ CAST(:words AS tsquery)", words=found)
    if search.run:
        # whatever a run did to a document is a transition of it
        asked.add(
            "d.id IN (SELECT document_id FROM ledger.transition WHERE run = ANY(CAST(:runs AS bigint[])))",
            runs=_runs(connection, search),
        )
    return asked, () if "superseded" in search.state else ("superseded",)


def files(connection: Connection, search: Search, *, size: int = PAGE_SIZE) -> Listing[InterchangeRow]:
    """A page of received files, newest first."""
    return _listing(connection, _files(connection, search), size, (), queries.interchanges_by_id)


def file_ids(connection: Connection, search: Search) -> array[int]:
    """All files that a search finds, in its order."""
    return _all(connection, _files(connection, search), ())


def _files(connection: Connection, search: Search) -> _Asked:
    asked = _Asked(_FILES, search)
    if search.q:
        asked.add("strpos(lower(d.name), lower(:part)) > 0", part=search.q)
    if search.run:
        asked.add(
            "d.id IN (SELECT interchange_id FROM ledger.transition "
            "WHERE run = ANY(CAST(:runs AS bigint[])) AND document_id IS NULL)",
            runs=_runs(connection, search),
        )
    return asked


def _runs(connection: Connection, search: Search) -> list[int]:
    number = (
        int(search.run) if search.run.isascii() and search.run.isdigit() and len(search.run) < 19 else None
    )
    values = {"run": search.run, "all": not search.flow, "flows": list(search.flow), "number": number}
    return [int(found) for found in connection.execute(_RUNS, values).scalars()]


class _Asked:
    """What a search asks of a table, as conditions and the values bound in them."""

    def __init__(self, table: _Table, search: Search) -> None:
        self.table = table
        self.search = search
        self.conditions, self.values = _period(search, table.received)

    def add(self, condition: str, **values: Any) -> None:
        self.conditions.append(condition)
        self.values.update(values)

    @property
    def key(self) -> _Key:
        """The order asked for, or the first one where this table cannot have it."""
        return _KEYS[self.search.sort if self.search.sort in self.table.sorts else SORTS[0]]


def _all(connection: Connection, asked: _Asked, hidden: Sequence[str]) -> array[int]:
    return _Window(connection, asked, hidden).every_id(asked.key)


def _listing(
    connection: Connection,
    asked: _Asked,
    size: int,
    hidden: Sequence[str],
    rows: Callable[[Connection, Sequence[int]], list[Row]],
) -> Listing[Row]:
    counts = _Counts(connection, asked, hidden)
    ids, newer, older = _Window(connection, asked, hidden).ids(asked.key, size)
    return Listing(
        rows=rows(connection, ids),
        total=counts.total,
        more_than_total=counts.capped,
        newer=newer,
        older=older,
        facets={
            name: counts.states(asked.table.states) if name == "state" else counts.values(name)
            for name in asked.table.chips
        },
    )


def _period(search: Search, column: str) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if search.received_from is not None:
        conditions.append(f"{column} >= :received_from")
        values["received_from"] = search.received_from
    if search.received_before is not None:
        conditions.append(f"{column} < :received_before")
        values["received_before"] = search.received_before
    return conditions, values


class _Counts:
    """How many rows each value of each chip would leave, the other chips as they are."""

    def __init__(self, connection: Connection, asked: _Asked, hidden: Sequence[str]) -> None:
        chips = asked.table.chips
        columns = ", ".join(f"{column} AS {name}" for name, column in chips.items())
        names = ", ".join(chips)
        where = " AND ".join(asked.conditions) or "true"
        # Only constants of this module are put into the text; everything from outside is bound.
        statement = text(
            f"SELECT {names}, count(*) AS n FROM (SELECT {columns} FROM {asked.table.source} WHERE {where} "  # noqa: S608
            f"ORDER BY d.id DESC LIMIT :counted) AS newest GROUP BY {names}"
        )
        rows = connection.execute(statement, {**asked.values, "counted": COUNTED}).all()
        self._groups = [({name: getattr(row, name) for name in chips}, int(row.n)) for row in rows]
        self._chosen = {name: chosen for name, chosen in asked.search.chosen().items() if name in chips}
        self._hidden = frozenset(hidden)
        self.capped = sum(count for _, count in self._groups) >= COUNTED
        self.total = sum(count for _, count in self._fitting(""))

    def _fitting(self, own: str) -> list[tuple[dict[str, str], int]]:
        return [
            (group, count)
            for group, count in self._groups
            if all(
                not chosen or group[name] in chosen for name, chosen in self._chosen.items() if name != own
            )
            and (own == "state" or group["state"] not in self._hidden)
        ]

    def _tally(self, name: str) -> Counter[str]:
        tally: Counter[str] = Counter()
        for group, count in self._fitting(name):
            tally[group[name]] += count
        return tally

    def states(self, order: Mapping[str, Any]) -> list[Facet]:
        """Every state in the order of a document's life."""
        tally = self._tally("state")
        return [Facet(state, tally[state], state in self._chosen["state"]) for state in order]

    def values(self, name: str) -> list[Facet]:
        """The values of a chip by name; chosen ones always."""
        tally = self._tally(name)
        chosen = self._chosen.get(name, ())
        shown = {value for value, _ in tally.most_common(FACET_VALUES) if value} | set(chosen)
        return [Facet(value, tally[value], value in chosen) for value in sorted(shown, key=str.casefold)]


class _Window:
    """The ids of one page."""

    def __init__(self, connection: Connection, asked: _Asked, hidden: Sequence[str]) -> None:
        self._connection = connection
        self._source = asked.table.source
        self._conditions = list(asked.conditions)
        self._values = dict(asked.values)
        self._search = asked.search
        for name, chosen in asked.search.chosen().items():
            if chosen and name in asked.table.chips:
                self._conditions.append(f"{asked.table.chips[name]} = ANY(CAST(:{name}_in AS text[]))")
                self._values[f"{name}_in"] = list(chosen)
        if hidden:
            self._conditions.append("d.state <> ALL(CAST(:hidden AS text[]))")
            self._values["hidden"] = list(hidden)

    def every_id(self, key: _Key) -> array[int]:
        """All ids in order, whatever the cursors say."""
        direction = "DESC" if key.descending else "ASC"
        where = " AND ".join(self._conditions) or "true"
        # Only constants of this module are put into the text; everything from outside is bound.
        statement = text(
            f"SELECT d.id FROM {self._source} WHERE {where} ORDER BY {key.column} {direction}, d.id {direction}"  # noqa: S608
        )
        return export.ids_of(self._connection, statement, self._values)

    def ids(self, key: _Key, size: int) -> tuple[list[int], str, str]:
        """The ids in order, and the cursors of the page before and after (empty at the ends)."""
        backwards = bool(self._search.before)
        cursor = _read_cursor(self._search.before or self._search.after, key)
        if cursor is None:
            backwards = False
        descending = key.descending != backwards
        direction, compare = ("DESC", "<") if descending else ("ASC", ">")
        conditions, values = list(self._conditions), dict(self._values)
        if cursor is not None:
            conditions.append(
                f"({key.column}, d.id) {compare} (CAST(:at AS {key.kind}), CAST(:at_id AS bigint))"
            )
            values["at"], values["at_id"] = cursor
        where = " AND ".join(conditions) or "true"
        # Only constants of this module are put into the text; everything from outside is bound.
        statement = text(
            f"SELECT {key.column} AS at, d.id FROM {self._source} WHERE {where} "  # noqa: S608
            f"ORDER BY {key.column} {direction}, d.id {direction} LIMIT :size"
        )
        found = self._connection.execute(statement, {**values, "size": size + 1}).all()
        more = len(found) > size
        rows = list(found[:size])
        if backwards:
            rows.reverse()
        if not rows:
            return [], "", ""
        has_newer = more if backwards else cursor is not None
        has_older = True if backwards else more
        return (
            [int(row.id) for row in rows],
            _write_cursor(rows[0].at, rows[0].id) if has_newer else "",
            _write_cursor(rows[-1].at, rows[-1].id) if has_older else "",
        )


def _write_cursor(at: object, row_id: int) -> str:
    plain = at.isoformat() if isinstance(at, dt.datetime) else at
    packed = json.dumps([plain, row_id], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _read_cursor(cursor: str, key: _Key) -> tuple[Any, int] | None:
    """What a cursor says; ``None`` for none and for one that was tampered with."""
    if not cursor:
        return None
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        number = int(row_id)
        if key.kind == "bigint":
            at = int(at)
        elif key.kind == "timestamptz":
            at = dt.datetime.fromisoformat(at)
        elif not isinstance(at, str) or "\0" in at:
            return None
        else:
            at.encode()  # JSON can hold half a surrogate pair, the database cannot
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        return None
    limit = 2**63 - 1
    if not 0 <= number <= limit or (key.kind == "bigint" and not 0 <= at <= limit):
        return None
    return at, number
