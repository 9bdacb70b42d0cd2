"""X12 850s with 10 lines: tokenizer, grammar check, mapping and canonical model on one core. pydifact cannot read X12, so the
peer is its bare parse of the same orders as EDIFACT. The second file has values that hardly repeat.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from benchmarks import Result, interleaved
from benchmarks.edifact_translate import LINES, ORDERS, pydifact
from orderhub.formats.generate import generate
from orderhub.formats.x12.reader import X12Reader
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.project import mappings_folder

BENCH = True


def varied(data: bytes) -> bytes:
    """The same orders with other item codes, names, prices and quantities in every line."""
    rng = random.Random(1)

    def number() -> bytes:
        return str(rng.randrange(10**7, 10**8)).encode("ascii")

    def line(match: re.Match[bytes]) -> bytes:
        return b"%b%b*%b*%b%b%b%b" % (match[1], number(), match[2], number(), match[3], number(), match[4])

    data = re.sub(rb"(PO1\*[0-9]+\*)[^*]+\*([A-Z]+)\*[^*]+(\*[^~]*\*BP\*)[^*]+(\*)", line, data)
    return re.sub(rb"(PID\*F\*\*\*\*)[^~]+", lambda match: match[1] + number(), data)


def translator(data: bytes, mapping: CompiledMapping) -> Callable[[], None]:
    def work() -> None:
        for tree in X12Reader().read(data, name="orders.x12"):
            translated = mapping.run(tree)
            assert translated.document is not None, (tree.findings, translated.findings)

    return work


def reader(data: bytes) -> Callable[[], None]:
    def work() -> None:
        for tree in X12Reader().read(data, name="orders.x12"):
            assert tree.usable

    return work


def run(rounds: int) -> list[Result]:
    mapping = MappingRegistry(mappings_folder()).fitting("x12", "850", "004010")
    assert mapping is not None
    data = b"".join(generate("x12", orders=ORDERS, lines=LINES, seed=1))
    same = b"".join(generate("edifact", orders=ORDERS, lines=LINES, seed=1))
    seconds = interleaved(
        {
            "translate": translator(data, mapping),
            "varied": translator(varied(data), mapping),
            "read": reader(data),
            "pydifact": pydifact(same),
        },
        rounds,
    )
    rate = {name: ORDERS / value for name, value in seconds.items()}
    peer = "pydifact's bare parse of the same orders as EDIFACT"
    rows = [
        (f"X12 orders translated (read, check, map, model) / {peer}", "translate"),
        (f"the same in X12, values that hardly repeat / {peer}", "varied"),
        (f"X12 orders read and checked only / {peer}", "read"),
    ]
    theirs = rate["pydifact"]
    return [
        Result(name, round(rate[which], 1), round(theirs, 1), round(rate[which] / theirs, 3), "orders/s")
        for name, which in rows
    ]
