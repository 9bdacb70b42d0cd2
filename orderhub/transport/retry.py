"""Trying again, with waits that grow and are scattered. Only what did not happen is tried again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pydantic
import tenacity

from orderhub.errors import ConnectorUnavailable

log = logging.getLogger(__name__)


class Overloaded(ConnectorUnavailable):
    """The other side refused for now, before it did anything, and may have said for how long.

    :param wait_seconds: what it asked for; None when it did not say.
    """

    def __init__(self, what: str, *, todo: str, wait_seconds: float | None = None) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(what, todo=todo)


class RetrySettings(pydantic.BaseModel):
    """``attempts`` counts the first one. The n-th wait is a random time up to ``first_seconds`` × 2^(n-1), at most
    ``most_seconds``; where the other side names a longer wait, that one, and none at all when it exceeds ``most_seconds``:
    then the caller's scheduler is the one to wait."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    attempts: int = pydantic.Field(default=3, ge=1, le=20)
    first_seconds: float = pydantic.Field(default=0.5, ge=0, le=60)
    most_seconds: float = pydantic.Field(default=20.0, ge=0, le=600)


def retrying(settings: RetrySettings, *, sleep: Callable[[float], None] = time.sleep) -> tenacity.Retrying:
    """``retrying(settings)(call, *arguments)``: calls again after ``ConnectorUnavailable`` and no other error, and raises the
    last one as it is."""
    scattered = tenacity.wait_random_exponential(multiplier=settings.first_seconds, max=settings.most_seconds)

    def wait(state: tenacity.RetryCallState) -> float:
        return max(scattered(state), _asked(state) or 0.0)

    def again(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        return isinstance(error, ConnectorUnavailable) and (_asked(state) or 0.0) <= settings.most_seconds

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(settings.attempts),
        wait=wait,
        retry=again,
        before_sleep=_note,
        sleep=sleep,
        reraise=True,
    )


def _asked(state: tenacity.RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.wait_seconds if isinstance(error, Overloaded) else None


def _note(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome is not None else None
    pause = state.next_action.sleep if state.next_action is not None else 0.0
    log.info("attempt %d failed, the next one in %.1f s: %s", state.attempt_number, pause, error)
