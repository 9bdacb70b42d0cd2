"""``orderhub up``: the processes of the hub."""

from __future__ import annotations

from typing import Annotated

import typer


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Run the sample partner files through it first.")
    ] = False,
) -> None:
    """Start everything, print the addresses and the sign-in, stay until Ctrl-C, and leave no process behind."""
    from orderhub.services.settings import get_settings
    from orderhub.services.up import run_up

    raise typer.Exit(run_up(get_settings(), demo))
