"""The inbox: everything that is kept back and waits for a person, as one list of cases.

A case is one message (``document``), one whole file (``interchange``) or one effect without an answer (``effect``). The
database keeps the list by triggers (migration 0004), so a case is there in the moment its subject is kept back, and gone
in the moment it goes on. A message keeps its case, with owner, notes and age, when it is translated again.

Acting on cases is in ``orderhub.ledger.inbox_actions``, alerts on their age in ``orderhub.ledger.inbox_alerts``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, TextClause, text

from orderhub.ledger.codec import clean, to_json
from orderhub.ledger.inbox_reasons import BY_VALUE

#: Cases beyond this are not counted any further.
COUNT_LIMIT = 100_000
GROUPS = 50


class CaseState(StrEnum):
    """Why a case is in the inbox. The first four are states of a document, the next three of an interchange."""

    QUARANTINED = "quarantined"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    WAITING = "waiting"
    REFUSED = "refused"
    READ = "read"
    PARTIAL = "partial"
    UNKNOWN_SENDER = "unknown_sender"
    IN_DOUBT = "in_doubt"


class CaseKind(StrEnum):
    DOCUMENT = "document"
    INTERCHANGE = "interchange"
    EFFECT = "effect"


class Reason(msgspec.Struct, frozen=True):
    """What cases have in common so that one repair serves all of them. ``value`` is empty where the repair does not
    depend on it; ``field`` is a canonical path without positions (``lines[].unit``)."""

    state: str
    code: str
    field: str = ""
    value: str = ""

    def __str__(self) -> str:
        return "~".join(_escape(part) for part in (self.state, self.code, self.field, self.value)).rstrip("~")

    @classmethod
    def parse(cls, written: str) -> Reason | None:
        """A reason as ``str`` writes it; None for anything else."""
        parts = [part.replace("%7E", "~").replace("%25", "%") for part in written.split("~")]
        if not 2 <= len(parts) <= 4 or not parts[0] or not parts[1] or "\0" in written:
            return None
        return cls(*parts)


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace("~", "%7E")


class CaseFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All given conditions hold; of a sequence any. ``owners`` are people or teams; ``unowned`` also those that nobody
    took. ``text`` is the beginning of an order number or file name. ``discarded`` lists what people gave up instead of
    what is open. ``seen_at``: only what has not changed since then (what a person saw when they decided)."""

    states: Sequence[str] = ()
    flows: Sequence[str] = ()
    agreements: Sequence[str] = ()
    owners: Sequence[str] = ()
    unowned: bool = False
    reason: Reason | None = None
    text: str = ""
    older_than_hours: float | None = None
    overdue: bool = False
    discarded: bool = False
    seen_at: dt.datetime | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One case. ``number`` is the order's number, for a whole file its name. ``since`` is when the message was first kept
    back, ``changed_at`` when the case last changed. ``owner`` is who took it; ``default_owner`` the flow's.
    ``version`` rises with every change: an action names the version that its user saw."""

    id: int
    kind: CaseKind
    state: CaseState
    interchange_id: int
    ordinal: int
    document_id: int | None
    outbox_id: int | None
    target: str
    company: str
    environment: str
    flow: str
    agreement: str
    number: str
    file: str
    code: str
    field: str
    value: str
    message: str
    since: dt.datetime
    changed_at: dt.datetime
    owner: str | None
    default_owner: str | None
    open: bool
    closed_as: str | None
    version: int
    notes: int
    overdue: bool

    @property
    def reason(self) -> Reason:
        return Reason(self.state.value, self.code, self.field, self.value if self.code in BY_VALUE else "")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The open cases of one reason. ``example`` is the message of the oldest one, ``first`` its case."""

    reason: Reason
    count: int
    oldest: dt.datetime
    first: int
    example: str
    flows: list[str]
    unowned: int


class CasePage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of cases, oldest first. ``after`` goes into the next call; None on the last page. ``as_of`` is the
    database's time of the question, for ``CaseFilter.seen_at``."""

    cases: list[Case]
    total: int
    after: tuple[dt.datetime, int] | None
    as_of: dt.datetime


_COLUMNS = """
    c.id, c.kind, c.state, c.interchange_id, c.ordinal, c.document_id, c.outbox_id, c.target, c.company, c.environment,
    c.flow, c.agreement, c.number, i.name AS file, c.code, c.field, c.value, c.message, c.since, c.changed_at, c.owner,
    c.open, c.closed_as, c.version, CAST(:owners_of_flows AS jsonb) ->> c.flow AS default_owner,
    (SELECT count(*) FROM ledger.inbox_note AS n WHERE n.case_id = c.id) AS notes,
    c.open AND EXISTS (SELECT 1 FROM ledger.inbox_alert AS a WHERE a.case_id = c.id AND a.since = c.since) AS overdue
"""


