"""Alerts on age: a case that waits longer than its kind may is told once, in the log and on the pages."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, Engine, text

from orderhub.ledger.engine import retrying
from orderhub.ledger.inbox import CaseState, Reason
from orderhub.ledger.inbox_reasons import BY_VALUE

log = logging.getLogger(__name__)

#: Stands at the beginning of every such line in the log.
OVERDUE = "INBOX_OVERDUE"
#: So many ids are named in one line; the count is complete.
IDS_TOLD = 50


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one reason and flow that have become too old. ``subjects`` are their ledger ids as the log writes them
    (``document 17``)."""

    reason: Reason
    flow: str
    hours: float
    cases: list[int]
    subjects: list[str]
    oldest: dt.datetime


_RAISE = text(
    """
    WITH made AS (
        INSERT INTO ledger.inbox_alert (case_id, since, hours)
        SELECT c.id, c.since, t.hours
        FROM unnest(CAST(:states AS text[]), CAST(:hours AS double precision[])) AS t(state, hours)
        JOIN ledger.inbox_case AS c ON c.state = t.state
        WHERE c.open AND c.since < clock_timestamp() - make_interval(secs => t.hours * 3600)
        ON CONFLICT DO NOTHING
        RETURNING case_id, hours
    )
    SELECT c.state, c.code, c.field, CASE WHEN c.code = ANY(CAST(:by_value AS text[])) THEN c.value ELSE '' END AS value,
        c.flow, made.hours, array_agg(c.id ORDER BY c.since, c.id) AS cases, min(c.since) AS oldest,
        array_agg(CASE c.kind WHEN 'interchange' THEN 'interchange ' || c.interchange_id
            ELSE 'document ' || c.document_id END ORDER BY c.since, c.id) AS subjects
    FROM made JOIN ledger.inbox_case AS c ON c.id = made.case_id
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY oldest, min(c.id)
    """
)


def raise_due(connection: Connection, hours: Mapping[CaseState, float]) -> list[Overdue]:
    """Note every open case that waits for longer than the hours of its state, and return those that were not noted before.
    States with no or zero hours raise nothing."""
    limits = {state: limit for state, limit in hours.items() if limit > 0}
    rows = connection.execute(
        _RAISE,
        {
            "states": [state.value for state in limits],
            "hours": list(limits.values()),
            "by_value": sorted(BY_VALUE),
        },
    )
    return [
        Overdue(
            reason=Reason(row.state, row.code, row.field, row.value),
            flow=row.flow,
            hours=row.hours,
            cases=list(row.cases),
            subjects=list(row.subjects),
            oldest=row.oldest,
        )
        for row in rows
    ]


def tell(engine: Engine, hours: Mapping[CaseState, float]) -> list[Overdue]:
    """``raise_due`` in a transaction of its own, and a line in the log for each reason and flow."""
    raised = retrying(engine, lambda connection: raise_due(connection, hours))
    for one in raised:
        told = ", ".join(one.subjects[:IDS_TOLD])
        if len(one.subjects) > IDS_TOLD:
            told += f" and {len(one.subjects) - IDS_TOLD} more"
        said = " ".join(part for part in (one.reason.code, one.reason.field, one.reason.value) if part)
        log.warning(
            "%s %d %s for more than %g h in flow %s: %s: %s",
            OVERDUE,
            len(one.cases),
            one.reason.state,
            one.hours,
            one.flow,
            said,
            told,
            extra={"code": OVERDUE, "flow": one.flow, "cases": one.cases},
        )
    return raised
