"""A batch in halves: a document that the warehouse refuses by itself does not stop the others of its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.errors import ConnectorUnavailable, OutcomeUnclear


class Refused(Exception):
    """The warehouse refused the content of a batch, and nothing of it was kept. The text says why, without a full stop."""


def in_halves(items: Sequence[LoadItem], write: Callable[[list[LoadItem]], list[Outcome]]) -> list[Outcome]:
    """Write a batch, or what of it can be written; one outcome per item, in order.

    :param write: writes a batch whole or not at all. It raises ``Refused`` for its content, ``ConnectorUnavailable`` when
        nothing was written, ``OutcomeUnclear`` when nobody can say; what else it raises, this raises as well.
    :raises ConnectorUnavailable: when nothing of the batch was written.
    """
    outcomes: dict[int, Outcome] = {}
    waiting = [list(range(len(items)))] if items else []
    while waiting:
        part = waiting.pop()
        try:
            outcomes.update(zip(part, write([items[index] for index in part]), strict=True))
        except Refused as error:
            if len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
            else:
                outcomes[part[0]] = Outcome(
                    key=items[part[0]].key,
                    state=OutcomeState.REJECTED,
                    code="WAREHOUSE_REFUSED",
                    reason=f"The warehouse's database refused the document: {error}.",
                )
        except (ConnectorUnavailable, OutcomeUnclear) as error:
            if isinstance(error, ConnectorUnavailable) and not _anything_written(outcomes):
                raise
            for index in part + [index for other in waiting for index in other]:
                outcomes[index] = Outcome(
                    key=items[index].key, state=OutcomeState.UNCLEAR, code=error.code, reason=error.what
                )
            break
    return [outcomes[index] for index in range(len(items))]


def _anything_written(outcomes: dict[int, Outcome]) -> bool:
    return any(outcome.state is OutcomeState.WRITTEN for outcome in outcomes.values())
