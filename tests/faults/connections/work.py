"""The hub at work while connections break: its real ledger, its real stages, and the time between two attempts left out."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from faults.connections.account import Account
from hub_harness import Hub, ProjectFolders, hub
from servers.line import Line
from sqlalchemy import text

from orderhub.connector import Credentials
from orderhub.errors import ConnectorError, LedgerUnavailable
from orderhub.flows.runner import start_run
from orderhub.pull import pull
from orderhub.stage import AcknowledgeStep, PullStep, Target

#: A partner's connection that is to be tried again by the next run and not within this one.
HTTP = {"timeout_seconds": 10, "retry": {"attempts": 1}, "breaker": {"failures": 1000, "rest_seconds": 0}}
#: Rounds without any disturbance in which all work must come to its end.
CALM = 12
_PENDING = "SELECT id FROM ledger.outbox WHERE unclear OR state = 'in_doubt'"
_OPEN = """
    SELECT (SELECT count(*) FROM ledger.interchange WHERE state = 'received' OR settled_at IS NULL)
         + (SELECT count(*) FROM ledger.document WHERE state NOT IN ('loaded', 'duplicate', 'superseded'))
         + (SELECT count(*) FROM ledger.reply_sending WHERE state <> 'sent') AS n
"""

Disturbance = AbstractContextManager[object]


@dataclass(frozen=True)
class Place:
    """Where a run works: a database and a folder of its own, and the project's mappings with those of the trial."""

    database: str
    folder: Path
    mappings: Path


@contextmanager
def at_work(
    place: Place,
    flow: str,
    connections: Mapping[str, Credentials],
    *,
    source: PullStep | None = None,
    target: Target | None = None,
    answers: bool = False,
    flows: Path | None = None,
) -> Iterator[Hub]:
    """The hub with one flow, whose source or only target is another one; without answers to the partner unless asked."""
    folders = {"mappings_folder": place.mappings} | ({"flows_folder": flows} if flows else {})
    with hub(
        flow,
        place.database,
        place.folder,
        folders=ProjectFolders(**folders),
        connections=connections.get,
    ) as at:
        changes: dict[str, Any] = {}
        if source is not None:
            changes["pull"] = source
        if target is not None:
            changes["load"] = (target,)
        if not answers:
            changes["acknowledge"] = AcknowledgeStep(technical="none", business="none")
        at.flow = msgspec.structs.replace(at.flow, **changes)
        yield at


def deliver(at: Hub, account: Account, disturbances: Sequence[Disturbance]) -> None:
    """Run the flow under each disturbance, then without any until nothing is left to do."""
    for disturbance in [*disturbances, *(contextlib.nullcontext() for _ in range(CALM))]:
        unclear = _ids(at, _PENDING)
        with disturbance:
            problems = _run(at)
        account.wrong += [problem for problem in problems if "broke off with" in problem]
        account.looked_up += len(unclear - _ids(at, "SELECT id FROM ledger.outbox WHERE state <> 'done'"))
        if isinstance(disturbance, contextlib.nullcontext) and not at.rows(_OPEN)[0]["n"]:
            return
        _time_passes(at)
    left = at.rows("SELECT number, state FROM ledger.document WHERE state <> 'superseded' ORDER BY id")
    account.wrong.append(f"work is left undone: {left}; the last run said {problems}")


def _run(at: Hub) -> list[str]:
    """The problems of a run; a ledger that is away when a run begins or ends is one more."""
    try:
        return at.run().problems
    except LedgerUnavailable as error:
        return [str(error)]


def fetch(
    at: Hub,
    account: Account,
    disturbances: Sequence[Disturbance],
    *,
    arrive: Callable[[], object] = lambda: None,
) -> None:
    """Pull under each disturbance, then without any until everything is settled. The first undisturbed pull may still meet a
    session that was ended before; the last one must go through.

    :param arrive: called before each pull under a disturbance: more arrives.
    """
    for disturbance in disturbances:
        arrive()
        with disturbance:
            _pull(at, account)
    for _ in range(2):
        _pull(at, account)
    _pull(at, account, last=True)
    unsettled = at.rows("SELECT name FROM ledger.interchange WHERE settled_at IS NULL")
    account.wrong += [f"{row['name']} was never settled" for row in unsettled]


