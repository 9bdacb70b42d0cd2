"""Cases that wait too long are reported, once."""

from __future__ import annotations

import datetime as dt
import logging

import pytest
from inbox_support import act, file, open_cases, something_of_everything, unknown_unit, unusable
from ledger_support import execute, ids
from sqlalchemy import Engine

from orderhub.ledger import inbox, inbox_actions, inbox_alerts
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import CaseState
from orderhub.ledger.states import InterchangeState

pytestmark = pytest.mark.integration


def test_a_case_that_is_too_old_is_reported_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    something_of_everything(engine)
    hours = {CaseState.QUARANTINED: 24.0, CaseState.IN_DOUBT: 1.0, CaseState.WAITING: 0.0}
    caplog.set_level(logging.WARNING)
    assert inbox_alerts.tell(engine, hours) == []
    execute(engine, "UPDATE ledger.inbox_case SET since = now() - interval '25 hours'")
    raised = inbox_alerts.tell(engine, hours)
    assert {str(one.reason): len(one.cases) for one in raised} == {
        "quarantined~VALUE_LOOKUP~lines[].unit~KTN": 2,
        "quarantined~VALUE_LOOKUP~lines[].unit~CRT": 1,
        "quarantined~RULE~lines[].quantity": 1,
        "in_doubt~EFFECT_IN_DOUBT~~warehouse": 1,
    }
    one, two = ids(engine, ["U-1", "U-2"])
    assert (
        f"INBOX_OVERDUE 2 quarantined for more than 24 h in flow acme_orders: VALUE_LOOKUP lines[].unit KTN: "
        f"document {one}, document {two}" in caplog.text
    )
    caplog.clear()
    assert inbox_alerts.tell(engine, hours) == []
    assert caplog.text == ""
    with transaction(engine) as connection:
        banner = inbox.alerts(connection)
    assert (banner.count, banner.states, banner.unowned) == (5, {"quarantined": 4, "in_doubt": 1}, 5)
    assert banner.oldest is not None and banner.oldest < dt.datetime.now(dt.UTC) - dt.timedelta(hours=24)
    assert len(open_cases(engine, overdue=True)) == 5
    # another threshold reports once more; what goes on is reported no longer
    assert len(inbox_alerts.tell(engine, {CaseState.QUARANTINED: 12.0})) == 3
    act(engine, inbox_actions.retry, *open_cases(engine, states=["quarantined"]))
    with transaction(engine) as connection:
        assert inbox.alerts(connection).states == {"in_doubt": 1}


def test_every_state_has_its_hours_in_the_settings() -> None:
    from orderhub.intake.process import alert_hours
    from orderhub.services.settings import Settings

    hours = alert_hours(Settings(alert_hours_in_doubt=0.5))
    assert set(hours) == set(CaseState)
    assert hours[CaseState.IN_DOUBT] == 0.5


def test_the_intake_reports_what_became_too_old(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    import time

    from orderhub.intake.housekeeping import AgeAlerts

    file(engine, "units.edi", [unusable(1, "U-1", unknown_unit("KTN"))], state=InterchangeState.REFUSED)
    execute(engine, "UPDATE ledger.inbox_case SET since = now() - interval '2 days'")
    caplog.set_level(logging.WARNING)
    chore = AgeAlerts(
        lambda: inbox_alerts.tell(engine, {CaseState.QUARANTINED: 24}), first_seconds=0.01, pause_seconds=0.02
    )
    chore.start()
    end = time.monotonic() + 15
    while "INBOX_OVERDUE" not in caplog.text and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.2)
    chore.stop()
    assert caplog.text.count("INBOX_OVERDUE") == 1
