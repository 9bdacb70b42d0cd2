"""The five steps as Airflow operators. The work is in ``orderhub.airflow.steps``, imported only when a task runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class StepOperator(BaseOperator):
    """Base of the five. ``flow`` is the flow's name."""

    ui_color = "#eef4fb"

    def __init__(self, *, flow: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow = flow


class PullOperator(StepOperator):
    """Brings what arrived into archive and ledger. XCom: ledger ids of the new interchanges."""

    def execute(self, context: Context) -> list[int]:
        from orderhub.airflow import steps

        return steps.pull(self.flow, context)


class TranslateOperator(StepOperator):
    """Makes canonical documents. XCom: ledger ids of the batches that are open, which the rest is mapped over."""

    def execute(self, context: Context) -> list[int]:
        from orderhub.airflow import steps

        return steps.translate(self.flow, context)


class BatchOperator(StepOperator):
    """Base of the steps that work on one batch. ``batch`` is its ledger id."""

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: Any, **kwargs: Any) -> None:
        super().__init__(map_index_template="batch {{ task.batch }}", do_xcom_push=False, **kwargs)
        self.batch = batch


class ValidateOperator(BatchOperator):
    """Checks a batch against schema and suite; bad documents go to quarantine."""

    ui_color = "#fdf6e3"

    def execute(self, context: Context) -> None:
        from orderhub.airflow import steps

        steps.validate(self.flow, context, int(self.batch))


class LoadOperator(BatchOperator):
    """Brings a batch's accepted documents into one target."""

    ui_color = "#edf7ed"

    def __init__(self, *, target: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target

    def execute(self, context: Context) -> None:
        from orderhub.airflow import steps

        steps.load(self.flow, context, int(self.batch), self.target)


class AcknowledgeOperator(StepOperator):
    """Records the technical answers that are due."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(do_xcom_push=False, **kwargs)

    def execute(self, context: Context) -> None:
        from orderhub.airflow import steps

        steps.acknowledge(self.flow, context)


class VerdictOperator(BaseOperator):
    """Green when no step failed. The scheduler sets its state; nothing is ever executed."""

    inherits_from_empty_operator = True

    def execute(self, context: Context) -> None:
        """Never called."""
