"""JSON orders with 10 lines: cutting, decoding strictly, mapping and canonical model against orjson's bare parse of the same
bytes, on one core; and the most memory that a process of its own takes for 10,000 of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson

from benchmarks import Result, interleaved
from orderhub.formats.generate import generate
from orderhub.formats.json import JsonLayout, JsonReader
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.project import mappings_folder

BENCH = True

MAPPING = "json_orders__purchase_order"
ORDERS = 1_000
LINES = 10
MANY = 10_000
LIMIT = 150.0

_CHILD = """
import re, sys
from pathlib import Path
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.translation import DocumentResult, translate_file
from orderhub.project import mappings_folder
made = translate_file(Path(sys.argv[1]), MappingRegistry(mappings_folder()))
count = sum(isinstance(row, DocumentResult) for row in made)
print(count, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def pretty(data: bytes) -> bytes:
    """The same orders as an array that is laid out for people."""
    return orjson.dumps(orjson.loads(data)["orders"], option=orjson.OPT_INDENT_2)


def lines(data: bytes) -> bytes:
    """The same orders as JSON Lines."""
    return b"".join(orjson.dumps(order) + b"\n" for order in orjson.loads(data)["orders"])


def translator(data: bytes, mapping: CompiledMapping) -> Callable[[], None]:
    reader = JsonReader(JsonLayout.from_declaration(mapping.source))

    def work() -> None:
        count = 0
        for tree in reader.read(data, name="orders.json"):
            translated = mapping.run(tree)
            assert translated.document is not None, (tree.findings, translated.findings)
            count += 1
        assert count == ORDERS

    return work


def reading(data: bytes, mapping: CompiledMapping) -> Callable[[], None]:
    reader = JsonReader(JsonLayout.from_declaration(mapping.source))

    def work() -> None:
        assert all(tree.usable for tree in reader.read(data, name="orders.json"))

    return work


def memory() -> float:
    """Megabytes, read from VmHWM: ru_maxrss would count the parent's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.json"
        with path.open("wb") as stream:
            stream.writelines(generate("json", orders=MANY, lines=LINES, seed=1))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(path)], check=True, capture_output=True, text=True
        )
    found = re.fullmatch(r"(\d+) (\d+)\s*", done.stdout)
    assert found is not None
    assert int(found[1]) == MANY
    return int(found[2]) / 1024


def run(rounds: int) -> list[Result]:
    mapping = MappingRegistry(mappings_folder()).get(MAPPING)
    data = b"".join(generate("json", orders=ORDERS, lines=LINES, seed=1))
    other, by_line = pretty(data), lines(data)
    seconds = interleaved(
        {
            "translate": translator(data, mapping),
            "pretty": translator(other, mapping),
            "lines": translator(by_line, mapping),
            "read": reading(data, mapping),
            "orjson": lambda: orjson.loads(data),
            "orjson pretty": lambda: orjson.loads(other),
        },
        rounds,
    )
    rate = {name: ORDERS / value for name, value in seconds.items()}
    rows = [
        ("JSON orders translated (cut, decode, map, model) / orjson's bare parse", "translate", "orjson"),
        ("the same, laid out for people / orjson's bare parse", "pretty", "orjson pretty"),
        ("the same as JSON Lines / orjson's bare parse", "lines", "orjson"),
        ("JSON orders read only (cut, decode, no key twice) / orjson's bare parse", "read", "orjson"),
    ]
    results = [
        Result(
            name, round(rate[ours], 1), round(rate[peer], 1), round(rate[ours] / rate[peer], 3), "orders/s"
        )
        for name, ours, peer in rows
    ]
    peak = memory()
    name = f"peak memory of {MANY:,} JSON orders: read, map / limit"
    return [*results, Result(name, round(peak, 1), LIMIT, round(LIMIT / peak, 2), "MB")]
