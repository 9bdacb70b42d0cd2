"""Answers what the page of the intake's keys asks, and makes and ends keys. Blocking: called in worker threads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from orderhub.errors import ConfigError
from orderhub.flows.posting import endpoint_of, make_key
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import intake_keys
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.intake_keys import IntakeKey, KeyState

#: A key that ends within this time is shown as one that needs a successor.
SOON = dt.timedelta(days=14)


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key. ``state`` is a state of the ledger, or ``ending`` for a valid one that ends soon."""

    key: IntakeKey
    state: str

    @property
    def usable(self) -> bool:
        return self.state in (KeyState.VALID, "ending")


@dataclass(slots=True)
class KeyGroup:
    """The keys that lead to one flow: usable ones first, else the newest first. ``endpoint`` is the last part of the
    address, empty for a flow that takes no posts (any more); ``partner`` the name of its partner."""

    flow: str
    endpoint: str = ""
    partner: str = ""
    paused: bool = False
    keys: list[KeyView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """A key that was made now, with its text: shown this once. ``endpoint`` is as in :class:`KeyGroup`."""

    key: IntakeKey
    text: str
    endpoint: str


class Keys:
    """``flows`` say what can be posted to; without them the keys that there are can only be looked at and ended.
    ``titles`` gives the partners' names by agreement."""

    def __init__(
        self, engine: Engine, *, flows: FlowRegistry | None, titles: Callable[[], Mapping[str, str]]
    ) -> None:
        self._engine = engine
        self._flows = flows
        self._titles = titles

    def groups(self) -> list[KeyGroup]:
        """Every flow that takes posts, and every other that has keys, by name."""
        with transaction(self._engine) as connection:
            keys = intake_keys.listed(connection)
        titles = self._titles()
        found: dict[str, KeyGroup] = {}
        for flow in self._flows.flows() if self._flows is not None else ():
            if endpoint := endpoint_of(flow):
                partner = titles.get(flow.partner or "", flow.partner or "")
                found[flow.name] = KeyGroup(flow.name, endpoint, partner, flow.paused)
        now = dt.datetime.now(dt.UTC)
        for key in keys:
            found.setdefault(key.flow, KeyGroup(key.flow)).keys.append(KeyView(key, _state(key, now)))
        for group in found.values():
            group.keys.sort(key=lambda view: (not view.usable, -view.key.id))
        return sorted(found.values(), key=lambda group: group.flow)

    def make(self, flow: str, *, name: str, test: bool, days: int | None, actor: str) -> Made:
        """A new key for a flow.

        :raises ConfigError: there is no such flow, it takes no posts, or nobody can have a key for so long.
        """
        flows = self._flows
        if flows is None:
            raise ConfigError("There are no flow files here.", todo="Use `orderhub intake key new`.")

        def work(connection: Connection) -> tuple[IntakeKey, str]:
            return make_key(connection, flows, flow, name=name, test=test, days=days, actor=actor)

        key, text = retrying(self._engine, work)
        return Made(key, text, endpoint_of(flows.get(flow)))

    def revoke(self, public_id: str, *, actor: str, reason: str) -> None:
        """End a key at once. Raises :class:`orderhub.ledger.intake_keys.IntakeKeyUnknown`."""
        retrying(
            self._engine,
            lambda connection: intake_keys.revoke(connection, public_id, actor=actor, reason=reason),
        )


def _state(key: IntakeKey, now: dt.datetime) -> str:
    state = key.state(now)
    ends = state is KeyState.VALID and key.expires_at is not None and key.expires_at - now < SOON
    return "ending" if ends else state.value
