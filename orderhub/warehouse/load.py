"""Load documents into the warehouse: staged by COPY, merged once per batch, versioned, idempotent by key.

A merge holds an advisory lock of its table to the end of the transaction: merges of one table run one after the other,
so that two of them never decide about the same order at the same moment. The unique indexes hold without it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import psycopg
from sqlalchemy import Connection, Row, text

from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import (
    Document,
    Item,
    PurchaseOrder,
    StockLevel,
    Supplier,
    canonical_bytes,
    content_hash,
)
from orderhub.errors import LedgerError
from orderhub.warehouse import shapes
from orderhub.warehouse.shapes import Shape

#: Pieces handed to COPY at once, in rows.
_PIECE = 2000


def load(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load any mix of document types; one outcome per item, in order. Commit is the caller's."""
    outcomes: dict[int, Outcome] = {}
    by_type: dict[type[Document], list[int]] = {}
    for index, item in enumerate(items):
        by_type.setdefault(type(item.document), []).append(index)
    for kind, indexes in by_type.items():
        if kind not in shapes.SHAPES:
            raise LedgerError(
                f"The warehouse has no table for {kind.__name__}.",
                todo="Load purchase orders, suppliers, items or stock levels.",
            )
        shape = shapes.SHAPES[kind]
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:lock))"),
            {"lock": f"orderhub warehouse {shape.table}"},
        )
        for turn in _turns(items, indexes):
            merged = _merge(connection, shape, [items[index] for index in turn])
            outcomes.update(zip(turn, merged, strict=True))
    return [outcomes[index] for index in range(len(items))]


