"""UBL orders with 10 lines: read, mapped and made canonical documents, against lxml's bare iterparse of the same bytes, on one
core; and the most memory that a process of its own takes for 10,000 of them.

The peer walks over all elements and clears each, as whoever reads a large file with it does, and does nothing with them. The
second file has values that hardly repeat. Memory is read from VmHWM, see edi_memory.py.
"""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from benchmarks import Result, interleaved
from orderhub.formats.generate import generate
from orderhub.formats.xml.declaration import record_tag
from orderhub.formats.xml.reader import XmlReader
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.project import mappings_folder

BENCH = True

ORDERS = 1_000
LINES = 10
MANY = 10_000
LIMIT = 150.0
MAPPING = "ubl_order_2__purchase_order"

_CHILD = """
import re, sys
from pathlib import Path
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.sessions import open_session
from orderhub.project import mappings_folder
registry = MappingRegistry(mappings_folder())
mapping = registry.get(sys.argv[2])
session = open_session(registry, Path(sys.argv[1]), name="x", mapping=mapping)
count = sum(mapping.run(tree).document is not None for tree in session)
print(count, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def varied(data: bytes) -> bytes:
    """The same orders with other item codes, names, prices and quantities in every line."""
    rng = random.Random(1)

    def other(match: re.Match[bytes]) -> bytes:
        return match[1] + str(rng.randrange(10**7, 10**8)).encode("ascii") + match[2]

    for name in (b"Quantity", b"PriceAmount"):
        data = re.sub(rb"(<cbc:" + name + rb" [^>]*>)[^<]+(<)", other, data)
    data = re.sub(rb"(<cac:Item><cbc:Name>)[^<]+(<)", other, data)
    return re.sub(rb"(<cac:BuyersItemIdentification><cbc:ID>)[^<]+(<)", other, data)


def translator(data: bytes, mapping: CompiledMapping) -> Callable[[], None]:
    records = frozenset(filter(None, [record_tag(mapping.source)]))

    def work() -> None:
        for tree in XmlReader(lambda _root: records).read(data, name="orders.xml"):
            translated = mapping.run(tree)
            assert translated.document is not None, (tree.findings, translated.findings)

    return work


def reader(data: bytes, mapping: CompiledMapping) -> Callable[[], None]:
    records = frozenset(filter(None, [record_tag(mapping.source)]))

    def work() -> None:
        for tree in XmlReader(lambda _root: records).read(data, name="orders.xml"):
            assert tree.usable

    return work


def iterparse(data: bytes) -> Callable[[], None]:
    def work() -> None:
        for _, element in etree.iterparse(io.BytesIO(data)):
            element.clear()

    return work


def memory() -> Result:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.xml"
        with path.open("wb") as stream:
            stream.writelines(generate("ubl", orders=MANY, lines=LINES, seed=1))
        command = [sys.executable, "-c", _CHILD, str(path), MAPPING]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    count, peak = done.stdout.split()
    assert int(count) == MANY
    value = float(peak) / 1024
    name = f"peak memory of {MANY:,} UBL orders: read, map / limit"
    return Result(name, round(value, 1), LIMIT, round(LIMIT / value, 2), "MB")


def run(rounds: int) -> list[Result]:
    mapping = MappingRegistry(mappings_folder()).get(MAPPING)
    data = b"".join(generate("ubl", orders=ORDERS, lines=LINES, seed=1))
    other = varied(data)
    seconds = interleaved(
        {
            "translate": translator(data, mapping),
            "varied": translator(other, mapping),
            "read": reader(data, mapping),
            "iterparse": iterparse(data),
            "iterparse varied": iterparse(other),
        },
        rounds,
    )
    rate = {name: ORDERS / value for name, value in seconds.items()}
    rows = [
        ("UBL orders translated (read, map, model) / lxml's bare iterparse", "translate", "iterparse"),
        ("the same, values that hardly repeat / lxml's bare iterparse", "varied", "iterparse varied"),
        ("UBL orders read only / lxml's bare iterparse", "read", "iterparse"),
    ]
    return [
        Result(
            name, round(rate[which], 1), round(rate[peer], 1), round(rate[which] / rate[peer], 3), "orders/s"
        )
        for name, which, peer in rows
    ] + [memory()]
