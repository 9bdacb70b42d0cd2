"""What the interface and Purchasing say of an order, and what that means for the hub.

Source: Oracle Manufacturing APIs and Open Interfaces Manual, Purchasing Documents Open Interface: the import sets PROCESS_CODE to
ACCEPTED or REJECTED, enters the order it made as PO_HEADER_ID, and for every value that it refuses writes a row into
PO_INTERFACE_ERRORS with the ids of header and line, TABLE_NAME, COLUMN_NAME and ERROR_MESSAGE.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from connectors.oracle_ebs.interface import ACCEPTED, REJECTED, Interface, pieces
from connectors.oracle_ebs.rows import field_of
from orderhub.connector import Outcome, OutcomeState

#: The order is in the interface and not settled.
IMPORT_PENDING = "EBS_IMPORT_PENDING"
_ERRORS_TOLD = 5


class Fault(msgspec.Struct, frozen=True):
    """One error of the import; ``line`` is the place of the line from 0, None for the header."""

    line: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        place = f"line {self.line + 1}, " if self.line is not None else ""
        return f"{place}{self.column or 'no column'}: {self.message}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One row that carries the hub's marks. ``header_id`` is None when the interface has forgotten it, ``number`` is that of
    the purchase order, None when there is none (any more)."""

    key: str | None
    identity: str | None
    header_id: int | None
    process_code: str | None
    number: str | None
    cancelled: bool

    @property
    def refused(self) -> bool:
        return self.process_code == REJECTED

    @property
    def _rank(self) -> tuple[int, bool, int]:
        # of orders the one that the interface names, else the first; of refusals the last
        header = self.header_id or 0
        kind = 0 if self.number else 1 if not self.refused else 2
        return kind, self.header_id is None, -header if self.refused else header


def best(standings: Iterable[Standing]) -> Standing:
    """The one that counts of several: an order, else what may become one, else the last refusal."""
    return min(standings, key=lambda one: one._rank)


def read(
    connection: sa.Connection, interface: Interface, keys: Collection[str], identities: Collection[str] = ()
) -> list[Standing]:
    """All rows with one of these keys, or one of these identities. The interface is asked first: should the import finish
    meanwhile, it stands in both."""
    found = []
    for piece in pieces(sorted(keys)):
        for statement in (interface.in_interface(piece, identities), interface.in_orders(piece, identities)):
            found += [
                Standing(
                    key=row.key,
                    identity=row.identity,
                    header_id=None if row.interface_header_id is None else int(row.interface_header_id),
                    process_code=row.process_code,
                    number=row.number,
                    cancelled=row.cancel_flag == "Y",
                )
                for row in connection.execute(statement)
            ]
    return found


def faults_of(
    connection: sa.Connection, interface: Interface, standings: Sequence[Standing]
) -> dict[int, list[Fault]]:
    """The errors of settled headers, by their ids: of refused ones, and of refused lines of one that was taken."""
    settled = [
        one.header_id for one in standings if one.header_id and one.process_code in (ACCEPTED, REJECTED)
    ]
    if not settled:
        return {}
    places: dict[int, int] = {}
    counted: dict[int, int] = {}
    wanted = {one.header_id for one in standings if one.refused}
    for row in connection.execute(interface.lines_of(settled)):
        places[row.interface_line_id] = counted.setdefault(row.interface_header_id, 0)
        counted[row.interface_header_id] += 1
        if row.process_code == REJECTED:
            wanted.add(row.interface_header_id)
    faults: dict[int, list[Fault]] = {header: [] for header in wanted if header is not None}
    for row in connection.execute(interface.errors_of(list(faults))) if faults else ():
        line = places.get(row.interface_line_id)
        faults[row.interface_header_id].append(
            Fault(line, row.column_name, (row.error_message or "").strip().rstrip("."))
        )
    return faults


def outcome_of(key: str, standing: Standing, faults: Sequence[Fault] | None) -> Outcome:
    """``unchanged`` is an order in Purchasing; ``unclear`` one that the import has not settled; ``rejected`` says what people
    have to do. ``faults`` is None where nothing was refused."""
    told = "; ".join(map(str, faults[:_ERRORS_TOLD])) if faults else "no error is written down"
    number = standing.number

    def said(code: str, reason: str, state: OutcomeState = OutcomeState.REJECTED, **more: Any) -> Outcome:
        return Outcome(key=key, state=state, code=code, reason=reason, reference=number, **more)

    if standing.refused:
        field = next((found for one in faults or () if (found := field_of(one.column, one.line))), None)
        return said("EBS_IMPORT_REFUSED", f"The import refused the order: {told}.", field=field)
    if standing.process_code != ACCEPTED:
        reason = (
            f"The order is in the interface (PO_HEADERS_INTERFACE {standing.header_id}, "
            f"{standing.process_code or 'without a status'}); the import has not settled it yet."
        )
        return said(IMPORT_PENDING, reason, OutcomeState.UNCLEAR)
    if number is None:
        return said(
            "EBS_ORDER_GONE", "The order was imported, and Purchasing has it no more: it was deleted there."
        )
    if standing.cancelled:
        return said("EBS_ORDER_CANCELLED", f"Purchase order {number} was cancelled in Purchasing.")
    if faults is not None:
        reason = f"Purchase order {number} was made without some of its lines: {told}. Add them there, or cancel it."
        return said("EBS_LINES_REFUSED", reason)
    return Outcome(key=key, state=OutcomeState.UNCHANGED, reference=number)


def exists(key: str, standing: Standing) -> Outcome:
    """The order is there, or on its way, by another document of the hub."""
    where = f"as purchase order {standing.number}" if standing.number else "in the interface"
    return Outcome(
        key=key,
        state=OutcomeState.REJECTED,
        code="EBS_ORDER_EXISTS",
        reason=f"This order is there already {where}, by another document ({standing.key}). Change it there.",
        reference=standing.number,
    )
