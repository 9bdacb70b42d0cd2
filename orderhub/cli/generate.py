"""``orderhub generate``: orders to try and to measure with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderhub.errors import ConfigError


def generate(
    format: Annotated[str, typer.Option("--format", help="edifact or csv.")] = "edifact",
    orders: Annotated[int, typer.Option(min=1, help="How many orders.")] = 10,
    lines: Annotated[int, typer.Option(min=1, max=999_999, help="Lines of each order.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without.")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="A folder: write one file for each order into it.")
    ] = None,
) -> None:
    """Write orders of the sample suppliers and items, the same bytes for the same seed."""
    from orderhub.formats import generate as generator

    if format not in ("edifact", "csv"):
        raise ConfigError(
            f"There is no generator for {format!r}.", todo="Use --format edifact or --format csv."
        )
    if split is not None:
        split.mkdir(parents=True, exist_ok=True)
        for name, data in generator.generate_files(format, orders=orders, lines=lines, seed=seed):
            (split / name).write_bytes(data)
        return
    chunks = generator.generate(format, orders=orders, lines=lines, seed=seed)
    if output is not None:
        with output.open("wb") as stream:
            stream.writelines(chunks)
        return
    sys.stdout.flush()
    sys.stdout.buffer.writelines(chunks)
    sys.stdout.buffer.flush()
