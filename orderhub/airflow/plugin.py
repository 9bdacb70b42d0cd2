"""Orderhub's pages and API inside Airflow: mounted at /orderhub, framed in Airflow's navigation, behind its sign-in.

Loaded by every Airflow process, by each task too: it imports nothing but Airflow's plugin class. The pages are built
when the API server asks for them.
"""

from __future__ import annotations

import functools
import logging
from typing import Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from orderhub.errors import HubError

log = logging.getLogger(__name__)

MOUNT = "/orderhub"


def root_path() -> str:
    """The path that Airflow is served under, without a slash at the end; empty in most installations."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


class OrderhubPlugin(AirflowPlugin):  # type: ignore[misc, unused-ignore]
    """What Airflow gets of the hub."""

    name = "orderhub"

    @functools.cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The web application. When the hub was never started there is none, and the log says what to do."""
        from orderhub.airflow.pages import web_app

        try:
            app = web_app(root_path())
        except HubError:
            log.exception("Orderhub's pages are not there")
            return []
        return [{"app": app, "url_prefix": MOUNT, "name": "Orderhub"}]

    @functools.cached_property
    def external_views(self) -> list[dict[str, Any]]:
        """The navigation entry, and a tab on every flow and every run of one."""
        base = root_path() + MOUNT
        icon = f"{base}/static/logo.svg"
        return [
            {
                "name": "Orderhub",
                "href": f"{base}/",
                "destination": "nav",
                "url_route": "orderhub",
                "nav_top_level": True,
                "icon": icon,
                "icon_dark_mode": icon,
            },
            {
                "name": "Flow",
                "href": f"{base}/flows/{{DAG_ID}}",
                "destination": "dag",
                "url_route": "orderhub-flow",
                "icon": icon,
                "icon_dark_mode": icon,
            },
            {
                "name": "Documents",
                "href": f"{base}/runs?flow={{DAG_ID}}&run={{RUN_ID}}",
                "destination": "dag_run",
                "url_route": "orderhub-run",
                "icon": icon,
                "icon_dark_mode": icon,
            },
        ]
