"""Control numbers of what the hub sends: unique and without a gap per own identifier, partner, standard and environment.

A number is taken in the transaction that stores what carries it. The counter is a row, not a sequence: a transaction that
rolls back gives its number back, and the next one waits for it. Lock order: the interchange's acknowledgement first, then
counters in the order of their ways.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from sqlalchemy import Connection, text

from orderhub.ledger.codec import clean
from orderhub.ledger.states import Environment


class Way(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """From whom to whom a counter counts. A qualifier that an envelope leaves out is the empty text."""

    own_id: str
    own_qualifier: str
    partner_id: str
    partner_qualifier: str
    standard: Literal["edifact", "x12"]
    environment: Environment

    def values(self) -> dict[str, str]:
        """The columns that every table with a way has."""
        return {
            "own_id": clean(self.own_id),
            "own_qualifier": clean(self.own_qualifier),
            "partner_id": clean(self.partner_id),
            "partner_qualifier": clean(self.partner_qualifier),
            "standard": self.standard,
            "environment": self.environment.value,
        }


# The insert comes first and only then the count, so that the first two takers of a new way are told apart by the constraint.
_BEGIN = text(
    """
    INSERT INTO ledger.control_number (own_id, own_qualifier, partner_id, partner_qualifier, standard, environment)
    VALUES (:own_id, :own_qualifier, :partner_id, :partner_qualifier, :standard, :environment)
    ON CONFLICT DO NOTHING
    """
)
_NEXT = text(
    """
    UPDATE ledger.control_number SET last = last + 1, updated_at = clock_timestamp()
    WHERE own_id = :own_id AND own_qualifier = :own_qualifier AND partner_id = :partner_id
      AND partner_qualifier = :partner_qualifier AND standard = :standard AND environment = :environment
    RETURNING last
    """
)


def take(connection: Connection, way: Way) -> int:
    """The next number of a way, from 1. Others that want one wait until this transaction ends; when it rolls back, the
    number was never taken."""
    values = way.values()
    connection.execute(_BEGIN, values)
    return int(connection.execute(_NEXT, values).scalars().first() or 0)


_LAST = text(
    """
    SELECT last FROM ledger.control_number
    WHERE own_id = :own_id AND own_qualifier = :own_qualifier AND partner_id = :partner_id
      AND partner_qualifier = :partner_qualifier AND standard = :standard AND environment = :environment
    """
)


def last(connection: Connection, way: Way) -> int:
    """The number taken last; 0 when none was."""
    return int(connection.execute(_LAST, way.values()).scalar() or 0)
