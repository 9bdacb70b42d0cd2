"""Credentials of connectors out of Airflow's connections: one answer for tasks, the command line, the intake."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from orderhub.connector import Credentials
from orderhub.errors import ConnectorUnavailable
from orderhub.services.airflow_connections import AirflowConnections
from orderhub.services.airflow_parts import access_token
from orderhub.services.stack import Stack

pytestmark = pytest.mark.integration

CODE = """
import json
from orderhub.airflow.ports import connection_credentials
found = connection_credentials("erp")
whole = connection_credentials("whole")
print("\\n" + json.dumps({
    "url": found.url, "user": found.user, "secret": found.secret, "extra": dict(found.extra), "shown": repr(found),
    "whole": whole.url, "unknown": connection_credentials("unknown"),
}))
"""
ERP = {
    "conn_type": "https",
    "host": "erp.example.com",
    "port": 8000,
    "login": "hub",
    "password": "a secret",
    "schema": "production",
    "extra": {"company": "Acme"},
}


def test_a_connection_of_airflow_becomes_credentials_and_an_unknown_one_is_left_to_the_settings(
    tmp_path: Path,
) -> None:
    whole = {"conn_type": "http", "host": "https://erp.example.com/production"}
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_ERP": json.dumps(ERP),
        "AIRFLOW_CONN_WHOLE": json.dumps(whole),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "a secret" not in seen.pop("shown")
    assert seen == {
        "url": "https://erp.example.com:8000",
        "user": "hub",
        "secret": "a secret",
        "extra": {"company": "Acme", "database": "production"},
        "whole": "https://erp.example.com/production",
        "unknown": None,
    }


def asking() -> list[psutil.Process]:
    """The processes that ask Airflow for this one."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while it was looked at
            found += [child] if "orderhub.airflow.connections" in child.cmdline() else []
    return found


def test_others_ask_airflow_in_a_process_of_its_own_secrets_backend_first(tmp_path: Path) -> None:
    kept = {"erp": {**ERP, "host": "from-the-backend.example.com"}, "dotted": ERP}
    (tmp_path / "connections.json").write_text(json.dumps(kept), encoding="utf-8")
    surroundings = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_ERP": json.dumps(ERP),
        "AIRFLOW_CONN_PLAIN": "postgres://hub:a%20secret@db.example.com:5433/sales?sslmode=require",
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_file_path": str(tmp_path / "connections.json")}
        ),
    }
    ask = AirflowConnections(surroundings, "", kept=3600, idle=1.0)
    try:
        erp = ask("erp")
        assert erp is not None
        assert erp.url == "https://from-the-backend.example.com:8000"
        assert erp.secret == "a secret"
        plain = ask("plain")
        assert plain == Credentials(
            url="postgresql://db.example.com:5433/sales",
            user="hub",
            secret="a secret",
            extra={"sslmode": "require", "database": "sales"},
        )
        assert ask("nobody") is None
        end = time.monotonic() + 60
        while asking():
            assert time.monotonic() < end, "its process stays"
            time.sleep(0.1)
        assert (ask("erp"), ask("plain")) == (erp, plain)
        assert asking() == [], "asked again although it was told a moment ago"
        assert "airflow" not in sys.modules
    finally:
        ask.close()


def test_a_process_that_cannot_answer_is_an_error_that_a_retry_can_help(tmp_path: Path) -> None:
    ask = AirflowConnections(dict(os.environ), "", command=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(ConnectorUnavailable, match="erp"):
        ask("erp")
    nowhere = AirflowConnections({}, "postgresql://nobody@127.0.0.1:1/airflow")
    with pytest.raises(ConnectorUnavailable, match="database does not answer"):
        nowhere("erp")


class Hub:
    """Airflow's API as an administrator, and the hub's command line."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.client = httpx.Client(
            base_url=stack.endpoints.airflow_url,
            headers={"Authorization": f"Bearer {access_token(stack.endpoints)}"},
            timeout=60,
            trust_env=False,
        )

    def orderhub(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "orderhub.cli.main", *arguments],
            env=os.environ | self.stack.environment | more,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_airflow_shows_forms_for_the_hubs_connections_and_the_command_line_finds_what_is_entered(
    stack: Stack,
) -> None:
    hub = Hub(stack)
    told: list[dict[str, Any]] = hub.client.get("/ui/connections/hook_meta").raise_for_status().json()
    kinds = {one["connection_type"]: one for one in told}
    assert {f"orderhub_{name}" for name in ("rest", "soap", "sftp", "sql", "queue", "mail")} <= kinds.keys()
    rest = kinds["orderhub_rest"]
    assert rest["hook_name"] == "Orderhub REST"
    assert rest["standard_fields"]["host"]["title"] == "Address"
    assert "token_url" in rest["extra_fields"]
    assert rest["extra_fields"]["client_key_password"]["schema"]["format"] == "password"

    port = httpx.URL(stack.endpoints.airflow_url).port
    entered = {
        "connection_id": "acme_api",
        "conn_type": "orderhub_rest",
        "host": "127.0.0.1/v1",
        "port": port,
        "login": "hub",
        "password": "Geheim-4711",
        "extra": json.dumps({"scheme": "http", "auth": "basic", "client_key_password": "Geheim-4712"}),
    }
    hub.client.post("/api/v2/connections", json=entered).raise_for_status()
    try:
        code, said, errors = hub.orderhub("connection", "check", "acme_api", "--json")
        assert code == 0, errors
        seen = json.loads(said)
        assert (seen["from"], seen["address"], seen["user"]) == (
            "Airflow",
            f"http://127.0.0.1:{port}/v1",
            "hub",
        )
        assert seen["extra"] == ["auth", "client_key_password", "scheme"]
        assert seen["sentence"] == f"127.0.0.1 accepts connections at port {port}."
        assert "Geheim" not in said + errors

        code, said, errors = hub.orderhub("connection", "check", "erp", "--json")
        assert (code, json.loads(said)["from"]) == (0, "the hub's settings"), errors
        # the same name in Airflow has precedence everywhere
        elsewhere = json.dumps({"conn_type": "http", "host": "127.0.0.1", "port": 1})
        code, said, errors = hub.orderhub("connection", "check", "erp", "--json", AIRFLOW_CONN_ERP=elsewhere)
        assert (code, json.loads(said)["from"]) == (1, "Airflow"), errors
        code, said, errors = hub.orderhub(
            "connector",
            "check",
            "edifact_orders",
            "--use",
            "load tryton",
            "--json",
            AIRFLOW_CONN_ERP=elsewhere,
        )
        [row] = json.loads(said)
        assert (code, row["result"]) == (1, "failed"), errors
        code, said, errors = hub.orderhub("connector", "check", "edifact_orders", "--json")
        rows = json.loads(said)
        assert [row["use"] for row in rows] == ["pull", "load tryton", "load warehouse"], rows
        assert {row["result"] for row in rows} == {"ok"}, rows

        # the button of the pages asks in a process that Airflow's API server starts
        asked = hub.client.post(
            "/orderhub/api/v1/connectors/check", json={"flow": "edifact_orders"}, timeout=160
        )
        assert asked.status_code == 200, asked.text
        assert {(one["use"], one["ok"]) for one in asked.json()} == {
            ("pull", True),
            ("load tryton", True),
            ("load warehouse", True),
        }, asked.text

        code, said, errors = hub.orderhub("connection", "check", "nobody_knows_it")
        assert code == 2
        assert "Make one in Airflow" in errors
    finally:
        hub.client.delete("/api/v2/connections/acme_api")
        hub.client.close()