def _conditions(where: CaseFilter) -> tuple[str, dict[str, Any]]:
    """Only constants of this module are put into the text; everything from outside is bound."""
    parts = ["c.closed_as = 'discarded'" if where.discarded else "c.open"]
    values: dict[str, Any] = {}
    chosen = (
        ("state", where.states, "c.state"),
        ("flow", where.flows, "c.flow"),
        ("agreement", where.agreements, "c.agreement"),
    )
    for name, given, column in chosen:
        if len(given) == 1:
            # an equality leaves the order of the index, so that a page reads only its own rows
            parts.append(f"{column} = :{name}_is")
            values[f"{name}_is"] = clean(str(given[0]))
        elif given:
            parts.append(f"{column} = ANY(CAST(:{name}_in AS text[]))")
            values[f"{name}_in"] = [clean(str(one)) for one in given]
    whose = ["c.owner IS NULL"] if where.unowned else []
    if where.owners:
        # who is named owns what they took, and what nobody took of flows that are theirs
        whose.append(
            "(c.owner = ANY(CAST(:owner_in AS text[])) OR "
            "(c.owner IS NULL AND CAST(:owners_of_flows AS jsonb) ->> c.flow = ANY(CAST(:owner_in AS text[]))))"
        )
        values["owner_in"] = [clean(owner) for owner in where.owners]
    if whose:
        parts.append(f"({' OR '.join(whose)})")
    if where.reason is not None:
        parts.append("c.state = :reason_state AND c.code = :reason_code AND c.field = :reason_field")
        values |= {"reason_state": where.reason.state, "reason_code": where.reason.code}
        values["reason_field"] = where.reason.field
        if where.reason.code in BY_VALUE:
            parts.append("c.value = :reason_value")
            values["reason_value"] = where.reason.value
    if where.text.strip():
        parts.append("starts_with(lower(c.number), lower(:text))")
        values["text"] = clean(where.text.strip())
    if where.older_than_hours is not None:
        parts.append("c.since < clock_timestamp() - make_interval(secs => :older * 3600)")
        values["older"] = where.older_than_hours
    if where.overdue:
        parts.append(
            "EXISTS (SELECT 1 FROM ledger.inbox_alert AS a WHERE a.case_id = c.id AND a.since = c.since)"
        )
    if where.seen_at is not None:
        parts.append("c.changed_at <= :seen_at")
        values["seen_at"] = where.seen_at
    return " AND ".join(parts), values


def _order(where: CaseFilter) -> str:
    return "c.changed_at, c.id" if where.discarded else "c.since, c.id"


def _owners(owners: Mapping[str, str] | None) -> str:
    return to_json(dict(owners or {}))


def cases(
    connection: Connection,
    where: CaseFilter | None = None,
    *,
    owners: Mapping[str, str] | None = None,
    limit: int = 50,
    after: tuple[dt.datetime, int] | None = None,
) -> CasePage:
    """Cases, oldest first.

    :param owners: flow → the owner its file names, who has what nobody took.
    :param after: where the page before ended.
    """
    where = where or CaseFilter()
    conditions, values = _conditions(where)
    values["owners_of_flows"] = _owners(owners)
    # the time comes first: what changes between the two statements is shown, and not taken for seen
    total = connection.execute(
        text(
            f"SELECT count(*) AS n, statement_timestamp() AS at FROM (SELECT 1 FROM ledger.inbox_case AS c "  # noqa: S608 - constants
            f"WHERE {conditions} LIMIT {COUNT_LIMIT}) AS found"
        ),
        values,
    ).one()
    order = _order(where)
    paged = conditions
    if after is not None:
        paged += f" AND ({order}) > (CAST(:after_at AS timestamptz), CAST(:after_id AS bigint))"
        values |= {"after_at": after[0], "after_id": after[1]}
    rows = connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM (SELECT c.* FROM ledger.inbox_case AS c WHERE {paged} "  # noqa: S608 - constants
            f"ORDER BY {order} LIMIT :limit) AS c JOIN ledger.interchange AS i ON i.id = c.interchange_id ORDER BY {order}"
        ),
        {**values, "limit": limit + 1},
    ).all()
    found = [_case(row) for row in rows[:limit]]
    last = found[-1] if found else None
    place = None
    if last is not None and len(rows) > limit:
        place = (last.changed_at if where.discarded else last.since, last.id)
    return CasePage(cases=found, total=total.n, after=place, as_of=total.at)


def _case(row: Row[Any]) -> Case:
    plain = dict(row._mapping)
    return Case(**{**plain, "kind": CaseKind(row.kind), "state": CaseState(row.state)})


_BY_ID = text(
    f"""
    SELECT {_COLUMNS} FROM ledger.inbox_case AS c JOIN ledger.interchange AS i ON i.id = c.interchange_id
    WHERE c.id = ANY(CAST(:ids AS bigint[])) ORDER BY c.since, c.id
    """  # noqa: S608 - constants
)


def by_id(
    connection: Connection, ids: Sequence[int], *, owners: Mapping[str, str] | None = None
) -> list[Case]:
    """These cases, open or not, oldest first; ids that do not exist are left out."""
    rows = connection.execute(_BY_ID, {"ids": list(ids), "owners_of_flows": _owners(owners)})
    return [_case(row) for row in rows]


class Seen(msgspec.Struct, frozen=True):
    """A case as somebody saw it; without a version whatever it is now."""

    id: int
    version: int | None = None


