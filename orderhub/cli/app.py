"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub import __version__
from orderhub.cli import (
    airflow,
    answer,
    connection,
    connector,
    document,
    flow,
    generate,
    inbox_acting,
    intake_keys,
    interchange,
    mapping,
    quality,
    services,
    status,
    translate,
)

app = typer.Typer(
    name="orderhub",
    help="Purchase orders and supplier data between companies and their systems.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(flow.app, name="flow")
app.add_typer(mapping.app, name="mapping")
app.add_typer(document.app, name="document")
app.add_typer(interchange.app, name="interchange")
app.add_typer(inbox_acting.app, name="inbox")
app.add_typer(quality.app, name="quality")
app.add_typer(answer.app, name="answer")
app.add_typer(connector.app, name="connector")
app.add_typer(connection.app, name="connection")
app.add_typer(intake_keys.app, name="intake")
app.command("generate")(generate.generate)
app.command("status")(status.status)
app.command("up")(services.up)
app.command(
    "airflow",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(airflow.airflow)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"orderhub {__version__}")
        raise typer.Exit


@app.command("translate", add_help_option=False, context_settings={"ignore_unknown_options": True})
def _translate(arguments: Annotated[list[str] | None, typer.Argument(metavar="PATH…")] = None) -> None:
    """Translate files to JSON Lines, with nothing running."""
    raise typer.Exit(translate.main(arguments or []))


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version."
    ),
) -> None:
    """Purchase orders and supplier data between companies and their systems."""
