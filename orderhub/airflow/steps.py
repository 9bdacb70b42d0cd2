"""What a task does: open the hub's context, run one stage, say in the log what came of it. Imported by tasks only."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowFailException

from orderhub.errors import HubError

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


@contextmanager
def _typed_failures() -> Iterator[None]:
    """An error that a retry cannot help fails the task at once; the message says what to do."""
    try:
        yield
    except HubError as error:
        if error.retryable:
            raise
        raise AirflowFailException(str(error)) from error


def pull(flow: str, context: Context) -> list[int]:
    """Run the stage; ledger ids of the new interchanges."""
    raise NotImplementedError


def translate(flow: str, context: Context) -> list[int]:
    """Run the stage; ledger ids of the open batches."""
    raise NotImplementedError


def validate(flow: str, context: Context, batch: int) -> None:
    """Run the stage on one batch."""
    raise NotImplementedError


def load(flow: str, context: Context, batch: int, target: str) -> None:
    """Run the stage on one batch and target."""
    raise NotImplementedError


def acknowledge(flow: str, context: Context) -> Any:
    """Run the stage."""
    raise NotImplementedError