def load_orders(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load purchase orders with their lines; one outcome per item, in order. Commit is the caller's."""
    return _load_only(connection, items, PurchaseOrder)


def load_suppliers(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load suppliers; as ``load_orders``."""
    return _load_only(connection, items, Supplier)


def load_items(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load items; as ``load_orders``."""
    return _load_only(connection, items, Item)


def load_stock_levels(connection: Connection, items: Sequence[LoadItem]) -> list[Outcome]:
    """Load stock levels; as ``load_orders``."""
    return _load_only(connection, items, StockLevel)


def _load_only(connection: Connection, items: Sequence[LoadItem], kind: type[Document]) -> list[Outcome]:
    for item in items:
        if type(item.document) is not kind:
            raise LedgerError(
                f"Key {item.key} is a {type(item.document).__name__}, not a {kind.__name__}.",
                todo="Use load() for a mix of documents.",
            )
    return load(connection, items)


_FIND = text("SELECT key, reference, version FROM warehouse.load WHERE key = ANY(CAST(:keys AS text[]))")


def find(connection: Connection, keys: Sequence[str]) -> dict[str, Outcome]:
    """What the warehouse has under these idempotency keys (state unchanged); absent keys are absent."""
    return {
        row.key: Outcome(
            key=row.key, state=OutcomeState.UNCHANGED, reference=row.reference, version=row.version
        )
        for row in connection.execute(_FIND, {"keys": list(keys)})
    }


def _turns(items: Sequence[LoadItem], indexes: Iterable[int]) -> list[list[int]]:
    """Split so that no identity and no key occurs twice in a turn; the order within an identity stays."""
    turns: list[list[int]] = []
    next_turn: dict[object, int] = {}
    for index in indexes:
        item = items[index]
        names = (("identity", item.company, item.test, item.identity), ("key", item.key))
        turn = max(next_turn.get(name, 0) for name in names)
        for name in names:
            next_turn[name] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(index)
    return turns


_HEAD = (
    "place integer, key text, identity text, company text, environment text, source_document_id bigint, attempt bigint, "
    "content_hash text"
)


def _merge(connection: Connection, shape: Shape, items: list[LoadItem]) -> list[Outcome]:
    _stage(connection, shape, items)
    outcomes: list[Outcome] = []
    written, noted, changed = [], False, False
    for row, item in zip(
        connection.execute(text(_JUDGE.format(table=shape.table))).all(), items, strict=True
    ):
        outcome = _outcome(shape, row, item)
        outcomes.append(outcome)
        noted = noted or (row.known_version is None and not row.stale)
        if outcome.state is OutcomeState.WRITTEN:
            written.append(row.place)
            changed = changed or row.current_id is not None
    if noted:
        _apply(connection, shape, items, written, changed)
    return outcomes


def _copy(connection: Connection, statement: str, rows: Iterable[str]) -> None:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise LedgerError(
            f"The warehouse needs psycopg 3, not {type(driver).__module__}.",
            todo="Create the engine with orderhub.ledger.engine.create_engine.",
        )
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        stream = iter(rows)
        while piece := "".join(islice(stream, _PIECE)):
            copy.write(piece)


def _stage(connection: Connection, shape: Shape, items: list[LoadItem]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in shape.columns.items())
    _temporary(connection, f"stage_{shape.table}", f"{_HEAD}, {columns}")
    _copy(
        connection,
        f"COPY pg_temp.stage_{shape.table} FROM STDIN",
        (
            shapes.row(
                place,
                item.key,
                item.identity,
                item.company,
                "test" if item.test else "production",
                item.source,
                item.load,
                item.content_hash or content_hash(canonical_bytes(item.document)),
                *shape.values(item.document),
            )
            for place, item in enumerate(items)
        ),
    )
    # the planner must not take the stage for a small table
    connection.execute(text(f"ANALYZE pg_temp.stage_{shape.table} (place, identity, key)"))


def _stage_lines(connection: Connection, items: list[LoadItem], written: list[int]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in shapes.LINE_COLUMNS.items())
    _temporary(connection, "stage_line", f"place integer, {columns}")
    orders = ((place, items[place].document) for place in written)
    _copy(
        connection,
        "COPY pg_temp.stage_line FROM STDIN",
        chain.from_iterable(
            shapes.line_rows(place, order) for place, order in orders if isinstance(order, PurchaseOrder)
        ),
    )


def _temporary(connection: Connection, name: str, columns: str) -> None:
    """An empty temporary table of the session; names and columns are this package's own."""
    connection.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {name} ({columns}) ON COMMIT DELETE ROWS"))
    connection.execute(text(f"TRUNCATE pg_temp.{name}"))


_JUDGED = """
    SELECT s.place, l.reference AS known_reference, l.version AS known_version, c.id AS current_id,
        coalesce(c.version, 0) AS current_version, c.revision AS current_revision,
        coalesce(c.content_hash = s.content_hash, false) AS same, coalesce(c.revision > s.revision, false) AS stale,
        c.valid_from
    FROM pg_temp.stage_{table} AS s
    LEFT JOIN warehouse.load AS l ON l.key = s.key
    LEFT JOIN warehouse.{table} AS c ON c.identity = s.identity AND c.environment = s.environment
        AND c.company = s.company AND c.valid_to IS NULL
"""
_JUDGE = _JUDGED + " ORDER BY s.place"


def _outcome(shape: Shape, row: Row[Any], item: LoadItem) -> Outcome:
    """What becomes of one staged document."""
    if row.known_version is not None:
        return Outcome(
            key=item.key,
            state=OutcomeState.UNCHANGED,
            reference=row.known_reference,
            version=row.known_version,
        )
    if row.stale:
        return Outcome(
            key=item.key,
            state=OutcomeState.REJECTED,
            code="STALE_REVISION",
            field="revision",
            reason=f"{shape.table} {item.document.number} has revision {row.current_revision} already; revision "
            f"{item.document.revision} is older.",
        )
    version = row.current_version + (0 if row.same else 1)
    return Outcome(
        key=item.key,
        state=OutcomeState.UNCHANGED if row.same else OutcomeState.WRITTEN,
        reference=f"{item.document.number} v{version}",
        version=version,
    )


_DECISION = "place integer, load_id bigint, version_id bigint, version integer, valid_from timestamptz, written boolean"
# a version begins with the transaction that loads it, and in any case after the one before
_DECIDE = """
    INSERT INTO pg_temp.stage_decision
    SELECT j.place, nextval('warehouse.load_id_seq'),
        CASE WHEN j.same THEN j.current_id ELSE nextval('warehouse.{table}_id_seq') END,
        j.current_version + CASE WHEN j.same THEN 0 ELSE 1 END,
        greatest(transaction_timestamp(), j.valid_from + interval '1 microsecond'), NOT j.same
    FROM ({judged}) AS j WHERE j.known_version IS NULL AND NOT j.stale ORDER BY j.place
"""
_DECIDED = "pg_temp.stage_decision AS t JOIN pg_temp.stage_{table} AS s ON s.place = t.place"
_NOTE = """
    INSERT INTO warehouse.load
        (id, key, kind, identity, company, environment, source_document_id, attempt, outcome, version_id, version, reference)
    SELECT t.load_id, s.key, '{table}', s.identity, s.company, s.environment, s.source_document_id, s.attempt,
        CASE WHEN t.written THEN 'written' ELSE 'unchanged' END, t.version_id, t.version,
        s.number || ' v' || t.version
    FROM {decided} ORDER BY t.load_id
"""
_CLOSE = """
    UPDATE warehouse.{table} AS p SET valid_to = t.valid_from
    FROM {decided}
    WHERE t.written AND t.version > 1 AND p.identity = s.identity AND p.environment = s.environment
        AND p.company = s.company AND p.valid_to IS NULL
"""
_CLOSE_LINES = """
    UPDATE warehouse.purchase_order_line AS l SET valid_to = t.valid_from
    FROM {decided}
    JOIN warehouse.purchase_order AS p ON p.identity = s.identity AND p.environment = s.environment
        AND p.company = s.company AND p.version = t.version - 1
    WHERE t.written AND t.version > 1 AND l.order_id = p.id
"""
_ADD = """
    INSERT INTO warehouse.{table} (id, identity, version, company, environment, valid_from, content_hash,
        source_document_id, load_id, {columns})
    SELECT t.version_id, s.identity, t.version, s.company, s.environment, t.valid_from, s.content_hash,
        s.source_document_id, t.load_id, {staged}
    FROM {decided} WHERE t.written ORDER BY t.version_id
"""
_ADD_LINES = """
    INSERT INTO warehouse.purchase_order_line
        (order_id, {columns}, environment, valid_from, source_document_id, load_id)
    SELECT t.version_id, {staged}, s.environment, t.valid_from, s.source_document_id, t.load_id
    FROM pg_temp.stage_line AS l JOIN ({decided}) ON l.place = t.place
"""


def _apply(
    connection: Connection, shape: Shape, items: list[LoadItem], written: list[int], changed: bool
) -> None:
    """Note the loads, close the versions that end, add the new ones."""
    names = {"table": shape.table, "decided": _DECIDED.format(table=shape.table)}

    def run(statement: str, columns: Iterable[str] = (), alias: str = "s") -> None:
        listed, staged = ", ".join(columns), ", ".join(f"{alias}.{name}" for name in columns)
        connection.execute(text(statement.format(**names, columns=listed, staged=staged)))

    _temporary(connection, "stage_decision", _DECISION)
    connection.execute(text(_DECIDE.format(table=shape.table, judged=_JUDGED.format(table=shape.table))))
    connection.execute(text("ANALYZE pg_temp.stage_decision"))
    run(_NOTE)
    if changed:
        run(_CLOSE)
        if shape is shapes.ORDER:
            run(_CLOSE_LINES)
    if written:
        run(_ADD, shape.columns)
    if written and shape is shapes.ORDER:
        _stage_lines(connection, items, written)
        run(_ADD_LINES, shapes.LINE_COLUMNS, "l")
