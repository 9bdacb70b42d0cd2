"""The most memory that a process of its own takes to translate a file of 10,000 orders.

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

_CHILD = """
import re, sys
from pathlib import Path
from orderhub.formats.edifact.reader import EdifactReader
from orderhub.mapping.registry import MappingRegistry
from orderhub.project import mappings_folder
mapping = MappingRegistry(mappings_folder()).fitting("edifact", "ORDERS", "D.96A")
count = sum(mapping.run(tree).document is not None for tree in EdifactReader().read(Path(sys.argv[1]), name="x"))
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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.edi"
        with path.open("wb") as stream:
            stream.writelines(generate("edifact", orders=ORDERS, lines=LINES, seed=1))
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(path)], check=True, capture_output=True, text=True
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
    rows = [
        (f"peak memory of {ORDERS:,} EDIFACT orders: read, check, map / limit", float(peak) / 1024),
        (
            f"peak memory of {ORDERS:,} EDIFACT orders: orderhub translate / limit",
            float(command.stderr.split()[-1]) / 1024,
        ),
    ]
    return [Result(name, round(value, 1), LIMIT, round(LIMIT / value, 2), "MB") for name, value in rows]
