"""Brings purchase orders into Tryton as confirmed purchases, each once in effect.

Once in effect, though Tryton has no unique field for it: the harmless part (a draft that carries the hub's marks) comes
first, then everybody looks again, one draft is kept, the others are dropped while they are drafts, and only the kept one
is quoted and confirmed. Why this is safe: of two loaders at least one sees both drafts, both choose the same one, and to
go on with it the other one must be deleted first; deleting and quoting one row exclude each other in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.tryton.bulk import Bulk
from connectors.tryton.client import TrytonClient, TrytonRefusal
from connectors.tryton.creation import create_missing
from connectors.tryton.found import Rejection, Row
from connectors.tryton.master_data import MasterData
from connectors.tryton.purchases import (
    FIELDS,
    LINE_FIELDS,
    Purchase,
    best,
    description_of,
    differences,
    key_line,
    one_line,
    purchase_of,
    values_of,
)
from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.documents import PurchaseOrder
from orderhub.errors import ConnectorError, ConnectorUnavailable, OutcomeUnclear

log = logging.getLogger(__name__)

_MODEL = "model.purchase.purchase"
#: Looks at one batch before giving up; three are enough when nobody interferes.
_LOOKS = 12
#: A refusal counts when it comes twice on the same state: in between somebody else may have changed it. A failure of the
#: server is given one more try.
_REFUSALS = 2
_FAULTS = 3
#: Keys per search by key, which has no index to use.
_KEYS = 25


class _Open(msgspec.Struct, kw_only=True):
    """A document on its way through one call."""

    item: LoadItem
    order: PurchaseOrder
    acted: bool = False
    refusals: int = 0
    faults: int = 0
    outcome: Outcome | None = None

    def settle(self, state: OutcomeState, **more: Any) -> None:
        self.outcome = Outcome(key=self.item.key, state=state, **more)

    def reject(self, code: str, reason: str, field: str | None = None, reference: str | None = None) -> None:
        self.settle(OutcomeState.REJECTED, code=code, reason=reason, field=field, reference=reference)


class PurchaseLoading:
    """Loads orders over one session. ``batch_size``: purchases per request."""

    def __init__(self, client: TrytonClient, master: MasterData, *, batch_size: int) -> None:
        self._client = client
        self._master = master
        self._batch_size = batch_size
        self._bulk = Bulk(client, master)

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Bring every order into Tryton as one confirmed purchase.

        :raises ConnectorUnavailable: Tryton cannot be reached; there may be drafts, which a later call goes on with.
        :raises ConnectorRefused: the connection's user, rights, database or company are wrong.
        """
        settled: dict[str, Outcome] = {}
        rounds: list[dict[str, _Open]] = []
        placed: set[str] = set()
        for item in items:
            order = item.document
            if not isinstance(order, PurchaseOrder):
                raise TypeError(f"a {order.document_name} is no purchase order")
            problem = _unfit(item, order)
            if problem is not None:
                settled[item.key] = problem
            elif item.key not in placed:
                placed.add(item.key)
                self._place(rounds, _Open(item=item, order=order))
        begun = False
        for index, chunk in enumerate(rounds):
            entries = list(chunk.values())
            try:
                self._bring(entries)
            except (ConnectorUnavailable, OutcomeUnclear) as error:
                ordered = begun or any(entry.acted for entry in entries)
                if isinstance(error, ConnectorUnavailable) and not ordered:
                    raise
                self._unclear([entry for later in rounds[index:] for entry in later.values()], error)
                break
            except ConnectorError:
                if not begun and not any(entry.acted for entry in entries):
                    raise
                log.exception("tryton stopped in the middle of a load")
                self._unclear(
                    [entry for later in rounds[index:] for entry in later.values()],
                    ConnectorUnavailable("Tryton stopped in the middle of the load.", todo="See the log."),
                )
                break
            begun = True
        settled |= {
            key: entry.outcome
            for chunk in rounds
            for key, entry in ((entry.item.key, entry) for entry in chunk.values())
            if entry.outcome is not None
        }
        return [settled[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """Which of these keys are confirmed purchases; drafts and quotations are none yet, ``load`` goes on with them."""
        found: dict[str, list[Purchase]] = {}
        wanted = {one_line(key): key for key in keys if one_line(key)}
        names = sorted(wanted)
        for start in range(0, len(names), _KEYS):
            clauses = [
                [["comment", "like", f"%{_literal(key_line(name))}"]] for name in names[start : start + _KEYS]
            ]
            for purchase in self._search(["OR", *clauses]):
                if purchase.key in wanted:
                    found.setdefault(wanted[purchase.key], []).append(purchase)
        outcomes: dict[str, Outcome] = {}
        for key, purchases in found.items():
            kept = best(purchases)
            if kept.ordered:
                outcomes[key] = Outcome(key=key, state=OutcomeState.UNCHANGED, reference=kept.reference)
            elif kept.state == "cancelled":
                outcomes[key] = _cancelled(key, kept)
        return outcomes

    def _write(self, method: str, *params: Any) -> Any:
        return self._client.call(f"{_MODEL}.{method}", *params, self._master.context(), effect=True)

    def _search(self, domain: list[Any]) -> list[Purchase]:
        context = self._master.context()
        everywhere = [["company", "=", context["company"]], domain]
        order = [["id", "ASC"]]
        rows: list[Row] = self._client.call(
            f"{_MODEL}.search_read", everywhere, 0, None, order, FIELDS, context, effect=False
        )
        return [purchase for row in rows if (purchase := purchase_of(row)) is not None]

    def _place(self, rounds: list[dict[str, _Open]], entry: _Open) -> None:
        """Into the first batch with room, but two documents of one identity never into the same."""
        identity = one_line(entry.item.identity)
        earliest = 1 + max((i for i, chunk in enumerate(rounds) if identity in chunk), default=-1)
        for chunk in rounds[max(earliest, len(rounds) - 1) :]:
            if len(chunk) < self._batch_size:
                chunk[identity] = entry
                return
        rounds.append({identity: entry})

    def _bring(self, entries: list[_Open]) -> None:
        """Look, take the next step for each, look again, until every one has an outcome."""
        for _ in range(_LOOKS):
            left = [entry for entry in entries if entry.outcome is None]
            if not left:
                return
            drop: list[Purchase] = []
            missing: list[_Open] = []
            drafts: list[tuple[_Open, Purchase]] = []
            quoted: list[tuple[_Open, Purchase]] = []
            others: list[tuple[_Open, Purchase]] = []
            groups = self._groups(left)
            for entry in left:
                group = groups.get(one_line(entry.item.identity), [])
                if not group:
                    missing.append(entry)
                    continue
                kept = best(group)
                drop += [purchase for purchase in group if purchase is not kept and purchase.state == "draft"]
                if kept.key != one_line(entry.item.key):
                    others.append((entry, kept))
                elif kept.ordered:
                    state = OutcomeState.WRITTEN if entry.acted else OutcomeState.UNCHANGED
                    entry.settle(state, reference=kept.reference)
                elif kept.state == "cancelled":
                    entry.outcome = _cancelled(entry.item.key, kept)
                else:
                    (drafts if kept.state == "draft" else quoted).append((entry, kept))
            self._drop(drop)
            self._create(missing)
            for entry, kept in self._compare(others):
                (drafts if kept.state == "draft" else quoted).append((entry, kept))
            quoted += self._step("quote", drafts)
            self._step("confirm", quoted)
        for entry in entries:
            if entry.outcome is None:
                reason = "others kept changing the purchase at the same time"
                entry.settle(OutcomeState.UNCLEAR, code="TRYTON_CONTENDED", reason=reason)

    def _groups(self, entries: list[_Open]) -> dict[str, list[Purchase]]:
        descriptions = [description_of(entry.item.identity) for entry in entries]
        groups: dict[str, list[Purchase]] = {}
        for purchase in self._search([["description", "in", descriptions]]):
            groups.setdefault(purchase.identity, []).append(purchase)
        return groups

    def _drop(self, purchases: list[Purchase]) -> None:
        """Delete drafts that are not kept. One that another loader has just taken further stays, and is seen next time."""
        if purchases:
            self._bulk.apply([purchase.id for purchase in purchases], lambda ids: self._write("delete", ids))

    def _create(self, entries: list[_Open]) -> None:
        prepared = self._values(entries)
        failed = self._bulk.apply(
            prepared, lambda some: self._write("create", [values for _, values in some])
        )
        for (entry, _), error in failed:
            self._strike(entry, error)
        if failed:
            self._master.forget()  # an id that was kept may be the reason

    def _values(self, entries: list[_Open]) -> list[tuple[_Open, dict[str, Any]]]:
        """The values of every order that Tryton can take; the others are rejected, after looking them up afresh."""
        prepared: list[tuple[_Open, dict[str, Any]]] = []
        if entries:
            self._master.prepare([entry.order for entry in entries])
            creating = [(entry.item, entry.order) for entry in entries if entry.item.creates]
            if creating:
                create_missing(self._client, self._master, creating)
        for entry in entries:
            try:
                prepared.append((entry, values_of(entry.item, entry.order, self._master)))
            except Rejection as why:
                entry.reject(why.code, why.reason, why.field)
        return prepared

    def _compare(self, pairs: list[tuple[_Open, Purchase]]) -> list[tuple[_Open, Purchase]]:
        """The order is there by another document of the hub, or its key was edited away. Other content is reported and
        not sent; the same content is no change, or, where it is not confirmed yet, is given back to be taken further."""
        if not pairs:
            return []
        rows: list[Row] = self._client.call(
            "model.purchase.line.search_read",
            [["purchase", "in", [kept.id for _, kept in pairs]], ["type", "=", "line"]],
            *(0, None, [["sequence", "ASC NULLS FIRST"], ["id", "ASC"]], LINE_FIELDS, self._master.context()),
            effect=False,
        )
        kept_of = {entry.item.key: kept for entry, kept in pairs}
        further: list[tuple[_Open, Purchase]] = []
        for entry, values in self._values([entry for entry, _ in pairs]):
            kept = kept_of[entry.item.key]
            found = differences(kept, [row for row in rows if row["purchase"] == kept.id], values)
            if not found and kept.ordered:
                state = OutcomeState.WRITTEN if entry.acted else OutcomeState.UNCHANGED
                entry.settle(state, reference=kept.reference)
            elif not found and kept.state != "cancelled":
                further.append((entry, kept))
            else:
                what = "; ".join(found[:10]) or "it was cancelled there"
                entry.reject(
                    "TRYTON_ORDER_EXISTS",
                    f"Tryton has this order already as purchase {kept.reference} ({kept.state}), from another "
                    f"document: {what}. Change the purchase in Tryton if this document is the right one.",
                    reference=kept.reference,
                )
        return further

    def _step(self, button: str, pairs: list[tuple[_Open, Purchase]]) -> list[tuple[_Open, Purchase]]:
        """Press a button on purchases; gives those on which it was pressed."""
        if button == "confirm":
            for entry, _ in pairs:
                entry.acted = True  # from here on there may be an effect
        failed = self._bulk.apply(pairs, lambda some: self._write(button, [kept.id for _, kept in some]))
        failures = {pair[1].id: error for pair, error in failed}
        for entry, kept in pairs:
            if kept.id in failures:
                self._strike(entry, failures[kept.id], kept)
        return [pair for pair in pairs if pair[1].id not in failures]

    def _strike(self, entry: _Open, error: ConnectorError, kept: Purchase | None = None) -> None:
        """A failure that concerns one document only. It may be another loader's doing, so it must repeat itself."""
        if isinstance(error, TrytonRefusal):
            entry.refusals += 1
            again = entry.refusals < _REFUSALS
            code = "TRYTON_REFUSED"
        else:
            entry.faults += 1
            again = entry.faults < _FAULTS
            code = "TRYTON_FAULT"
        if again:
            return
        left = ""
        if kept is not None and kept.state == "draft":
            self._drop([kept])
        elif kept is not None:
            left = f" It is left in Tryton as quotation {kept.reference}."
        entry.reject(code, f"{error.what}{left}", reference=kept.number if kept is not None else None)

    def _unclear(self, entries: list[_Open], error: ConnectorError) -> None:
        for entry in entries:
            if entry.outcome is None:
                entry.settle(OutcomeState.UNCLEAR, code=error.code, reason=error.what)


def _unfit(item: LoadItem, order: PurchaseOrder) -> Outcome | None:
    """The rejection of an order that this connector does not load."""
    if order.function != "original":
        return Outcome(
            key=item.key,
            state=OutcomeState.REJECTED,
            code="TRYTON_FUNCTION_UNSUPPORTED",
            reason=f"An order with the function {order.function!r} is not sent to Tryton; do it there by hand.",
            field="function",
        )
    return None


def _cancelled(key: str, purchase: Purchase) -> Outcome:
    return Outcome(
        key=key,
        state=OutcomeState.REJECTED,
        code="TRYTON_ORDER_CANCELLED",
        reason=f"Purchase {purchase.reference} of this order was cancelled in Tryton; set it back to draft there to order.",
        reference=purchase.reference,
    )


def _literal(text: str) -> str:
    """A text for LIKE that stands for itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
