"""``orderhub connector``: what can be pulled from and loaded into."""

from __future__ import annotations

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
    json_output: Json = False,
) -> None:
    """Ask every connector that the flows use whether it can do its work. Exit code 1 when one cannot."""
    from orderhub.errors import HubError

    registry = hub.flows()
    chosen = [registry.get(name) for name in names] if names else registry.flows()
    rows: list[dict[str, Any]] = []
    with hub.context() as ctx:
        for flow in chosen:
            uses = [("pull", flow.pull.connector, flow.pull.settings)]
            uses += [(f"load {target.name}", target.connector, target.settings) for target in flow.load]
            for use, name, settings in uses:
                try:
                    health = ctx.connectors(name, settings).check()
                    ok, sentence = health.ok, health.sentence
                except HubError as error:
                    ok, sentence = False, str(error)
                rows.append(
                    {
                        "flow": flow.name,
                        "use": use,
                        "connector": name,
                        "result": "ok" if ok else "failed",
                        "sentence": sentence,
                    }
                )
    if json_output:
        print_json(rows)
    else:
        print_table("Connectors of the flows", ("flow", "use", "connector", "result", "sentence"), rows)
    if any(row["result"] != "ok" for row in rows):
        raise typer.Exit(1)
