"""A hub for tests of the stages: real ledger, archive and warehouse on a database and folders of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import text

from orderhub.connector import Credentials
from orderhub.flows.context import open_context
from orderhub.flows.registry import FlowRegistry
from orderhub.flows.runner import run_flow
from orderhub.security.keys import KeyRing
from orderhub.services.endpoints import Endpoints
from orderhub.stage import Flow, HubContext, RunResult

PROJECT = Path(__file__).resolve().parents[1]


class ProjectFolders:
    """The project's own folders, some of them replaced."""

    def __init__(self, **replaced: Path) -> None:
        self._replaced = replaced

    def path(self, name: str) -> Path:
        return self._replaced.get(name, PROJECT / name.removesuffix("_folder"))


def endpoints_for(
    database_url: str, folder: Path, *, valkey_url: str = "", erp: Endpoints | None = None
) -> Endpoints:
    """Addresses of a hub with its archive and inbox in a folder."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    return Endpoints(
        database_url=database_url,
        airflow_database_url="",
        erp_database_url="",
        valkey_url=valkey_url,
        archive_url=(folder / "archive").as_uri(),
        archive_key=KeyRing.generate(),
        inbox_folder=inbox,
        erp_url=erp.erp_url if erp else "http://127.0.0.1:9",
        erp_database=erp.erp_database if erp else "none",
        erp_user=erp.erp_user if erp else "admin",
        erp_password=erp.erp_password if erp else "none",
        airflow_url="",
        airflow_user="",
        airflow_password="",
    )


@dataclass
class Hub:
    """One flow at work. ``drop`` puts a file into its folder, ``run`` runs its five stages."""

    ctx: HubContext
    flow: Flow
    inbox: Path
    endpoints: Endpoints

    def drop(self, source: Path | bytes, name: str | None = None) -> Path:
        """Put a file into the flow's folder by rename."""
        target = self.inbox / (name or (source.name if isinstance(source, Path) else "file"))
        part = target.with_name(f".{target.name}.part")
        if isinstance(source, Path):
            shutil.copyfile(source, part)
        else:
            part.write_bytes(source)
        return part.replace(target)

    def run(self) -> RunResult:
        return run_flow(self.ctx, self.flow)

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of the test's database."""
        with self.ctx.ledger.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def interchanges(self) -> dict[str, dict[str, Any]]:
        """Name to row, the last of each name."""
        return {row["name"]: row for row in self.rows("SELECT * FROM ledger.interchange ORDER BY id")}

    def documents(self) -> list[dict[str, Any]]:
        """All documents but superseded ones, with their file."""
        return self.rows(
            "SELECT i.name AS file, d.* FROM ledger.document d JOIN ledger.interchange i ON i.id = d.interchange_id "
            "WHERE d.state <> 'superseded' ORDER BY d.id"
        )


@contextmanager
def hub(
    flow_name: str,
    database_url: str,
    folder: Path,
    *,
    targets: Sequence[str] = ("warehouse",),
    valkey_url: str = "",
    erp: Endpoints | None = None,
    lease_seconds: float = 5,
    settle_at_once: bool = True,
    folders: ProjectFolders | None = None,
    worker: str | None = None,
    endpoints: Endpoints | None = None,
    connections: Callable[[str], Credentials | None] | None = None,
    **changes: Any,
) -> Iterator[Hub]:
    """A flow of the project with some of its targets. ``connections`` gives those of its connectors by name."""
    chosen = folders or ProjectFolders()
    reach = endpoints or endpoints_for(database_url, folder, valkey_url=valkey_url, erp=erp)
    flow = FlowRegistry(chosen.path("flows_folder")).get(flow_name)
    settings = dict(flow.pull.settings)
    if settle_at_once:
        settings |= {"stable_seconds": 0, "incomplete_after_seconds": 0}
    flow = msgspec.structs.replace(
        flow,
        load=tuple(target for target in flow.load if target.name in targets),
        pull=msgspec.structs.replace(flow.pull, settings=settings),
        **changes,
    )
    inbox = reach.inbox_folder / str(settings.get("path", "."))
    inbox.mkdir(parents=True, exist_ok=True)
    ctx = open_context(chosen, reach, worker=worker, lease_seconds=lease_seconds, connections=connections)
    try:
        yield Hub(ctx=ctx, flow=flow, inbox=inbox, endpoints=reach)
    finally:
        ctx.close()
