"""Starting runs through Airflow's public API, as the hub's own user. Imports nothing of Airflow."""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from typing import Any

import httpx

from orderhub.errors import ServiceError


class SchedulerUnavailable(ServiceError):
    """Airflow does not answer now."""

    code = "AIRFLOW_UNAVAILABLE"
    retryable = True


class Started(StrEnum):
    """``queued``: a run was queued. ``covered``: one was waiting already, which will pull what is there. ``unknown``:
    Airflow has no such DAG (yet)."""

    QUEUED = "queued"
    COVERED = "covered"
    UNKNOWN = "unknown"


class SchedulerApi:
    """A signed-in client. ``queue_run`` is safe to repeat: it never makes more than one run wait per flow."""

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 15.0) -> None:
        self._user = user
        self._password = password
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False)
        self._signed_in = False

    def queue_run(self, flow: str, reminder: bool = False) -> Started:
        """Make sure that a run of the flow starts after this moment; for a reminder, that one is at work or will be.

        :raises SchedulerUnavailable: no answer, or one that says "not now".
        :raises ServiceError: Airflow refuses (sign-in, rights).
        """
        path = f"/api/v2/dags/{flow}/dagRuns"
        states = ["queued", "running"] if reminder else ["queued"]
        waiting = self._ask("GET", path, params={"state": states, "limit": 1})
        if waiting.status_code == httpx.codes.NOT_FOUND:
            return Started.UNKNOWN
        self._expect(waiting, httpx.codes.OK)
        # Whoever waits has not pulled yet: its pull will see everything that is there now.
        if waiting.json()["total_entries"] > 0:
            return Started.COVERED
        now = dt.datetime.now(dt.UTC)
        body = {
            "dag_run_id": f"arrival__{now.isoformat(timespec='milliseconds')}_{uuid.uuid4().hex[:4]}",
            "logical_date": None,
        }
        queued = self._ask("POST", path, json=body)
        if queued.status_code in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST):
            # not parsed yet, or its file is broken at the moment: the same answer until that changes
            return Started.UNKNOWN
        self._expect(queued, httpx.codes.OK)
        return Started.QUEUED

    def close(self) -> None:
        """Give the connection back; safe to call twice."""
        self._client.close()

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            if not self._signed_in:
                self._sign_in()
            answer = self._client.request(method, path, **more)
            if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                # the token ended, or Airflow was set up anew
                self._sign_in()
                answer = self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise SchedulerUnavailable(
                f"Airflow does not answer: {error or type(error).__name__}.",
                todo="It is tried again; look at `orderhub status` if this goes on.",
            ) from error
        return answer

    def _sign_in(self) -> None:
        self._signed_in = False
        answer = self._client.post("/auth/token", json={"username": self._user, "password": self._password})
        self._expect(answer, httpx.codes.CREATED)
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self._signed_in = True

    @staticmethod
    def _expect(answer: httpx.Response, status: int) -> None:
        if answer.status_code == status:
            return
        place = f"{answer.request.method} {answer.request.url.path}"
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code in (
            httpx.codes.TOO_MANY_REQUESTS,
            httpx.codes.CONFLICT,
        ):
            raise SchedulerUnavailable(
                f"Airflow answered {answer.status_code} to {place}.", todo="It is tried again."
            )
        raise ServiceError(
            f"Airflow refused {place} with {answer.status_code}.",
            todo="Check airflow_user and airflow_password, and that this user may start DAG runs.",
        )
