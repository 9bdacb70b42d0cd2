"""The actions of people, done on the ledger: each in one transaction with its audit row."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, Engine

from orderhub.ledger import documents
from orderhub.ledger.engine import retrying
from orderhub.web.ports import User


class LedgerActions:
    """:class:`orderhub.web.ports.Actions` on the ledger.

    ``wake`` is called with the document's id after the commit, to start the flow at once; without it the next run
    picks the document up. The ledger's functions write the audit row in the same transaction.
    """

    def __init__(self, engine: Engine, *, wake: Callable[[int], None] | None = None) -> None:
        self._engine = engine
        self._wake = wake

    def retry(self, document_id: int, *, user: User, reason: str) -> None:
        def act(connection: Connection) -> None:
            documents.retry(connection, [document_id], actor=user.id, reason=reason)

        retrying(self._engine, act)
        if self._wake is not None:
            self._wake(document_id)

    def discard(self, document_id: int, *, user: User, reason: str) -> None:

        def act(connection: Connection) -> None:
            documents.discard(connection, [document_id], actor=user.id, reason=reason)

        retrying(self._engine, act)
