"""``orderhub airflow``: Airflow's own command line, on the Airflow that the hub runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def airflow(
    arguments: Annotated[list[str] | None, typer.Argument(metavar="ARGUMENTS…")] = None,
) -> None:
    """Airflow's own command line on the hub's Airflow: `orderhub airflow backfill create --dag-id …`.

    Paths, addresses and secrets of the running hub are set for it; the rest is Airflow's.
    """
    from orderhub.services.catalogue import airflow_environment
    from orderhub.services.settings import get_settings

    command = (sys.executable, "-m", "airflow", *(arguments or []))
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **airflow_environment(get_settings())})  # noqa: S606 - no shell
