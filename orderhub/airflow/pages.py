"""Builds the web application for the API server, with Airflow's users and the hub's stores."""

from __future__ import annotations

import logging

from fastapi import FastAPI

from orderhub.airflow.users import current_user
from orderhub.intake.wake import WakeStream
from orderhub.ledger import queries
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine, transaction
from orderhub.security.keys import KeyRing
from orderhub.services import endpoints
from orderhub.services.settings import get_settings
from orderhub.web.acting import LedgerActions
from orderhub.web.app import create_app
from orderhub.web.ports import WebSettings

log = logging.getLogger(__name__)


def web_app(root_path: str) -> FastAPI:
    """The app to be mounted. Connects to nothing before the first request.

    :raises HubError: the hub was never started, or its settings are wrong.
    """
    reachable = endpoints.load(get_settings())
    engine = create_engine(reachable.database_url)

    def wake(document: int) -> None:
        with transaction(engine) as connection:
            found = queries.document_path(connection, document)
        if found is None:
            return
        # requests come in many threads, and one stream object belongs to one
        stream = WakeStream(reachable.valkey_url)
        try:
            if not stream.publish(found.row.flow):
                log.info("Valkey is away; the intake finds document %d in the ledger", document)
        finally:
            stream.close()

    return create_app(
        engine=engine,
        archive=Archive(reachable.archive_url, KeyRing.from_text(reachable.archive_key)),
        current_user=current_user,
        actions=LedgerActions(engine, wake=wake),
        settings=WebSettings(
            sign_in_url=f"{root_path}/api/v2/auth/login?next={{next}}",
            run_url=f"{root_path}/dags/{{dag}}/runs/{{run}}",
            flow_url=f"{root_path}/dags/{{dag}}",
        ),
    )
