"""``orderhub connector``: what can be pulled from and loaded into."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, print_json, print_table

app = typer.Typer(
    help="Connectors: the systems that can be pulled from and loaded into.", no_args_is_help=True
)


@app.command("list")
def list_connectors(json_output: Json = False) -> None:
    """Every connector, read from its manifest."""
    from orderhub.connector_registry import ConnectorRegistry
    from orderhub.services.settings import get_settings

    registry = ConnectorRegistry(get_settings().path("connectors_folder"))
    rows: list[dict[str, Any]] = []
    for name in registry.names():
        manifest = registry.manifest(name)
        rows.append(
            {
                "connector": name,
                "summary": manifest.summary,
                "can": [str(flag.name) for flag in manifest.capabilities],
                "streams": sorted(manifest.streams),
                "documents": manifest.documents,
            }
        )
    if json_output:
        print_json(rows)
        return
    flat = [{**row, "can": ", ".join(row["can"]), "documents": ", ".join(row["documents"])} for row in rows]
    print_table("Connectors", ("connector", "summary", "can", "documents"), flat)


@app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Flows whose connectors are asked; all without.")
    ] = None,
    use: Annotated[str | None, typer.Option(help="Only this use: pull, `load <target>` or answers.")] = None,
    json_output: Json = False,
) -> None:
    """Ask every connector that the flows use whether it can do its work. Exit code 1 when one cannot."""
    from orderhub.errors import ConfigError
    from orderhub.flows.health import as_rows, check_uses, remember, uses_of

    registry = hub.flows()
    chosen = [registry.get(name) for name in names] if names else registry.flows()
    uses = [one for flow in chosen for one in uses_of(flow) if use is None or one.use == use]
    if use is not None and not uses:
        known = sorted({one.use for flow in chosen for one in uses_of(flow)})
        raise ConfigError(f"There is no use {use!r}.", todo=f"There are: {', '.join(known)}.")
    with hub.context() as ctx:
        results = check_uses(ctx, uses)
        for result in results:
            remember(ctx.cache, result)
        rows = as_rows(results)
        if json_output:
            print_json(rows)
        else:
            print_table("Connectors of the flows", ("flow", "use", "connector", "result", "sentence"), rows)
        if any("no answer within" in one.sentence for one in results):
            # what hangs is left behind: closing it would hang too
            sys.stdout.flush()
            os._exit(1)
    if not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores: acme_queue.")],
    source: Annotated[bool, typer.Option("--source", help="Things are pulled from it.")] = False,
    target: Annotated[bool, typer.Option("--target", help="Documents are loaded into it.")] = False,
    folder: Annotated[
        Path | None,
        typer.Option(help="Project folder with connectors/ and tests/contract/; this project's without."),
    ] = None,
) -> None:
    """Make the folder of a new connector: manifest, settings, class, README and its contract test.

    Everything in it is well-formed and nothing works yet: run its contract test, which says what to write next.
    """
    from orderhub.cli.new_connector import create
    from orderhub.services.settings import get_settings

    if not source and not target:
        source = True
    made = create(folder or get_settings().project_folder, name, source=source, target=target)
    for path in made:
        typer.echo(path)
    typer.echo(f"Next: python -m pytest {made[-1]}")
