"""Places of many values are found at one look: the same that are found one by one."""

from __future__ import annotations

import json
import random
from typing import Any

from orderhub.formats.json.look import locate, locate_all
from orderhub.formats.json.tree import FEW, Record


def value(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(5 if depth else 3)
    if kind == 0:
        return chance.choice(["a", 'é"x', ""])
    if kind == 1:
        return chance.choice([1, -2.5, True, None])
    if kind == 2:
        return "x" * chance.randrange(4)
    if kind == 3:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice("abcdé"): value(chance, depth - 1) for _ in range(chance.randrange(4))}


def test_both_looks_agree() -> None:
    chance = random.Random(3)
    count = 0
    for _ in range(500):
        indent = chance.choice([None, 2])
        raw = json.dumps(value(chance, 4), indent=indent, ensure_ascii=False).encode()
        for steps, (at, length) in locate_all(raw).items():
            assert locate(raw, steps) == (at, length, len(steps)), (raw, steps)
            count += 1
    assert count > 800


def test_a_record_that_is_asked_often_answers_the_same() -> None:
    raw = json.dumps({"lines": [{"no": number, "item": {"code": "x"}} for number in range(20)]}).encode()
    wanted = [("lines", n, "no") for n in range(20)] + [
        ("lines", 3, "item", "name"),
        ("lines", 99),
        ("x", "y"),
    ]

    def record() -> Record:
        return Record(file="o.json", raw=raw, offset=7, line=1, column=1, outer=())

    often = record()
    for steps in wanted:
        assert often.place(steps) == record().place(steps), steps
    assert often._asked > FEW
