"""Who sends a request, as Airflow's sign-in knows it: bearer token first, else the session's cookie."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from orderhub.web.ports import User


async def current_user(request: Request) -> User | None:
    """The signed-in user, None for nobody. Who may read DAGs reads documents; who may start runs may act on them."""
    credentials = await bearer_scheme(request)
    try:
        user = await get_user(request, None, credentials)
    except HTTPException:
        # no token, one that has ended, one that was revoked, or a forged one: nobody
        return None
    # an auth manager may ask its database
    return await run_in_threadpool(_allowed, user)


def _allowed(user: Any) -> User:
    manager = get_auth_manager()
    return User(
        id=str(user.get_id()),
        name=str(user.get_name()),
        can_read=manager.is_authorized_dag(method="GET", user=user),
        can_act=manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, user=user),
    )
