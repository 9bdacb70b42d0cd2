"""One call for many records, taken apart when Tryton refuses it for some of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from connectors.tryton.client import TrytonClient, TrytonFault, TrytonRefusal
from connectors.tryton.master_data import MasterData
from orderhub.errors import ConnectorUnavailable

T = TypeVar("T")


class Bulk:
    """Calls over one session."""

    def __init__(self, client: TrytonClient, master: MasterData) -> None:
        self._client = client
        self._master = master

    def apply(
        self, some: list[T], call: Callable[[list[T]], object]
    ) -> list[tuple[T, TrytonRefusal | TrytonFault]]:
        """One call for all; when Tryton refuses it, halves, down to the ones that it refuses by themselves, which are given
        back with the reason.

        :raises ConnectorUnavailable: the server fails for everything.
        """
        if not some:
            return []
        try:
            call(some)
        except (TrytonRefusal, TrytonFault) as error:
            if isinstance(error, TrytonFault):
                self._still_there()
            if len(some) == 1:
                return [(some[0], error)]
        else:
            return []
        middle = len(some) // 2
        return self.apply(some[:middle], call) + self.apply(some[middle:], call)

    def _still_there(self) -> None:
        """A server that fails because its database is away fails for everything: then nobody is to blame.

        :raises ConnectorUnavailable: when a plain look fails as well.
        """
        try:
            self._client.call(
                "model.purchase.purchase.search",
                *([["id", "=", -1]], 0, 1, None, self._master.context()),
                effect=False,
            )
        except TrytonFault as error:
            raise ConnectorUnavailable(error.what, todo=error.todo) from error
