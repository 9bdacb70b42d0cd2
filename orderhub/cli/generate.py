"""``orderhub generate``: orders to try and to measure with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orderhub.cli.files import write_file, write_output
from orderhub.cli.output import Json, print_json
from orderhub.errors import ConfigError


def generate(
    format: Annotated[str, typer.Option("--format", help="edifact, x12, ubl, csv or json.")] = "edifact",
    release: Annotated[
        str | None, typer.Option(help="EDIFACT: D.96A (else) or D.01B; X12: 004010 (else) or 005010.")
    ] = None,
    orders: Annotated[int, typer.Option(min=1, help="How many orders.")] = 10,
    lines: Annotated[int, typer.Option(min=1, max=999_999, help="Lines of each order.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output without.")
    ] = None,
    split: Annotated[
        Path | None, typer.Option(help="A folder: write one file for each order into it.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Write orders of the sample suppliers and items, the same bytes for the same seed."""
    from orderhub.formats import generate as generator

    if json_output and split is None and output is None:
        raise ConfigError(
            "The orders go to standard output, so the summary cannot.",
            todo="Name --output or --split with --json.",
        )
    written: list[int] = []
    if split is not None:
        split.mkdir(parents=True, exist_ok=True)
        for name, data in generator.generate_files(
            format, orders=orders, lines=lines, seed=seed, release=release
        ):
            written.append(write_file(split / name, [data]))
    else:
        chunks = generator.generate(format, orders=orders, lines=lines, seed=seed, release=release)
        if output is None:
            write_output(chunks)
            return
        written.append(write_file(output, chunks))
    if json_output:
        asked = {"format": format, "orders": orders, "lines": lines, "seed": seed}
        print_json(asked | {"files": len(written), "bytes": sum(written)})
