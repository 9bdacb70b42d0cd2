"""Figures for people: documents over time, what is open and how old, why documents are held back, what runs did.

Every question reads an index that holds only what it needs (migration 0007): the figures over time cost what the asked
period holds, the figures of now cost what is open, both however much lies in the ledger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, TextClause, text

from orderhub.ledger.states import DocumentState

_D = DocumentState

#: The hub itself will go on with these.
UNDER_WAY = (_D.TRANSLATED, _D.ACCEPTED, _D.LOADING, _D.RETRYING)
#: Somebody has to look at these.
HELD_BACK = (_D.QUARANTINED, _D.CONFLICT, _D.REJECTED)
#: A decision of a person is outstanding, and nothing is wrong.
WAITING = (_D.WAITING,)
#: Finished, and nothing of it goes anywhere.
SET_ASIDE = (_D.DUPLICATE, _D.DISCARDED)
OPEN = (*UNDER_WAY, *HELD_BACK, *WAITING)


class Count(msgspec.Struct, frozen=True):
    """Documents made in the step of time that starts at ``at`` (None: now, whenever they were made)."""

    at: dt.datetime | None
    flow: str
    agreement: str
    state: str
    documents: int


class Oldest(msgspec.Struct, frozen=True, kw_only=True):
    """The document that has been unfinished longest."""

    id: int
    number: str
    state: str
    flow: str
    received_at: dt.datetime


class LastArrival(msgspec.Struct, frozen=True):
    """When something last arrived from a partner (``agreement``; empty: from nobody known)."""

    agreement: str
    at: dt.datetime


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What of a flow stands where: files not translated, effects by target and state that are not done, files whose
    answer is not recorded."""

    files: int
    effects: dict[str, dict[str, int]]
    unanswered: int


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a flow. ``external`` is the scheduler's name of it; ``result`` what the runner noted, if it did."""

    id: int
    flow: str
    trigger: str
    external: str | None
    started_at: dt.datetime
    finished_at: dt.datetime | None
    result: dict[str, Any] | None


class RunTally(msgspec.Struct, frozen=True):
    """How many documents (or files, ``interchanges``) a run moved into which state."""

    files: dict[str, int]
    documents: dict[str, int]


_OVER_TIME = text(
    """
    SELECT date_bin(CAST(:step AS interval), created_at, CAST(:since AS timestamptz)) AS at,
        flow, agreement, state, count(*) AS documents
    FROM ledger.document WHERE created_at >= :since AND created_at < :until AND state <> 'superseded'
    GROUP BY 1, 2, 3, 4 ORDER BY 1
    """
)


_MEMORY = text("SET LOCAL work_mem = '64MB'")


def over_time(
    connection: Connection, *, since: dt.datetime, until: dt.datetime, step: dt.timedelta
) -> list[Count]:
    """Documents made from ``since`` up to ``until``, by step of time, flow, agreement and present state. What a later
    translation replaced is not counted."""
    # the planner takes every document for a group of its own, and would sort them all on disk
    connection.execute(_MEMORY)
    rows = connection.execute(_OVER_TIME, {"since": since, "until": until, "step": step})
    return [Count(row.at, row.flow, row.agreement, row.state, row.documents) for row in rows]


_MADE = text(
    """
    SELECT count(*) FROM ledger.document WHERE created_at >= :since AND created_at < :until AND state <> 'superseded'
    """
)


def made(connection: Connection, *, since: dt.datetime, until: dt.datetime) -> int:
    """How many documents were made in a period."""
    return int(connection.execute(_MADE, {"since": since, "until": until}).scalar_one())


_RECEIVED = text(
    """
    SELECT flow, state, count(*) AS files FROM ledger.interchange
    WHERE received_at >= :since AND received_at < :until GROUP BY 1, 2
    """
)


def received(connection: Connection, *, since: dt.datetime, until: dt.datetime) -> dict[str, dict[str, int]]:
    """Files received in a period, by flow and present state."""
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(_RECEIVED, {"since": since, "until": until}):
        found.setdefault(row.flow, {})[row.state] = row.files
    return found


