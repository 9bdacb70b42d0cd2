"""Which effects can be leased, as SQL conditions on ``ledger.outbox AS o``; said once for all who ask."""

from __future__ import annotations

_OPEN = "'pending', 'leased', 'in_doubt'"
#: States of an effect in which only a person brings it on.
_PERSON = "'waiting', 'rejected'"

#: Its time has come, or its lease ran out (then the effect is unclear).
DUE = """
    ((o.state IN ('pending', 'in_doubt') AND o.next_attempt_at <= clock_timestamp())
     OR (o.state = 'leased' AND o.lease_until < clock_timestamp()))
"""


# What an effect has to wait for is asked about the effect at hand, through an index over all effects. Left to itself the
# planner begins at the open effects or documents, of which it believes that there are next to none: so it is whenever it
# looks between two large files, and while one is under way that costs the square of its documents. OFFSET 0 keeps a
# question from being turned round; the concatenation keeps an index over open rows only from being taken for it, and the
# addition keeps the index of all ids from being read up to this one, beside that of the document.
def _not_behind(effects: str, documents: str) -> str:
    return f"""
    NOT EXISTS (
        SELECT 1 FROM ledger.outbox AS e WHERE e.identity = o.identity AND e.target = o.target AND e.id < o.id
          AND e.state || '' IN ({effects}) OFFSET 0)
    AND NOT EXISTS (
        SELECT 1 FROM ledger.outbox AS e WHERE e.document_id = o.document_id AND e.id + 0 < o.id
          AND e.state || '' IN ({effects}) OFFSET 0)
    AND NOT EXISTS (
        SELECT 1 FROM ledger.document AS d WHERE d.id = o.document_id AND d.revision > 0 AND EXISTS (
            SELECT 1 FROM ledger.document AS e
            WHERE e.number = d.number AND e.company = d.company AND e.environment = d.environment
              AND e.agreement = d.agreement AND e.type = d.type AND e.revision < d.revision
              AND e.state || '' IN ({documents}) OFFSET 0)
        OFFSET 0)
    """  # noqa: S608 - constants


#: Nothing holds it back: no earlier document of the order is on its way to the same target, no lower revision of it is
#: still to come, and the targets that stand before in the flow have taken the document (what they refuse goes nowhere
#: else).
FREE = _not_behind(f"{_OPEN}, {_PERSON}", "'translated', 'quarantined', 'retrying'")

#: It can be leased now or later without a person. The last part: the effect that it follows is itself held back.
MOVES_BY_ITSELF = f"""
    o.state IN ({_OPEN}) AND {_not_behind(_PERSON, "'quarantined'")}
    AND NOT EXISTS (
        SELECT 1 FROM ledger.outbox AS p JOIN ledger.outbox AS e
          ON e.identity = p.identity AND e.target = p.target AND e.id < p.id
        WHERE p.document_id = o.document_id AND p.id + 0 < o.id AND p.state || '' IN ({_OPEN}) AND e.state || '' IN ({_PERSON})
        OFFSET 0)
"""  # noqa: S608 - constants
