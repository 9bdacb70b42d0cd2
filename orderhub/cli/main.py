"""Entry point of the ``orderhub`` command: the command tree, and how errors end it."""

from __future__ import annotations

import os
import sys

import typer

from orderhub import __version__
from orderhub.cli import connector, document, flow, generate, mapping, services, status, translate
from orderhub.errors import HubError

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
app.add_typer(connector.app, name="connector")
app.command("translate")(translate.translate)
app.command("generate")(generate.generate)
app.command("status")(status.status)
app.command("up")(services.up)
app.command("intake")(services.intake)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"orderhub {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say the version."
    ),
) -> None:
    """Purchase orders and supplier data between companies and their systems."""


def main() -> None:
    """Run the command. An error that the hub raises on purpose is one line on standard error and exit code 2 (1 when
    trying again later can help); a closed pipe ends quietly."""
    try:
        app()
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1 if error.retryable else 2)
    except BrokenPipeError:
        # The reader (head, less) went away: standard output must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
