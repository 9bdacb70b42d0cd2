"""The flow over a partner's SFTP server in Airflow, woken by the intake when a file arrives."""

from __future__ import annotations

import json
import shutil

import pytest
from airflow_support import signed_in, until
from servers.sshd import Sshd
from test_sftp_flow import (
    FLOW,
    FLOWS,
    GOOD,
    SAMPLES,
    answers,
    drop,
    left,
    partner,  # noqa: F401 - a fixture
    processed,
)

from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def own(name: str) -> bytes:
    """A sample with numbers that no other test sends to this Airflow: there they would be duplicates."""
    data = (SAMPLES / name).read_bytes()
    for number, ours in (
        (b"PO-2026-", b"SFTP-26-"),
        (b"BP-88", b"SP-88"),
        (b"ACME0", b"SFTA0"),
        (b"BOR0", b"SFB0"),
    ):
        data = data.replace(number, ours)
    return data


def test_airflow_runs_the_flow_when_a_file_arrives_at_the_partner(
    stack: Stack,
    partner: Sshd,  # noqa: F811 - the fixture
) -> None:
    with signed_in(stack) as airflow:
        entered = {
            "connection_id": "acme_sftp",
            "conn_type": "orderhub_sftp",
            "host": "127.0.0.1",
            "port": partner.port,
            "login": partner.user,
            "extra": json.dumps(
                {"private_key": partner.user_key.read_text(), "fingerprint": partner.fingerprint}
            ),
        }
        airflow.post("/api/v2/connections", json=entered).raise_for_status()
        shutil.copytree(FLOWS, stack.settings.path("flows_folder"), dirs_exist_ok=True)
        until(lambda: airflow.get(f"/api/v2/dags/{FLOW}").is_success, "the flow's DAG")
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": False}).raise_for_status()
        for name in GOOD:
            drop(partner, name, own(name))
        until(lambda: len(answers(partner)) == 3, "the answers at the partner's server")
        assert processed(partner) == sorted(GOOD)
        assert left(partner) == []
        page = airflow.get(f"/orderhub/flows/{FLOW}")
        assert page.is_success
        assert "sftp" in page.text
        assert GOOD[0] in airflow.get("/orderhub/files", params={"flow": FLOW}).text
        # the server ends here, and nobody is to ask it any more
        airflow.patch(f"/api/v2/dags/{FLOW}", json={"is_paused": True}).raise_for_status()
