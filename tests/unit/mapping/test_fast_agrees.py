"""The fast way and the reference make the same of every message, the faulty ones too.

The sample mapping runs over many mutated orders twice: as it is, and with the fast way taken out of all its plans.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from orderhub.documents import canonical_bytes
from orderhub.formats.base import MessageTree
from orderhub.formats.csv import CsvLayout, CsvReader
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.mapping import CompiledMapping, MappingRegistry
from orderhub.mapping.plan import StructPlan

MAPPINGS = Path(__file__).resolve().parents[3] / "mappings"
EDIFACT = "edifact_orders_d96a__purchase_order"
CSV = "csv_orders__purchase_order"


def without_fast_way(plan: StructPlan) -> int:
    taken = int(plan.fast is not None)
    plan.fast = None
    return taken + sum(without_fast_way(part.plan) for part in plan.parts)


def both(name: str) -> tuple[CompiledMapping, CompiledMapping]:
    fast, reference = MappingRegistry(MAPPINGS).get(name), MappingRegistry(MAPPINGS).get(name)
    assert without_fast_way(reference._plan) > 0, "there is no fast way to compare with"
    return fast, reference


def outcome(mapping: CompiledMapping, tree: MessageTree) -> object:
    result = mapping.run(tree)
    return result.document and canonical_bytes(result.document), result.findings


def mutated(segments: list[str], chance: random.Random) -> list[str]:
    """The segments with one to three accidents: values changed, emptied, doubled, left out, segments dropped or twice."""
    out = list(segments)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(out))
        kind = chance.randrange(7)
        if kind == 0:
            del out[at]
        elif kind == 1:
            out.insert(at, out[at])
        elif kind == 2:
            other = chance.randrange(len(out))
            out[at], out[other] = out[other], out[at]
        else:
            elements = out[at].split("+")
            element = chance.randrange(len(elements))
            if kind == 3:
                elements[element] = ""
            elif kind == 4:
                elements[element] = chance.choice(
                    ["X", "0", "12.5", "1e3", "20269999", "ZZ:ZZ:9", "IN", "137", " "]
                )
            elif kind == 5:
                elements.insert(element, chance.choice(["EN", "OH-1:IN", ""]))
            else:
                parts = elements[element].split(":")
                parts[chance.randrange(len(parts))] = chance.choice(
                    ["", "91", "IN", "SA", "9", "KGM", "4019999011016"]
                )
                elements[element] = ":".join(parts)
            out[at] = "+".join(elements)
        if not out:
            return list(segments)
    return out


def test_mutated_edifact_orders() -> None:
    fast, reference = both(EDIFACT)
    chance = random.Random(20261123)
    examples = sorted((MAPPINGS / "examples" / EDIFACT).glob("*.edi"))
    assert examples
    bodies = []
    for example in examples:
        text = example.read_text(encoding="latin-1").replace("\n", "")
        segments = [
            part for part in text.split("'") if part[:3] not in ("UNA", "UNB", "UNH", "UNT", "UNZ", "")
        ]
        bodies.append(segments)
    made = refused = 0
    for _ in range(1_000):
        body = mutated(chance.choice(bodies), chance)
        message = "'".join(["UNH+1+ORDERS:D:96A:UN", *body, f"UNT+{len(body) + 2}+1", ""])
        data = f"UNB+UNOC:3+A+B+261120:0830+1'{message}UNZ+1+1'".encode("latin-1")
        for tree in EdifactReader().read(data, name="m.edi"):
            expected = outcome(reference, tree)
            assert outcome(fast, tree) == expected, message
            document, _ = expected  # type: ignore[misc]  # a pair
            made += document is not None
            refused += document is None
    assert made > 120
    assert refused > 120


def test_mutated_csv_orders() -> None:
    fast, reference = both(CSV)
    chance = random.Random(7)
    layout = CsvLayout.from_declaration(fast.source)
    lines = (
        (MAPPINGS / "examples" / CSV / "full_order.csv")
        .read_text(encoding="utf-8")
        .replace("two\n", "two ")
        .splitlines()
    )
    header, rows = lines[0], [line.replace('"', "").replace("A4; 80", "A4 80") for line in lines[1:]]
    made = refused = 0
    for _ in range(500):
        changed = []
        for row in chance.choices(rows, k=chance.randint(1, 4)):
            cells = row.split(";")
            for _ in range(chance.randint(0, 2)):
                cells[chance.randrange(1, len(cells))] = chance.choice(
                    ["", "x", "5", "1,5", "PCE", "01.02.2026", "EUR"]
                )
            changed.append(";".join(cells))
        for tree in CsvReader(layout).read("\n".join([header, *changed]).encode(), name="m.csv"):
            expected = outcome(reference, tree)
            assert outcome(fast, tree) == expected
            document, _ = expected  # type: ignore[misc]  # a pair
            made += document is not None
            refused += document is None
    assert made > 20
    assert refused > 100


@pytest.mark.parametrize("name", [EDIFACT, CSV])
def test_examples(name: str) -> None:
    fast, reference = both(name)
    for example in sorted((MAPPINGS / "examples" / name).iterdir()):
        if example.suffix == ".edi":
            trees = list(EdifactReader().read(example, name=example.name))
        elif example.suffix == ".csv":
            trees = list(CsvReader(CsvLayout.from_declaration(fast.source)).read(example, name=example.name))
        else:
            continue
        for tree in trees:
            assert outcome(fast, tree) == outcome(reference, tree), example.name
