"""A ledger as after some busy weeks, for pages that show figures: made with the ledger's own functions, then spread over time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sqlalchemy import Engine, text
from web_seeding import (
    Seeder,
    interchange,
    message,
    negative_quantity,
    order,
    translated,
)

from orderhub.findings import Finding, Place, Severity
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction

PARTNERS = {
    "acme_orders": ("acme_retail", "AR", 34),
    "borealis_orders": ("borealis_plant", "BP", 18),
    "citrus_orders": ("citrus_market", "CM", 9),
}


@dataclass
class Busy:
    """Ids of what was made, and how many documents of each flow."""

    runs: dict[str, list[int]] = field(default_factory=dict)
    documents: dict[str, list[int]] = field(default_factory=dict)
    held: list[int] = field(default_factory=list)


def unknown_item(value: str) -> Finding:
    return Finding(
        code="MAPPING_LOOKUP_MISS",
        severity=Severity.ERROR,
        message=f"The unit {value!r} is in no row of unit_of_measure. Add it to the table, or ask the sender.",
        place=Place(segment="QTY", segment_number=11, element=1, component=3),
        value=value,
        field="lines[0].unit",
    )


def busy(engine: Engine, archive: Archive, *, seed: int = 7) -> Busy:
    """Three partners, some files each, most of them good."""
    made = Busy()
    chance = random.Random(seed)
    for flow, (agreement, prefix, files) in PARTNERS.items():
        play = Seeder(engine, archive, flow=flow, agreement=agreement)
        ids: list[int] = []
        for number in range(files):
            orders = [order(f"{prefix}-{20000 + number * 10 + at}") for at in range(chance.randint(1, 5))]
            name = f"{agreement}_{20261100 + number}.edi"
            data = interchange([message(one, str(at)) for at, one in enumerate(orders, 1)], f"{number:06d}")
            play.receive(name, data)
            play.run_name = f"arrival__2026-11-{1 + number % 23:02d}T{number % 24:02d}:15:02"
            now = play.translate([translated(one, at) for at, one in enumerate(orders, 1)])
            bad = {}
            if chance.random() < 0.16:
                finding = negative_quantity(data) if chance.random() < 0.6 else unknown_item("PK")
                bad = {now[0]: [finding]}
            play.judge([one for one in now if one not in bad], bad)
            made.held += bad
            if number < files - 1:
                play.load(reject="The ERP has no such product." if chance.random() < 0.05 else "")
            ids += now
        made.documents[flow] = ids
    spread(engine, seed)
    return made


def spread(engine: Engine, seed: int) -> None:
    """Moves what was made just now over the last four weeks, more on recent days, nothing at night."""
    with transaction(engine) as connection:
        connection.execute(text("SELECT setseed(:seed)"), {"seed": seed / 100})
        connection.execute(
            text(
                """
                WITH at AS (
                    SELECT id, now() - make_interval(mins => (rank() OVER (PARTITION BY flow ORDER BY id DESC) ^ 2 * 31
                        + random() * 40)::int) AS moment FROM ledger.interchange
                ), files AS (
                    UPDATE ledger.interchange AS i SET received_at = at.moment FROM at WHERE at.id = i.id
                    RETURNING i.id, i.received_at
                )
                UPDATE ledger.document AS d SET created_at = f.received_at + interval '2 seconds',
                    updated_at = f.received_at + interval '9 seconds'
                FROM files AS f WHERE f.id = d.interchange_id
                """
            )
        )
        connection.execute(
            text(
                """
                UPDATE ledger.run AS r SET started_at = f.received_at,
                    finished_at = f.received_at + make_interval(secs => 1.4 + random() * 9)
                FROM ledger.interchange AS f WHERE f.run = r.id
                """
            )
        )