def _pull(at: Hub, account: Account, *, last: bool = False) -> None:
    try:
        pull(at.ctx, at.flow, start_run(at.ctx, at.flow))
    except ConnectorError as error:
        if last or not error.retryable:
            account.wrong.append(f"a pull ended with {error!r}")


def archived(at: Hub) -> list[bytes]:
    """The content of every interchange in the ledger."""
    rows = at.rows("SELECT archive_key FROM ledger.interchange WHERE archive_key IS NOT NULL ORDER BY id")
    return [at.ctx.archive.read(row["archive_key"]) for row in rows]


def records(at: Hub) -> list[dict[str, Any]]:
    """The records of all interchanges that are JSON arrays."""
    return [record for data in archived(at) for record in json.loads(data)]


def numbers_by_key(at: Hub) -> dict[str, str]:
    """The order's number by the hub's idempotency key."""
    rows = at.rows(
        "SELECT o.idempotency_key, d.number FROM ledger.outbox o JOIN ledger.document d ON d.id = o.document_id"
    )
    return {row["idempotency_key"]: row["number"] for row in rows}


def cut(line: Line, account: Account, request: int, **how: Any) -> Disturbance:
    """The line is cut at this request, and it is counted when there was one."""

    @contextmanager
    def at_request() -> Iterator[None]:
        with line.cut(request, **how) as failure:
            yield
        account.disturbances += failure.happened

    return at_request()


def shop_orders(chance: random.Random, seed: int, count: int, *, prefix: str = "T") -> list[dict[str, Any]]:
    """Orders of the web shop (mapping json_orders__purchase_order)."""
    items = (("4019999011016", "0.12"), ("4019999011023", "0.215"), ("4019999011030", "0.035"))
    return [
        {
            "orderNo": f"{prefix}{seed}-{number}",
            "orderedAt": "2026-11-02",
            "currency": "EUR",
            "customer": {"gln": "4299999001099", "name": "Fjord Shop AS"},
            "vendor": {"gln": "4019999010002", "id": "17300001", "name": "Nordwerk Schrauben GmbH"},
            "delivery": {"requestedOn": "2026-12-01"},
            "items": [
                {
                    "line": line,
                    "gtin": gtin,
                    "qty": chance.randint(1, 90),
                    "unit": "PCE",
                    "price": {"net": net},
                }
                for line, (gtin, net) in enumerate(items[: chance.randint(1, 3)], 1)
            ],
        }
        for number in range(count)
    ]


def drop_orders(at: Hub, chance: random.Random, orders: Sequence[dict[str, Any]]) -> list[str]:
    """Drop the orders as two files, one of them also in both; gives their numbers."""
    middle = len(orders) // 2
    for name, part in (
        ("first.json", orders[:middle]),
        ("second.json", [*orders[middle:], chance.choice(orders[:middle])]),
    ):
        at.drop(json.dumps(part).encode(), name)
    return [order["orderNo"] for order in orders]


def _ids(at: Hub, query: str) -> set[int]:
    return {row["id"] for row in at.rows(query)}


_PAST = tuple(
    text(f"UPDATE ledger.{table} SET {column} = clock_timestamp() WHERE {column} > clock_timestamp()")  # noqa: S608 - constants
    for column, tables in (
        ("next_attempt_at", ("outbox", "reply_sending")),
        ("lease_until", ("outbox", "reply_sending", "batch", "interchange")),
    )
    for table in tables
)


def _time_passes(at: Hub) -> None:
    """As if every pause before the next attempt, and every lease that a failure left, were over."""
    with at.ctx.ledger.begin() as connection:
        for statement in _PAST:
            connection.execute(statement)
