"""``orderhub intake``: the intake with the hub's own settings, addresses and flows."""

from __future__ import annotations

import logging

from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.scheduler_api import SchedulerApi
from orderhub.intake.watcher import Intake, stop_on_signals
from orderhub.services import endpoints as addresses
from orderhub.services.settings import Settings, get_settings

log = logging.getLogger(__name__)


def run(settings: Settings | None = None) -> None:
    """Work until SIGTERM or SIGINT.

    :raises ServiceError: the hub was never started, so that no address is known.
    """
    settings = settings or get_settings()
    reachable = addresses.load(settings)
    connectors = ConnectorRegistry(settings.path("connectors_folder"))
    api = SchedulerApi(reachable.airflow_url, reachable.airflow_user, reachable.airflow_password)
    intake = Intake(
        FlowRegistry(settings.path("flows_folder")),
        lambda flow: connectors.settings(flow.pull.connector, flow.pull.settings),
        reachable.inbox_folder,
        api.queue_run,
        valkey_url=reachable.valkey_url,
    )
    stop_on_signals(intake)
    try:
        intake.run()
    finally:
        api.close()