_ANSWERED = text(
    """
    SELECT count(*) FROM ledger.interchange
    WHERE received_at >= :since AND received_at < :until AND flow = :flow AND answered_at IS NOT NULL
    """
)


def answered(connection: Connection, flow: str, *, since: dt.datetime, until: dt.datetime) -> int:
    """Files of a flow received in a period whose technical answer is recorded."""
    values = {"flow": flow, "since": since, "until": until}
    return int(connection.execute(_ANSWERED, values).scalar_one())


_OPEN_NOW = text(
    """
    SELECT flow, agreement, state, count(*) AS documents FROM ledger.document
    WHERE state NOT IN ('loaded', 'duplicate', 'superseded', 'discarded') GROUP BY 1, 2, 3
    """
)


def open_now(connection: Connection) -> list[Count]:
    """Unfinished documents by flow, agreement and state."""
    rows = connection.execute(_OPEN_NOW)
    return [Count(None, row.flow, row.agreement, row.state, row.documents) for row in rows]


# One step into the index per state. The states stand in the text, since with a bound one the planner expects to find
# some soon, whatever it is, and walks through finished documents.
_FIRST = """
    (SELECT id, number, state, flow, interchange_id FROM ledger.document
     WHERE state = '{state}' ORDER BY id LIMIT 1)
"""


def _oldest(states: Collection[DocumentState]) -> TextClause:
    firsts = " UNION ALL ".join(_FIRST.format(state=state.value) for state in states)
    return text(
        f"""
        SELECT d.id, d.number, d.state, d.flow, i.received_at FROM ({firsts}) AS d
        JOIN ledger.interchange AS i ON i.id = d.interchange_id ORDER BY i.received_at, d.id LIMIT 1
        """  # noqa: S608 - the states are an enumeration's
    )


def oldest(connection: Connection, states: Collection[DocumentState]) -> Oldest | None:
    """The document in one of these states that arrived first."""
    row = connection.execute(_oldest(states)).one_or_none()
    return None if row is None else Oldest(**row._mapping)


# a walk from one agreement to the next through the index: as many steps as there are partners
_LAST_ARRIVALS = text(
    """
    WITH RECURSIVE partner AS (
        (SELECT agreement FROM ledger.interchange ORDER BY agreement LIMIT 1)
        UNION ALL
        SELECT (SELECT i.agreement FROM ledger.interchange AS i WHERE i.agreement > p.agreement
                ORDER BY i.agreement LIMIT 1)
        FROM partner AS p WHERE p.agreement IS NOT NULL
    )
    SELECT p.agreement, (SELECT max(i.received_at) FROM ledger.interchange AS i WHERE i.agreement = p.agreement) AS at
    FROM partner AS p WHERE p.agreement IS NOT NULL ORDER BY 1
    """
)


def last_arrivals(connection: Connection) -> list[LastArrival]:
    """Every partner that the ledger has seen, with its last arrival."""
    return [LastArrival(row.agreement, row.at) for row in connection.execute(_LAST_ARRIVALS)]


_FLOWS_SEEN = text(
    """
    WITH RECURSIVE known AS (
        (SELECT flow FROM ledger.run ORDER BY flow LIMIT 1)
        UNION ALL
        SELECT (SELECT r.flow FROM ledger.run AS r WHERE r.flow > k.flow ORDER BY r.flow LIMIT 1)
        FROM known AS k WHERE k.flow IS NOT NULL
    )
    SELECT flow FROM known WHERE flow IS NOT NULL
    """
)


def flows_seen(connection: Connection) -> list[str]:
    """Names of the flows that ever ran."""
    return [str(flow) for flow in connection.execute(_FLOWS_SEEN).scalars()]


_FILES_OPEN = text(
    """
    SELECT
        (SELECT count(*) FROM ledger.interchange
         WHERE flow = :flow AND (state = 'received' OR retry_requested_at IS NOT NULL)) AS files,
        (SELECT count(*) FROM ledger.interchange
         WHERE flow = :flow AND answered_at IS NULL AND state <> 'received') AS unanswered
    """
)
_EFFECTS_OPEN = text(
    """
    SELECT target, state, count(*) AS n FROM ledger.outbox
    WHERE flow = :flow AND state IN ('pending', 'leased', 'in_doubt', 'waiting', 'rejected') GROUP BY 1, 2
    """
)


