"""Brings master data (suppliers, items) into Tryton: created where Tryton has none, updated where it has another one, each
only where the agreement allows it.

Nothing is written blind and nothing needs a mark: a record is looked up by what identifies it and compared first, so that the
same document again, and one whose answer was lost, finds itself done. The newest record counts; the hub sends those of one
identity in their order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from connectors.tryton.bulk import Bulk
from connectors.tryton.found import Rejection
from orderhub.connector import LoadItem, Outcome, OutcomeState
from orderhub.errors import ConnectorError, OutcomeUnclear

log = logging.getLogger(__name__)

DocumentT_contra = TypeVar("DocumentT_contra", contravariant=True)
#: Whoever is second to create a record is refused, looks again and finds the first one's. A refusal or failure counts
#: when it comes twice.
_LOOKS = 2


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a record in Tryton has otherwise than a document: as values to write, and in words."""

    values: dict[str, Any]
    said: list[str]


class RecordKind(Protocol[DocumentT_contra]):
    """One kind of master data."""

    #: Its name in agreements, and the codes for a record that may not be created or updated.
    name: str
    unknown: str
    differs: str

    def look(self, documents: Sequence[DocumentT_contra]) -> None:
        """Read at once what Tryton has of these."""

    def found(self, document: DocumentT_contra) -> int | None:
        """The id of what ``look`` found for it; None when there is nothing.

        :raises Rejection: there are several.
        """

    def difference(self, document: DocumentT_contra, number: int) -> Difference:
        """What Tryton has otherwise.

        :raises Rejection: it cannot be made equal.
        """

    def create(self, document: DocumentT_contra) -> None:
        """Create it, in one request.

        :raises Rejection: Tryton cannot have it.
        """

    def write(self, document: DocumentT_contra, number: int, values: dict[str, Any]) -> None:
        """Make it equal, in one request."""


class RecordLoading:
    """Loads documents of one kind, which are all that it is given. ``batch_size``: records looked up per request."""

    def __init__(self, kind: RecordKind[Any], bulk: Bulk, *, batch_size: int) -> None:
        self._kind = kind
        self._bulk = bulk
        self._batch_size = batch_size

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """An outcome for each, in their order.

        :raises ConnectorUnavailable: Tryton cannot be reached, and nothing was written.
        """
        outcomes: dict[str, Outcome] = {}
        try:
            for batch in _batches(items, self._batch_size):
                self._load(batch, outcomes)
        except ConnectorError as error:
            written = any(outcome.state is OutcomeState.WRITTEN for outcome in outcomes.values())
            if not written and not isinstance(error, OutcomeUnclear):
                raise
            log.warning("tryton stopped in the middle of a load: %s", error)
            for item in items:
                unclear = Outcome(
                    key=item.key, state=OutcomeState.UNCLEAR, code=error.code, reason=error.what
                )
                outcomes.setdefault(item.key, unclear)
        return [outcomes[item.key] for item in items]

    def _load(self, batch: Sequence[LoadItem], outcomes: dict[str, Outcome]) -> None:
        def bringing(some: list[LoadItem]) -> None:
            outcomes.update((item.key, self._bring(item)) for item in some)

        left = list(batch)
        for _ in range(_LOOKS):
            self._kind.look([item.document for item in left])
            refused: list[LoadItem] = []
            for item in left:
                for _, error in self._bulk.apply([item], bringing):
                    outcomes[item.key] = _rejected(item, error.code, error.what)
                    refused.append(item)
            left = refused
            if not left:
                return

    def _bring(self, item: LoadItem) -> Outcome:
        kind, document = self._kind, item.document
        try:
            number = kind.found(document)
            if number is None:
                if kind.name not in item.creates:
                    raise Rejection(
                        kind.unknown,
                        f"Tryton has no {kind.name} {document.number!r}, and the agreement does not let one be created.",
                        "number",
                    )
                kind.create(document)
                return Outcome(key=item.key, state=OutcomeState.WRITTEN, reference=document.number)
            difference = kind.difference(document, number)
            if not difference.values:
                return Outcome(key=item.key, state=OutcomeState.UNCHANGED, reference=document.number)
            if kind.name not in item.updates:
                raise Rejection(
                    kind.differs,
                    f"Tryton has another {' and another '.join(difference.said)} for the {kind.name} "
                    f"{document.number!r}, and the agreement does not let it be updated.",
                )
            kind.write(document, number, difference.values)
        except Rejection as why:
            return _rejected(item, why.code, why.reason, why.field)
        return Outcome(key=item.key, state=OutcomeState.WRITTEN, reference=document.number)


def _rejected(item: LoadItem, code: str, reason: str, field: str | None = None) -> Outcome:
    return Outcome(key=item.key, state=OutcomeState.REJECTED, code=code, reason=reason, field=field)


def _batches(items: Sequence[LoadItem], size: int) -> list[list[LoadItem]]:
    """Batches in which no number stands twice, in order; the same key again is left out."""
    batches: list[list[LoadItem]] = [[]]
    numbers: set[str] = set()
    keys: set[str] = set()
    for item in items:
        if item.key in keys:
            continue
        keys.add(item.key)
        if item.document.number in numbers or len(batches[-1]) == size:
            batches.append([])
            numbers.clear()
        batches[-1].append(item)
        numbers.add(item.document.number)
    return batches
