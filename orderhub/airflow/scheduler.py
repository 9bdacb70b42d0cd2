"""What Airflow's own database says of schedules and runs, for the hub's pages. Read in the API server only."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from sqlalchemy import select

from orderhub.web.ports import Schedule, ScheduledRun


class AirflowScheduler:
    """:class:`orderhub.web.ports.Scheduler` on Airflow's models: a flow's DAG has the flow's name."""

    def schedules(self, flows: Sequence[str]) -> dict[str, Schedule]:
        """By flow; flows whose DAG was not parsed yet are left out."""
        asked = select(DagModel.dag_id, DagModel.is_paused, DagModel.next_dagrun_create_after).where(
            DagModel.dag_id.in_(flows), DagModel.is_stale.is_(False)
        )
        with create_session(scoped=False) as session:
            rows = session.execute(asked).all()
        return {row.dag_id: Schedule(row.next_dagrun_create_after, bool(row.is_paused)) for row in rows}

    def runs(self, flows: Sequence[str], *, size: int) -> dict[str, list[ScheduledRun]]:
        """The newest runs of each flow, newest first."""
        found: dict[str, list[ScheduledRun]] = {}
        with create_session(scoped=False) as session:
            for flow in flows:
                asked = (
                    select(DagRun.run_id, DagRun.state, DagRun.run_type, DagRun.start_date, DagRun.end_date)
                    .where(DagRun.dag_id == flow)
                    .order_by(DagRun.id.desc())
                    .limit(size)
                )
                found[flow] = [
                    ScheduledRun(row.run_id, str(row.state), str(row.run_type), row.start_date, row.end_date)
                    for row in session.execute(asked)
                ]
        return found