def standing(connection: Connection, flow: str) -> Standing:
    """What of a flow stands before which stage."""
    files = connection.execute(_FILES_OPEN, {"flow": flow}).one()
    effects: dict[str, dict[str, int]] = {}
    for row in connection.execute(_EFFECTS_OPEN, {"flow": flow}):
        effects.setdefault(row.target, {})[row.state] = row.n
    return Standing(files=files.files, effects=effects, unanswered=files.unanswered)


_RUN = "SELECT id, flow, trigger, external, started_at, finished_at, result FROM ledger.run"
_RUNS = text(
    f"""
    SELECT r.* FROM unnest(CAST(:flows AS text[])) AS f(flow)
    CROSS JOIN LATERAL ({_RUN} WHERE flow = f.flow ORDER BY id DESC LIMIT :size) AS r ORDER BY r.id DESC
    """  # noqa: S608 - a constant
)
_ONE_RUN = text(f"{_RUN} WHERE id = :id")
_NAMED_RUN = text(f"{_RUN} WHERE flow = :flow AND external = :external")


def recent_runs(connection: Connection, flows: Sequence[str], *, size: int = 20) -> list[RunRow]:
    """The newest runs of each of these flows, newest first."""
    rows = connection.execute(_RUNS, {"flows": list(flows), "size": size})
    return [RunRow(**row._mapping) for row in rows]


def run(connection: Connection, run_id: int) -> RunRow | None:
    """One run; None when there is none of that id."""
    row = connection.execute(_ONE_RUN, {"id": run_id}).one_or_none()
    return None if row is None else RunRow(**row._mapping)


def run_named(connection: Connection, flow: str, external: str) -> RunRow | None:
    """The run of a flow that the scheduler calls so; None when the ledger has not heard of it."""
    row = connection.execute(_NAMED_RUN, {"flow": flow, "external": external}).one_or_none()
    return None if row is None else RunRow(**row._mapping)


# what a run did is what it moved: the transitions carry its id
_TALLIES = text(
    """
    SELECT run, document_id IS NULL AS file, to_state, count(*) AS n FROM ledger.transition
    WHERE run = ANY(CAST(:runs AS bigint[])) GROUP BY 1, 2, 3
    """
)


def tallies(connection: Connection, runs: Collection[int]) -> dict[int, RunTally]:
    """What runs did, by their ledger ids; a run that moved nothing has an empty tally."""
    found = {run_id: RunTally({}, {}) for run_id in runs}
    if not runs:
        return found
    for row in connection.execute(_TALLIES, {"runs": list(runs)}):
        tally = found[row.run]
        (tally.files if row.file else tally.documents)[row.to_state] = row.n
    return found


_FILES_OF_RUN = text(
    """
    SELECT DISTINCT interchange_id AS id FROM ledger.transition
    WHERE run = :run AND document_id IS NULL ORDER BY 1 DESC LIMIT :size
    """
)


def files_of_run(connection: Connection, run_id: int, *, size: int = 50) -> list[int]:
    """Ledger ids of the files that a run received or translated, newest first."""
    return [
        int(found) for found in connection.execute(_FILES_OF_RUN, {"run": run_id, "size": size}).scalars()
    ]


_DOCUMENTS_OF_RUN = text(
    """
    SELECT DISTINCT document_id AS id FROM ledger.transition
    WHERE run = :run AND document_id IS NOT NULL ORDER BY 1 DESC LIMIT :size
    """
)


def documents_of_run(connection: Connection, run_id: int, *, size: int = 50) -> list[int]:
    """Ledger ids of the documents that a run touched, newest first."""
    found = connection.execute(_DOCUMENTS_OF_RUN, {"run": run_id, "size": size}).scalars()
    return [int(one) for one in found]
