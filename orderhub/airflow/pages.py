"""Builds the web application for the API server, with Airflow's users and the hub's stores."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from fastapi import FastAPI

from orderhub.airflow.ports import connection_credentials
from orderhub.airflow.scheduler import AirflowScheduler
from orderhub.airflow.users import current_user
from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.cache import NoCache, ValkeyCache
from orderhub.flows.context import HubContext, open_context
from orderhub.flows.health import CheckResult, ConnectorUse, recall
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.wake import WakeStream
from orderhub.ledger import queries
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine, transaction
from orderhub.partners.registry import PartnerRegistry
from orderhub.security.keys import KeyRing
from orderhub.services import endpoints
from orderhub.services.checks import check_apart
from orderhub.services.data_docs import data_docs_folder
from orderhub.services.settings import get_settings
from orderhub.source import DocumentTrace, document_trace
from orderhub.stage import Cache
from orderhub.web.acting import LedgerActions
from orderhub.web.app import create_app
from orderhub.web.intake import Intake
from orderhub.web.ports import WebSettings

log = logging.getLogger(__name__)


class ApartChecker:
    """:class:`orderhub.web.ports.Checker` that asks in a process of its own; what others found out stands in the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def last(self, use: ConnectorUse) -> CheckResult | None:
        return recall(self._cache, use)

    def check(self, flows: Sequence[str], use: str | None) -> list[CheckResult]:
        return check_apart(flows, use)


def web_app(root_path: str) -> FastAPI:
    """The app to be mounted. Connects to nothing before the first request.

    :raises HubError: the hub was never started, or its settings are wrong.
    """
    settings = get_settings()
    reachable = endpoints.load(settings)
    engine = create_engine(reachable.database_url)

    def wake_flow(flow: str) -> None:
        # requests come in many threads, and one stream object belongs to one
        stream = WakeStream(reachable.valkey_url)
        try:
            if not stream.publish(flow):
                log.info("Valkey is away; the intake finds the work of %s in the ledger", flow)
        finally:
            stream.close()

    def wake(document: int) -> None:
        with transaction(engine) as connection:
            found = queries.document_path(connection, document)
        if found is not None:
            wake_flow(found.row.flow)

    context: HubContext | None = None
    one_at_a_time = threading.Lock()

    def trace(document: int) -> DocumentTrace:
        # mappings are compiled when the first page asks for them; they are shared, and so is the lock
        nonlocal context
        with one_at_a_time:
            if context is None:
                context = open_context(
                    settings, reachable, worker="pages", connections=connection_credentials
                )
            return document_trace(context, document)

    archive = Archive(reachable.archive_url, KeyRing.from_text(reachable.archive_key))
    flows = FlowRegistry(settings.path("flows_folder"))
    partners = PartnerRegistry(settings.path("partners_folder"))
    return create_app(
        engine=engine,
        archive=archive,
        current_user=current_user,
        actions=LedgerActions(engine, wake=wake),
        suites=settings.path("schemas_folder") / "expectations",
        data_docs=data_docs_folder(settings),
        wake=wake_flow,
        flows=flows,
        partners=partners,
        connectors=ConnectorRegistry(settings.path("connectors_folder")),
        checker=ApartChecker(ValkeyCache(reachable.valkey_url) if reachable.valkey_url else NoCache()),
        scheduler=AirflowScheduler(),
        tracer=trace,
        posted=Intake(
            engine,
            archive,
            flows,
            partners=partners,
            connectors=settings.path("connectors_folder"),
            wake=wake_flow,
            valkey_url=reachable.valkey_url,
        ),
        settings=WebSettings(
            sign_in_url=f"{root_path}/api/v2/auth/login?next={{next}}",
            run_url=f"{root_path}/dags/{{dag}}/runs/{{run}}",
            flow_url=f"{root_path}/dags/{{dag}}",
        ),
    )
