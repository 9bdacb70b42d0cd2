"""Validations: what a suite found in a batch, kept for figures over time and for the data docs.

One row per batch and validation, in the transaction of its verdicts. They tell about documents but decide nothing, so
they may be forgotten after a while; the findings of a document stay with the document.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, text


class RuleCount(msgspec.Struct, frozen=True):
    """How often one rule was looked at in a batch, and how often it was broken."""

    rule: str
    evaluated: int
    unexpected: int


class ValidationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One validation. ``results`` holds Great Expectations' own result per frame, its lists of examples cut short."""

    id: int
    batch: int
    flow: str
    run: int | None
    suite: str
    suite_hash: str
    documents: int
    failed: int
    at: dt.datetime
    results: dict[str, Any] = {}


class RuleFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One rule over a time: how often it was broken, of how many values, in how many validations, and when last."""

    suite: str
    rule: str
    evaluated: int
    unexpected: int
    validations: int
    last_broken_at: dt.datetime | None


def _plain(value: object) -> object:
    """Figures and dates of numpy and pandas as plain ones."""
    return value.item() if hasattr(value, "item") else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain)

_INSERT = text(
    """
    WITH made AS (
        INSERT INTO ledger.validation (batch_id, flow, run, suite, suite_hash, documents, failed, results)
        VALUES (:batch, :flow, CAST(:run AS bigint), :suite, :suite_hash, :documents, :failed, CAST(:results AS jsonb))
        RETURNING id
    ), counted AS (
        INSERT INTO ledger.validation_rule (validation_id, rule, evaluated, unexpected)
        SELECT made.id, c.rule, c.evaluated, c.unexpected
        FROM made, unnest(CAST(:rules AS text[]), CAST(:evaluated AS integer[]), CAST(:unexpected AS integer[]))
            AS c(rule, evaluated, unexpected)
    )
    SELECT id FROM made
    """
)


def record(
    connection: Connection,
    *,
    batch: int,
    flow: str,
    run: int | None,
    suite: str,
    suite_hash: str,
    documents: int,
    failed: int,
    rules: Sequence[RuleCount],
    results: dict[str, Any],
) -> int:
    """Keep one validation; its id."""
    return int(
        connection.execute(
            _INSERT,
            {
                "batch": batch,
                "flow": flow,
                "run": run,
                "suite": suite,
                "suite_hash": suite_hash,
                "documents": documents,
                "failed": failed,
                # a NUL would be refused by the database; a value of a partner may hold one
                "results": _encoder.encode(results).decode().replace("\\u0000", "\\ufffd"),
                "rules": [count.rule for count in rules],
                "evaluated": [count.evaluated for count in rules],
                "unexpected": [count.unexpected for count in rules],
            },
        ).scalar_one()
    )


_COLUMNS = "v.id, v.batch_id AS batch, v.flow, v.run, v.suite, v.suite_hash, v.documents, v.failed, v.at"
_LATEST = text(
    f"""
    SELECT {_COLUMNS} FROM ledger.validation AS v
    WHERE (CAST(:suite AS text) IS NULL OR v.suite = :suite) AND (CAST(:run AS bigint) IS NULL OR v.run = :run)
    ORDER BY v.at DESC, v.id DESC LIMIT :limit
    """  # noqa: S608 - a constant
)
_ONE = text(f"SELECT {_COLUMNS}, v.results FROM ledger.validation AS v WHERE v.id = :id")  # noqa: S608 - a constant


def latest(
    connection: Connection, *, suite: str | None = None, run: int | None = None, limit: int = 50
) -> list[ValidationRow]:
    """The newest validations, without their results."""
    rows = connection.execute(_LATEST, {"suite": suite, "run": run, "limit": limit})
    return [ValidationRow(**row._mapping) for row in rows]


def one(connection: Connection, validation: int) -> ValidationRow | None:
    """One validation with its results."""
    row = connection.execute(_ONE, {"id": validation}).one_or_none()
    return None if row is None else ValidationRow(**row._mapping)


_FIGURES = text(
    """
    SELECT v.suite, r.rule, sum(r.evaluated)::bigint AS evaluated, sum(r.unexpected)::bigint AS unexpected,
        count(*)::bigint AS validations, max(v.at) FILTER (WHERE r.unexpected > 0) AS last_broken_at
    FROM ledger.validation AS v JOIN ledger.validation_rule AS r ON r.validation_id = v.id
    WHERE v.at >= :since GROUP BY v.suite, r.rule ORDER BY v.suite, unexpected DESC, r.rule
    """
)
_DAYS = text(
    """
    SELECT v.suite, r.rule, CAST(v.at AT TIME ZONE 'UTC' AS date) AS day, sum(r.evaluated)::bigint AS evaluated,
        sum(r.unexpected)::bigint AS unexpected
    FROM ledger.validation AS v JOIN ledger.validation_rule AS r ON r.validation_id = v.id
    WHERE v.at >= :since GROUP BY v.suite, r.rule, day ORDER BY day
    """
)


def figures(connection: Connection, since: dt.datetime) -> list[RuleFigure]:
    """Every rule that was looked at since then (UTC-aware); within a suite the most broken first."""
    return [RuleFigure(**row._mapping) for row in connection.execute(_FIGURES, {"since": since})]


def by_day(
    connection: Connection, since: dt.datetime
) -> dict[tuple[str, str], list[tuple[dt.date, int, int]]]:
    """Per suite and rule, each day (UTC) that has any: values looked at, values that broke it."""
    found: dict[tuple[str, str], list[tuple[dt.date, int, int]]] = {}
    for row in connection.execute(_DAYS, {"since": since}):
        found.setdefault((row.suite, row.rule), []).append((row.day, row.evaluated, row.unexpected))
    return found


_FORGET = text(
    "DELETE FROM ledger.validation WHERE id IN (SELECT id FROM ledger.validation WHERE at < :before LIMIT :limit)"
)


def forget(connection: Connection, before: dt.datetime, *, limit: int = 10_000) -> int:
    """Delete validations from before then, oldest ones, at most ``limit``; how many went."""
    return int(connection.execute(_FORGET, {"before": before, "limit": limit}).rowcount)
