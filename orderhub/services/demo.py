"""The main job on the sample files: puts them into the watched folders, waits, and shows what became of each."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orderhub.services.stack import Stack


def place_samples(samples: Path, inbox: Path) -> list[Path]:
    """Copy ``samples/inbox/<folder>/<file>`` into the watched folder of the same name, by rename, so that no file is
    seen half written. Returns the files' paths below the inbox."""
    placed = []
    source = samples / "inbox"
    for file in sorted(p for p in source.rglob("*") if p.is_file()):
        relative = file.relative_to(source)
        target = inbox / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(file, part)
        part.replace(target)
        placed.append(relative)
    return placed


def run(stack: Stack, console: Console) -> Table:
    """Place the samples, wait until the ledger has an end state for each, and return the table."""
    placed = place_samples(stack.settings.path("samples_folder"), stack.endpoints.inbox_folder)
    console.print(f"{len(placed)} sample files are placed in {stack.endpoints.inbox_folder}.")
    table = Table(
        "File", "Partner", "Documents", "State", "ERP number", "Warehouse version", "Error and place"
    )
    for file in placed:
        table.add_row(str(file), "", "", "placed", "", "", "")
    return table
