"""``orderhub translate``: partner files to canonical JSON Lines, with nothing running."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderhub.cli.output import Json, to_json


def translate(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders whose files are all looked at.")],
    mapping: Annotated[
        str | None, typer.Option("--mapping", help="A mapping's name; else the one that fits each message.")
    ] = None,
    mappings: Annotated[
        Path | None, typer.Option("--mappings", help="The folder of the mappings; else the project's own.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Translate files and print JSON Lines: each document, then each file with its outcome and findings.

    The outcome of a file is translated, partial, read (well-formed, no mapping fits) or refused. Exit code 0 means that
    every file was looked at, 1 that one could not be opened.
    """
    from orderhub.cli.files import each_file
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.translation import FileResult, translate_file
    from orderhub.project import mappings_folder

    _ = json_output  # JSON Lines is the only form there is
    registry = MappingRegistry(mappings or mappings_folder())
    if mapping is not None:
        registry.get(mapping)  # an unknown or broken name is an error of the call, before any file is read
    write = sys.stdout.write
    unopened = False
    for path in each_file(paths):
        for row in translate_file(path, registry, mapping=mapping):
            write(to_json(row.as_row()) + "\n")
            if isinstance(row, FileResult):
                unopened = unopened or not row.opened
        sys.stdout.flush()
    if unopened:
        raise typer.Exit(1)
