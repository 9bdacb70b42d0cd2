"""Run the benches: ``python -m benchmarks [NAME…] [--rounds 5]``. Prints a table, writes benchmarks/results.json."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import Result

FOLDER = Path(__file__).resolve().parent


def benches() -> dict[str, object]:
    """The modules of this package that are benches (``BENCH = True`` in their text: none is imported for nothing)."""
    found = {}
    for info in pkgutil.iter_modules(benchmarks.__path__):
        if "\nBENCH = True" in (FOLDER / f"{info.name}.py").read_text(encoding="utf-8"):
            found[info.name] = importlib.import_module(f"benchmarks.{info.name}")
    return found


def save(results: list[Result]) -> None:
    """Put the results into results.json; lines of benches that did not run this time stay."""
    path = FOLDER / "results.json"
    rows = {row["name"]: row for row in json.loads(path.read_text("utf-8"))} if path.is_file() else {}
    rows.update({result.name: msgspec.to_builtins(result) for result in results})
    path.write_text(json.dumps(list(rows.values()), indent=2) + "\n", encoding="utf-8")


def main() -> None:
    known = benches()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"benches to run, else all: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    console = Console()
    results: list[Result] = []
    for name in arguments.names or known:
        if name not in known:
            parser.error(f"no bench {name!r}; there are {', '.join(known)}")
        with console.status(f"{name} …"):
            results += known[name].run(arguments.rounds)  # type: ignore[attr-defined]
    table = Table("what", "ours", "peer or limit", "ratio", "unit")
    for result in results:
        table.add_row(
            result.name,
            f"{result.ours:,.1f}",
            "" if result.peer is None else f"{result.peer:,.1f}",
            "" if result.ratio is None else f"{result.ratio:.1f} ×",
            result.unit,
        )
    console.print(table)
    save(results)


if __name__ == "__main__":
    main()
