"""EDIFACT orders with 10 lines: tokenizer, grammar check, mapping and canonical model against pydifact's bare parse of the
same bytes, on one core. The second file has values that hardly repeat, so that no memory of segments helps.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable

import msgspec
import orjson
from pydifact.segmentcollection import Interchange

from benchmarks import Result, interleaved
from orderhub.formats.edifact.pydifact_parser import PydifactParser
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.formats.generate import generate
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.project import mappings_folder

BENCH = True

ORDERS = 1_000
LINES = 10


def varied(data: bytes) -> bytes:
    """The same orders with other item codes, names, prices and quantities in every line."""
    rng = random.Random(1)

    def other(match: re.Match[bytes]) -> bytes:
        return match[1] + str(rng.randrange(10**7, 10**8)).encode("ascii") + match[2]

    data = re.sub(rb"(PIA\+1\+)[^:]+(:)", other, data)
    data = re.sub(rb"(IMD\+F\+\+:::)[^']+(')", other, data)
    data = re.sub(rb"(PRI\+AAA:)[^']+(')", other, data)
    return re.sub(rb"(QTY\+21:)[^:]+(:)", other, data)


def translator(data: bytes, mapping: CompiledMapping, kept: list[object] | None = None) -> Callable[[], None]:
    def work() -> None:
        for tree in EdifactReader().read(data, name="orders.edi"):
            translated = mapping.run(tree)
            assert translated.document is not None, (tree.findings, translated.findings)
            if kept is not None:
                kept.append(translated.document)

    return work


def reader(data: bytes) -> Callable[[], None]:
    def work() -> None:
        for tree in EdifactReader().read(data, name="orders.edi"):
            assert tree.usable

    return work


def pydifact(data: bytes, **parser: object) -> Callable[[], None]:
    text = data.decode("iso8859-1")

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about tables that it does not have
            made = {name: kind() for name, kind in parser.items()}  # type: ignore[operator]
            assert len(list(Interchange.from_str(text, **made).get_messages())) == ORDERS

    return work


def run(rounds: int) -> list[Result]:
    mapping = MappingRegistry(mappings_folder()).fitting("edifact", "ORDERS", "D.96A")
    assert mapping is not None
    data = b"".join(generate("edifact", orders=ORDERS, lines=LINES, seed=1))
    other = varied(data)
    documents: list[object] = []
    translator(data, mapping, documents)()
    as_json = [msgspec.json.encode(document) for document in documents]
    seconds = interleaved(
        {
            "translate": translator(data, mapping),
            "varied": translator(other, mapping),
            "read": reader(data),
            "pydifact": pydifact(data),
            "pydifact on our tokenizer": pydifact(data, parser=PydifactParser),
            "orjson": lambda: [orjson.loads(text) for text in as_json],
        },
        rounds,
    )
    rate = {name: ORDERS / value for name, value in seconds.items()}
    theirs = rate["pydifact"]
    rows = [
        ("EDIFACT orders translated (read, check, map, model) / pydifact's bare parse", "translate", theirs),
        ("the same, values that hardly repeat / pydifact's bare parse", "varied", theirs),
        ("EDIFACT orders read and checked only / pydifact's bare parse", "read", theirs),
        ("pydifact's classes on our tokenizer / on its own", "pydifact on our tokenizer", theirs),
        ("EDIFACT orders translated / orjson parsing the same orders as JSON", "translate", rate["orjson"]),
    ]
    return [
        Result(name, round(rate[which], 1), round(peer, 1), round(rate[which] / peer, 3), "orders/s")
        for name, which, peer in rows
    ]
