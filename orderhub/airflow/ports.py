"""Credentials of connectors out of Airflow's connections."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from orderhub.connector import Credentials


def connection_credentials(name: str) -> Credentials | None:
    """What Airflow has under this name (its metadata, its secrets backend, or ``AIRFLOW_CONN_<NAME>``); None when it
    has no such connection, so that the hub's settings answer. The password never appears in the URL."""
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    extra = dict(found.extra_dejson)
    if found.schema:
        extra.setdefault("database", found.schema)
    return Credentials(url=_url(found), user=found.login, secret=found.password, extra=extra)


def _url(connection: object) -> str:
    scheme = str(getattr(connection, "conn_type", "") or "http")
    host = str(getattr(connection, "host", "") or "")
    if "://" in host:
        # a whole URL may stand in the host field; it is taken as it is
        return host
    port = getattr(connection, "port", None)
    return f"{scheme}://{host}" + (f":{port}" if port else "")