def seen(
    connection: Connection, where: CaseFilter, *, owners: Mapping[str, str] | None = None, limit: int
) -> list[Seen]:
    """The cases that fit, oldest first, to be acted on."""
    conditions, values = _conditions(where)
    query = text(
        f"SELECT c.id, c.version FROM ledger.inbox_case AS c WHERE {conditions} "  # noqa: S608 - constants
        "ORDER BY c.since, c.id LIMIT :limit"
    )
    rows = connection.execute(query, {**values, "owners_of_flows": _owners(owners), "limit": limit})
    return [Seen(row.id, row.version) for row in rows]


def all_cases(
    where: CaseFilter, *, owners: Mapping[str, str] | None = None
) -> tuple[TextClause, dict[str, Any]]:
    """The statement that gives the ids of all cases that fit, in the order of :func:`cases`, and the values bound in it."""
    conditions, values = _conditions(where)
    order = _order(where)
    query = text(f"SELECT c.id FROM ledger.inbox_case AS c WHERE {conditions} ORDER BY {order}")  # noqa: S608 - constants
    return query, {**values, "owners_of_flows": _owners(owners)}


_VALUE = "CASE WHEN c.code = ANY(CAST(:by_value AS text[])) THEN c.value ELSE '' END"
_EXAMPLES = text("SELECT id, message FROM ledger.inbox_case WHERE id = ANY(CAST(:ids AS bigint[]))")


def groups(
    connection: Connection,
    where: CaseFilter | None = None,
    *,
    owners: Mapping[str, str] | None = None,
    limit: int = GROUPS,
) -> list[Group]:
    """The reasons of the open cases that fit, the most frequent first."""
    conditions, values = _conditions(where or CaseFilter())
    rows = connection.execute(
        text(
            f"""
            SELECT state, code, field, value, sum(n)::bigint AS n, min(oldest) AS oldest, min(first) AS first,
                (array_agg(flow ORDER BY flow))[1:20] AS flows, sum(unowned)::bigint AS unowned
            FROM (
                SELECT c.state, c.code, c.field, {_VALUE} AS value, c.flow, count(*) AS n, min(c.since) AS oldest,
                    min(c.id) AS first, count(*) FILTER (WHERE c.owner IS NULL) AS unowned
                FROM ledger.inbox_case AS c WHERE {conditions} GROUP BY 1, 2, 3, 4, 5
            ) AS by_flow
            GROUP BY 1, 2, 3, 4 ORDER BY n DESC, oldest, first LIMIT :limit
            """  # noqa: S608 - constants
        ),
        {**values, "owners_of_flows": _owners(owners), "by_value": sorted(BY_VALUE), "limit": limit},
    ).all()
    examples = {
        row.id: row.message for row in connection.execute(_EXAMPLES, {"ids": [row.first for row in rows]})
    }
    return [
        Group(
            reason=Reason(row.state, row.code, row.field, row.value),
            count=row.n,
            oldest=row.oldest,
            first=row.first,
            example=examples.get(row.first, ""),
            flows=list(row.flows),
            unowned=row.unowned,
        )
        for row in rows
    ]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many open cases there are by state, flow, partner and owner (``""``: nobody took them)."""

    states: dict[str, int]
    flows: dict[str, int]
    agreements: dict[str, int]
    owners: dict[str, int]


_COUNTS = text(
    """
    SELECT state, flow, agreement, coalesce(owner, '') AS owner, count(*) AS n FROM ledger.inbox_case AS c WHERE open
    GROUP BY 1, 2, 3, 4
    """
)


def counts(connection: Connection) -> Counts:
    """What there is to filter by."""
    found: dict[str, dict[str, int]] = {"state": {}, "flow": {}, "agreement": {}, "owner": {}}
    for row in connection.execute(_COUNTS):
        for name, tally in found.items():
            value = getattr(row, name)
            tally[value] = tally.get(value, 0) + row.n
    return Counts(
        states=found["state"],
        flows=dict(sorted(found["flow"].items())),
        agreements=dict(sorted(found["agreement"].items())),
        owners=dict(sorted(found["owner"].items())),
    )


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """The open cases that became too old: how many of each state, since when the oldest waits, and how many of them
    nobody took."""

    count: int
    states: dict[str, int]
    oldest: dt.datetime | None
    unowned: int


_ALERTS = text(
    """
    SELECT c.state, count(*) AS n, min(c.since) AS oldest, count(*) FILTER (WHERE c.owner IS NULL) AS unowned
    FROM ledger.inbox_case AS c
    WHERE c.open AND EXISTS (SELECT 1 FROM ledger.inbox_alert AS a WHERE a.case_id = c.id AND a.since = c.since)
    GROUP BY c.state
    """
)


def alerts(connection: Connection) -> Alerts:
    """For the banner of the pages."""
    rows = connection.execute(_ALERTS).all()
    return Alerts(
        count=sum(row.n for row in rows),
        states={row.state: row.n for row in rows},
        oldest=min((row.oldest for row in rows), default=None),
        unowned=sum(row.unowned for row in rows),
    )
