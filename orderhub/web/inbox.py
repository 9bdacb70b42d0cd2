"""Answers what the inbox's page and API ask, and does what they are told. Blocking: called in worker threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import export, inbox, inbox_actions, inbox_detail, inbox_senders
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.inbox import Alerts, CaseFilter, CasePage, CaseState, Counts, Group, Seen
from orderhub.ledger.inbox_actions import Acted
from orderhub.ledger.inbox_detail import CaseDetail
from orderhub.ledger.inbox_senders import UnknownSender
from orderhub.web.inbox_search import NOBODY, InboxSearch
from orderhub.web.reading import NotThere
from orderhub.web.views import Facet

#: What ``Inbox.act`` can do to many cases.
ACTIONS = ("take", "release", "assign", "retry", "discard", "restore")


@dataclass(slots=True)
class InboxView:
    """Everything the page shows."""

    page: CasePage
    groups: list[Group]
    alerts: Alerts
    senders: list[UnknownSender]
    facets: dict[str, list[Facet]] = field(default_factory=dict)


class Inbox:
    """Reads and acts. ``flows`` name the owners of what nobody took; ``wake`` starts a flow at once after a retry."""

    def __init__(
        self,
        engine: Engine,
        *,
        flows: FlowRegistry | None = None,
        wake: Callable[[str], None] | None = None,
    ) -> None:
        self._engine = engine
        self._flows = flows
        self._wake = wake

    def owners(self) -> dict[str, str]:
        """Flow → the owner that its file names."""
        return {flow.name: flow.owner for flow in self._flows.flows()} if self._flows else {}

    def view(self, search: InboxSearch) -> InboxView:
        owners = self.owners()
        with transaction(self._engine) as connection:
            page = inbox.cases(connection, search.where(), owners=owners, limit=search.size)
            return InboxView(
                page=page,
                groups=inbox.groups(connection, search.where(), owners=owners) if not search.view else [],
                alerts=inbox.alerts(connection),
                senders=inbox_senders.senders(connection),
                facets=_facets(search, inbox.counts(connection), owners),
            )

    def cases_csv(self, search: InboxSearch) -> Iterator[bytes]:
        """All cases that a search finds, in the list's order, as a file in pieces."""
        owners = self.owners()
        with transaction(self._engine) as connection:
            ids = export.ids_of(connection, *inbox.all_cases(search.where(), owners=owners))
        return export.cases_csv(self._engine, ids, owners)

    def cases(
        self, where: CaseFilter, *, limit: int, after: tuple[dt.datetime, int] | None
    ) -> tuple[CasePage, list[Group]]:
        """For the API: a page of cases, and on the first page their reasons."""
        owners = self.owners()
        with transaction(self._engine) as connection:
            page = inbox.cases(connection, where, owners=owners, limit=limit, after=after)
            groups = inbox.groups(connection, where, owners=owners) if after is None else []
        return page, groups

    def alerts(self) -> Alerts:
        with transaction(self._engine) as connection:
            return inbox.alerts(connection)

    def senders(self) -> list[UnknownSender]:
        with transaction(self._engine) as connection:
            return inbox_senders.senders(connection)

    def detail(self, case_id: int) -> CaseDetail:
        """Raises :class:`NotThere`."""
        with transaction(self._engine) as connection:
            found = inbox_detail.detail(connection, case_id, owners=self.owners())
        if found is None:
            raise NotThere(f"There is no case {case_id}.", todo="Look it up in the inbox.")
        return found

    def act(
        self,
        action: str,
        chosen: Sequence[Seen] | CaseFilter,
        *,
        actor: str,
        reason: str = "",
        owner: str = "",
    ) -> Acted:
        """Do one of ``ACTIONS`` to the cases, or to all that fit a filter.

        :raises LedgerError: it is not allowed, or nothing could be done because others were faster.
        """
        does: dict[str, Callable[[Connection, Sequence[Seen]], Acted]] = {
            "take": lambda c, seen: inbox_actions.take(c, seen, actor=actor),
            "assign": lambda c, seen: inbox_actions.assign(c, seen, actor=actor, owner=owner),
            "release": lambda c, seen: inbox_actions.release(c, seen, actor=actor),
            "retry": lambda c, seen: inbox_actions.retry(c, seen, actor=actor, reason=reason),
            "discard": lambda c, seen: inbox_actions.discard(c, seen, actor=actor, reason=reason),
            "restore": lambda c, seen: inbox_actions.restore(c, seen, actor=actor, reason=reason),
        }
        one = does[action]
        if isinstance(chosen, CaseFilter):
            acted = inbox_actions.for_all(self._engine, chosen, one, owners=self.owners())
        else:
            acted = retrying(self._engine, lambda connection: one(connection, chosen))
        return self._woken(acted.required())

    def note(self, case_id: int, *, actor: str, text: str) -> None:
        retrying(
            self._engine, lambda connection: inbox_actions.note(connection, case_id, actor=actor, text=text)
        ).required()

    def resolve(self, seen: Seen, *, there: bool, actor: str, reason: str, reference: str) -> Acted:
        """Decide an effect in doubt. Raises ``LedgerError``."""

        def act(connection: Connection) -> Acted:
            return inbox_actions.resolve(
                connection, seen, there=there, actor=actor, reason=reason, reference=reference
            )

        return self._woken(retrying(self._engine, act).required())

    def retry_file(self, interchange_id: int, *, actor: str, reason: str) -> Acted:
        """Translate a whole file again. Raises ``LedgerError``."""
        return self._woken(
            retrying(
                self._engine,
                lambda connection: inbox_actions.retry_file(
                    connection, interchange_id, actor=actor, reason=reason
                ),
            )
        )

    def _woken(self, acted: Acted) -> Acted:
        if self._wake is not None:
            for flow in acted.flows:
                self._wake(flow)
        return acted


def _facets(search: InboxSearch, counts: Counts, owners: dict[str, str]) -> dict[str, list[Facet]]:
    def facets(tally: dict[str, int], chosen: Sequence[str]) -> list[Facet]:
        names = {name for name in tally if name} | set(chosen)
        return [Facet(name, tally.get(name, 0), name in chosen) for name in sorted(names, key=str.casefold)]

    # what nobody took counts for the owner of its flow, too; the list of names holds those who could be asked for
    whose = {name: count for name, count in counts.owners.items() if name}
    for owner in owners.values():
        whose.setdefault(owner, 0)
    mine = [Facet(NOBODY, counts.owners.get("", 0), NOBODY in search.owner)]
    return {
        "state": [
            Facet(state.value, counts.states.get(state.value, 0), state.value in search.state)
            for state in CaseState
        ],
        "flow": facets(counts.flows, search.flow),
        "partner": facets(counts.agreements, search.partner),
        "owner": mine
        + [
            Facet(one.value, one.count or None, one.selected)
            for one in facets(whose, tuple(name for name in search.owner if name != NOBODY))
        ],
    }
