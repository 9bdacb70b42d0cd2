"""The most memory that a process of its own takes to translate a file of 10,000 EDIFACT or X12 orders.

Read from VmHWM: ru_maxrss would count the parent's memory too, which a child has until it starts its own program.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import Result
from orderhub.formats.generate import generate

BENCH = True

ORDERS = 10_000
LINES = 10
LIMIT = 150.0
#: Format, its reader, and the message that the sample mapping is for.
_KINDS = (
    ("edifact", "EDIFACT", "orderhub.formats.edifact.reader:EdifactReader", ("ORDERS", "D.96A")),
    ("x12", "X12", "orderhub.formats.x12.reader:X12Reader", ("850", "004010")),
)

_CHILD = """
import importlib, re, sys
from pathlib import Path
from orderhub.mapping.registry import MappingRegistry
from orderhub.project import mappings_folder
path, format, reader, message, release = sys.argv[1:]
module, _, name = reader.partition(":")
reader = getattr(importlib.import_module(module), name)()
mapping = MappingRegistry(mappings_folder()).fitting(format, message, release)
count = sum(mapping.run(tree).document is not None for tree in reader.read(Path(path), name="x"))
print(count, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""

_COMMAND = """
import re, sys
from pathlib import Path
from orderhub.cli.main import main
sys.argv = ["orderhub", "translate", sys.argv[1]]
try:
    main()
except SystemExit:
    pass
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
"""


def run(rounds: int) -> list[Result]:
    del rounds  # memory does not vary
    results: list[Result] = []
    for format_name, label, reader, message in _KINDS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"orders.{format_name}"
            with path.open("wb") as stream:
                stream.writelines(generate(format_name, orders=ORDERS, lines=LINES, seed=1))
            done = subprocess.run(
                [sys.executable, "-c", _CHILD, str(path), format_name, reader, *message],
                check=True,
                capture_output=True,
                text=True,
            )
            count, peak = done.stdout.split()
            assert int(count) == ORDERS
            command = subprocess.run(
                [sys.executable, "-c", _COMMAND, str(path)],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        for what, kilobytes in (
            ("read, check, map", peak),
            ("orderhub translate", command.stderr.split()[-1]),
        ):
            megabytes = float(kilobytes) / 1024
            name = f"peak memory of {ORDERS:,} {label} orders: {what} / limit"
            results.append(Result(name, round(megabytes, 1), LIMIT, round(LIMIT / megabytes, 2), "MB"))
    return results
