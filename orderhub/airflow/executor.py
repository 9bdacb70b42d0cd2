"""A LocalExecutor that imports the heavy libraries once, before it forks its workers.

The scheduler starts its executor, which forks one worker per slot; each worker forks a process per task. Whatever is
imported before the first fork is there in all of them, shared copy-on-write, so that no task pays for it.
``[core] executor = orderhub.airflow.executor.PreloadedLocalExecutor``.
"""

from __future__ import annotations

import logging
import time

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

#: What Airflow and this package import anew in every task, otherwise.
OF_A_TASK = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.timetables.interval",
    "orderhub.airflow.dag_factory",
    "orderhub.airflow.steps",
)


class PreloadedLocalExecutor(LocalExecutor):
    """LocalExecutor with warm workers. Where workers are not forked (macOS) it is a LocalExecutor."""

    def start(self) -> None:
        """Preload, then fork the workers."""
        if self.is_mp_using_fork:
            from orderhub.services.preload import HEAVY, preload

            started = time.monotonic()
            imported = preload((*HEAVY, *OF_A_TASK))
            log.info("Preloaded %d modules in %.1f s", len(imported), time.monotonic() - started)
        super().start()
