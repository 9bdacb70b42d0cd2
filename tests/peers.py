"""Peers that must be there: with ORDERHUB_REQUIRE_PEERS a test that is skipped for want of one fails.

Skips for other reasons stay: another operating system, an ordinary user, no Oracle (marker ``oracle``), no corpus.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

VARIABLE = "ORDERHUB_REQUIRE_PEERS"
_PEERS = re.compile(
    r"chromium|playwright|browser|postgres|valkey|tryton|airflow|openssh|sshd|sftp|mariadb|odbc|rabbitmq|dovecot|pyftpdlib|aiosmtpd|mock-sap|node|npm|soap",
    re.IGNORECASE,
)
_ALLOWED = re.compile(r"oracle|corpus", re.IGNORECASE)


def peer_is_missing(reason: str) -> bool:
    """Whether a test that is skipped for this reason lacks one of the peers, where they are required."""
    required = os.environ.get(VARIABLE, "") not in ("", "0")
    return required and bool(_PEERS.search(reason)) and not _ALLOWED.search(reason)


def _insist(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if peer_is_missing(reason):
        report.outcome = "failed"
        report.longrepr = f"{VARIABLE} is set, and a peer is missing: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.get_closest_marker("oracle") is None:
        _insist(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _insist(report)
    return report
