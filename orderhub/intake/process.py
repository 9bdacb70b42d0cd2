"""``orderhub intake``: the intake with the hub's own settings, addresses and flows."""

from __future__ import annotations

import datetime as dt
import logging

from sqlalchemy import Engine

from orderhub.connector_registry import ConnectorRegistry
from orderhub.flows.cache import ValkeyCache
from orderhub.flows.health import CheckResult, remember
from orderhub.flows.registry import FlowRegistry
from orderhub.intake.housekeeping import AgeAlerts, ConnectorChecks, DataDocs, Housekeeping
from orderhub.intake.polling.messages import Use
from orderhub.intake.polling.poller import Poller
from orderhub.intake.reminders import LedgerView
from orderhub.intake.scheduler_api import SchedulerApi
from orderhub.intake.watcher import Intake, stop_on_signals
from orderhub.ledger import backlog, flow_state, inbox_alerts, validations
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import create_engine, transaction
from orderhub.ledger.inbox import CaseState
from orderhub.ledger.sweep import sweep_archive
from orderhub.security.keys import KeyRing
from orderhub.services import endpoints as addresses
from orderhub.services.checks import check_apart
from orderhub.services.data_docs import build_apart
from orderhub.services.settings import Settings, get_settings

log = logging.getLogger(__name__)

#: Validations are kept so long for the figures; findings stay with their documents for ever.
VALIDATIONS_KEPT = dt.timedelta(days=180)


def sweep(engine: Engine, reachable: addresses.Endpoints) -> list[str]:
    """Remove what a crash left in the archive without a row; returns its names.

    The archive is opened for each sweep: one that is away now does not keep the intake from starting.
    """
    return sweep_archive(engine, Archive(reachable.archive_url, KeyRing.from_text(reachable.archive_key)))


def alert_hours(settings: Settings) -> dict[CaseState, float]:
    """After how many hours a case of each state is reported."""
    files = settings.alert_hours_files
    return {
        CaseState.QUARANTINED: settings.alert_hours_quarantined,
        CaseState.CONFLICT: settings.alert_hours_quarantined,
        CaseState.REJECTED: settings.alert_hours_rejected,
        CaseState.WAITING: settings.alert_hours_waiting,
        CaseState.REFUSED: files,
        CaseState.READ: files,
        CaseState.PARTIAL: files,
        CaseState.UNKNOWN_SENDER: settings.alert_hours_unknown_sender,
        CaseState.IN_DOUBT: settings.alert_hours_in_doubt,
    }


def run(settings: Settings | None = None) -> None:
    """Work until SIGTERM or SIGINT.

    :raises ServiceError: the hub was never started, so that no address is known.
    """
    settings = settings or get_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("httpx", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    reachable = addresses.load(settings)
    connectors = ConnectorRegistry(settings.path("connectors_folder"))
    api = SchedulerApi(reachable.airflow_url, reachable.airflow_user, reachable.airflow_password)
    engine = create_engine(reachable.database_url, pool_size=2)
    housekeeping = Housekeeping(lambda: sweep(engine, reachable))
    alerts = AgeAlerts(lambda: inbox_alerts.tell(engine, alert_hours(settings)))

    def newest_validation() -> int | None:
        with transaction(engine) as connection:
            validations.forget(connection, dt.datetime.now(dt.UTC) - VALIDATIONS_KEPT)
            rows = validations.latest(connection, limit=1)
        return rows[0].id if rows else None

    docs = DataDocs(newest_validation, build_apart)
    checks = ConnectorChecks(lambda: check_apart(()))
    cache = ValkeyCache(reachable.valkey_url)

    def told(use: Use, ok: bool, sentence: str) -> None:
        remember(
            cache, CheckResult(flow=use.flow, use="pull", connector=use.connector, ok=ok, sentence=sentence)
        )

    def look() -> LedgerView:
        with transaction(engine) as connection:
            return LedgerView(
                paused=flow_state.paused_flows(connection), open=backlog.flows_with_work(connection)
            )

    intake = Intake(
        FlowRegistry(settings.path("flows_folder")),
        lambda flow: connectors.settings(flow.pull.connector, flow.pull.settings),
        reachable.inbox_folder,
        api.queue_run,
        valkey_url=reachable.valkey_url,
        ledger=look,
        poller=lambda arrived: Poller(arrived, told=told),
    )
    stop_on_signals(intake)
    housekeeping.start()
    alerts.start()
    docs.start()
    checks.start()
    try:
        intake.run()
    finally:
        checks.stop()
        docs.stop()
        alerts.stop()
        housekeeping.stop()
        api.close()
        engine.dispose()
