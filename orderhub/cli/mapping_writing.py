"""``orderhub mapping write`` and ``orderhub document write``: the payload that a mapping makes of a canonical document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderhub.cli import hub
from orderhub.cli.mapping_files import mapping_file
from orderhub.cli.output import Json, console, print_findings, print_json
from orderhub.errors import ConfigError, LedgerError, PayloadRefused

Given = Annotated[
    list[str] | None,
    typer.Option("--given", help="A value that stands in no document, as name=value; may be given again."),
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A file for the payload's bytes.")]


def register_mapping(app: typer.Typer) -> None:
    """Add the command to ``orderhub mapping``."""
    app.command("write")(write)


def register_document(app: typer.Typer) -> None:
    """Add the command to ``orderhub document``."""
    app.command("write")(write_document)


def write(
    name: Annotated[str, typer.Argument(help="The name or file of a mapping that writes.")],
    document: Annotated[Path, typer.Argument(help="A canonical document as JSON.")],
    given: Given = None,
    output: Output = None,
    json_output: Json = False,
) -> None:
    """Write a canonical document as a payload. Exit code 1 when it cannot be written."""
    path = mapping_file(name)
    try:
        canonical = document.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{document} cannot be read: {error.strerror}.", todo="Check its name and rights."
        ) from None
    _written(path, canonical, document.name, None, given, output, json_output)


def write_document(
    document: Annotated[int, typer.Argument(help="The document's ledger id.")],
    mapping: Annotated[str, typer.Option("--mapping", help="The name or file of a mapping that writes.")],
    given: Given = None,
    output: Output = None,
    json_output: Json = False,
) -> None:
    """The payload that a mapping makes of a document of the ledger; nothing is sent. Exit code 1 when there is none."""
    path = mapping_file(mapping)
    found = hub.document_path(document)
    if found.canonical is None:
        raise LedgerError(
            f"Document {document} has no canonical form ({found.row.state.value}).",
            todo=f"`orderhub document show {document}` says why.",
        )
    _written(path, found.canonical, f"document {document}", found.row.type, given, output, json_output)


def _written(
    path: Path,
    canonical: bytes,
    label: str,
    type_name: str | None,
    given: list[str] | None,
    output: Path | None,
    json_output: bool,
) -> None:
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.writing.examples import pretty, read_document

    mapping = MappingRegistry(path.parent).writing(path.stem)
    document = read_document(canonical, type_name or mapping.document, file=label)
    try:
        written = mapping.write(document, _values(given))
    except PayloadRefused as refused:
        if json_output:
            print_json({"mapping": mapping.name, "ok": False, "findings": refused.findings})
        else:
            print_findings(refused.findings)
            console().print(f"[red]{mapping.name} version {mapping.version} cannot write {label}.[/red]")
        raise typer.Exit(1) from None
    if output is not None:
        output.write_bytes(written.data)
    if json_output:
        print_json(
            {
                "mapping": written.mapping,
                "version": written.version,
                "content_hash": written.content_hash,
                "media_type": written.media_type,
                "ok": True,
                "payload": written.data.decode("utf-8", "backslashreplace"),
            }
        )
    elif output is not None:
        console().print(f"{output}: {len(written.data)} bytes, {written.media_type}.", markup=False)
    elif sys.stdout.isatty():
        typer.echo(pretty(written.data, mapping.target.format))
    else:
        typer.echo(written.data, nl=False)


def _values(given: list[str] | None) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"{text!r} gives no value.", todo="Write --given name=value.")
        values[name] = value
    return values
