"""``orderhub quality``: what the suites found, and the data docs about it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, console, print_json, print_table

app = typer.Typer(help="Quality: which rules are broken how often, and the data docs.", no_args_is_help=True)


@app.command("list")
def list_rules(
    days: Annotated[int, typer.Option(min=1, max=3650, help="Over so many days.")] = 7,
    json_output: Json = False,
) -> None:
    """Every rule that was looked at, the most broken first."""
    from orderhub.ledger import validations
    from orderhub.ledger.engine import transaction

    since = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    with hub.ledger() as engine, transaction(engine) as connection:
        figures = validations.figures(connection, since)
    if json_output:
        print_json(figures)
        return
    rows = [
        {
            "suite": figure.suite,
            "rule": figure.rule,
            "broken": f"{figure.unexpected:,}",
            "of": f"{figure.evaluated:,}",
            "share": f"{100 * figure.unexpected / figure.evaluated:.1f} %" if figure.evaluated else "",
            "last": f"{figure.last_broken_at:%Y-%m-%d %H:%M}" if figure.last_broken_at else "",
        }
        for figure in figures
    ]
    title = f"Rules, last {days} day{'s' if days != 1 else ''}"
    print_table(
        title, ("suite", "rule", "broken", "of", "share", "last"), rows, empty="Nothing was validated."
    )


@app.command("build")
def build(
    folder: Annotated[
        Path | None, typer.Option(help="Where the site goes; else the data folder, where the pages read it.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Bring the data docs up to date: a page per suite and one per validation. The hub does so by itself every few minutes
    when something was validated."""
    from orderhub.services.data_docs import data_docs_folder
    from orderhub.services.settings import get_settings
    from orderhub.validate.data_docs import build as build_site

    settings = get_settings()
    target = folder or data_docs_folder(settings)
    with hub.ledger() as engine:
        written = build_site(engine, settings.path("schemas_folder") / "expectations", target)
    if json_output:
        print_json({"folder": str(target), "written": written})
        return
    console().print(f"{len(written)} pages written; the site is {target / 'index.html'}", soft_wrap=True)
