"""Partner files for the fault trial: seeded, with exact duplicates and conflicts at random places."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

PROJECT = Path(__file__).resolve().parents[2]
SENDER = "4299999001006"
HUB = "4299999000009"
UNITS = {"C62": "PCE"}


@dataclass(frozen=True)
class Order:
    """One order as sent: its number and the quantity of each item, by GTIN."""

    number: str
    supplier: str
    lines: tuple[tuple[str, str, str, int], ...]  # GTIN, unit, price, quantity


@dataclass
class Consignment:
    """What the partner sends. ``sent`` counts documents; ``versions`` has every content that was sent per number."""

    files: list[tuple[str, bytes]] = field(default_factory=list)
    sent: int = 0
    versions: dict[str, set[tuple[tuple[str, int], ...]]] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: set[str] = field(default_factory=set)


def content(order: Order) -> tuple[tuple[str, int], ...]:
    """What is compared with the targets: item and quantity of each line."""
    return tuple((gtin, quantity) for gtin, _, _, quantity in order.lines)


def consignment(
    documents: int,
    *,
    seed: int,
    prefix: str,
    duplicates: float = 0.10,
    conflicts: float = 0.05,
    largest: int = 25,
    smallest: int = 1,
) -> Consignment:
    """``documents`` orders in interchanges of ``smallest`` to ``largest`` messages. Of them ``duplicates`` are exact repetitions
    (half of them as whole files sent twice) and ``conflicts`` have the number of another order and other content."""
    rng = random.Random(seed)
    repeated, conflicting = round(documents * duplicates), round(documents * conflicts)
    originals = [
        _order(rng, f"{prefix}-{number:05d}") for number in range(documents - repeated - conflicting)
    ]
    messages: list[Order] = list(originals)
    made = Consignment(sent=documents, duplicates=repeated, conflicts=set())
    for original in rng.sample(originals, conflicting):
        gtin, unit, price, quantity = original.lines[0]
        changed = Order(
            original.number, original.supplier, ((gtin, unit, price, quantity + 1000), *original.lines[1:])
        )
        messages.insert(rng.randrange(len(messages) + 1), changed)
        made.conflicts.add(original.number)
    for original in rng.sample(originals, repeated - repeated // 2):
        messages.insert(rng.randrange(len(messages) + 1), original)
    files: list[list[Order]] = []
    while messages:
        size = rng.randint(smallest, largest)
        files.append(messages[:size])
        del messages[:size]
    left = repeated // 2
    copies: list[int] = []
    while left:
        fitting = [index for index, file in enumerate(files) if len(file) <= left and index not in copies]
        if not fitting:
            files.append([rng.choice(originals)])
            left -= 1
            continue
        chosen = rng.choice(fitting)
        copies.append(chosen)
        left -= len(files[chosen])
    for order in (order for file in files for order in file):
        made.versions.setdefault(order.number, set()).add(content(order))
    rendered = [_interchange(f"{seed % 1000:03d}{index:05d}", file) for index, file in enumerate(files)]
    rendered += [rendered[index] for index in copies]
    made.files = [(f"orders_{index:04d}.edi", data) for index, data in enumerate(rendered)]
    return made


def _master() -> dict[str, Any]:
    return dict(YAML(typ="safe", pure=True).load(PROJECT / "samples" / "master_data.yaml"))


MASTER = _master()


def _order(rng: random.Random, number: str) -> Order:
    supplier = rng.choice(sorted(MASTER["suppliers"]))
    items = [item for _, item in sorted(MASTER["items"].items()) if item["supplier"] == supplier]
    lines = [
        (item["gtin"], UNITS.get(item["unit"], item["unit"]), item["price"], rng.randint(1, 900))
        for item in rng.sample(items, rng.randint(1, min(3, len(items))))
    ]
    return Order(number, MASTER["suppliers"][supplier]["gln"], tuple(lines))


def _interchange(reference: str, orders: list[Order]) -> bytes:
    segments = [f"UNB+UNOC:3+{SENDER}:14+{HUB}:14+261120:0830+{reference}"]
    for index, order in enumerate(orders, 1):
        message = [
            f"UNH+{index}+ORDERS:D:96A:UN:EAN008",
            f"BGM+220+{order.number}+9",
            "DTM+137:20261120:102",
            "DTM+2:20261204:102",
            f"NAD+BY+{SENDER}::9",
            f"NAD+SU+{order.supplier}::9",
            "NAD+DP+4299999005004::9",
            "CUX+2:EUR:9",
        ]
        for line, (gtin, unit, price, quantity) in enumerate(order.lines, 1):
            message += [f"LIN+{line}++{gtin}:EN", f"QTY+21:{quantity}:{unit}", f"PRI+AAA:{price}"]
        message += ["UNS+S", f"CNT+2:{len(order.lines)}"]
        message.append(f"UNT+{len(message) + 1}+{index}")
        segments += message
    segments.append(f"UNZ+{len(orders)}+{reference}")
    return "".join(f"{segment}'\n" for segment in segments).encode("ascii")
