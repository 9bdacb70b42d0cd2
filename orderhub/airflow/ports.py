"""Credentials of connectors out of Airflow's connections."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from orderhub.airflow.credentials import credentials_of
from orderhub.connector import Credentials


def connection_credentials(name: str) -> Credentials | None:
    """What Airflow has under this name (its metadata, its secrets backend, or ``AIRFLOW_CONN_<NAME>``); None when it
    has no such connection, so that the hub's settings answer. The password never appears in the URL.

    For tasks and for Airflow's own processes; others ask ``orderhub.services.airflow_connections``.
    """
    try:
        return credentials_of(BaseHook.get_connection(name))
    except AirflowNotFoundException:
        return None
