"""Credentials of connectors out of Airflow's connections."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_a_connection_of_airflow_becomes_credentials_and_an_unknown_one_is_left_to_the_settings(
    tmp_path: Path,
) -> None:
    erp = {
        "conn_type": "https",
        "host": "erp.example.com",
        "port": 8000,
        "login": "hub",
        "password": "a secret",
        "schema": "production",
        "extra": {"company": "Acme"},
    }
    whole = {"conn_type": "http", "host": "https://erp.example.com/production"}
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_ERP": json.dumps(erp),
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
