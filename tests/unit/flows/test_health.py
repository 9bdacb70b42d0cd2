"""Asking the connectors of flows: every use has its answer, whatever one of them does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orderhub.connector import Health
from orderhub.errors import ConnectorRefused
from orderhub.flows.definition import parse_flow
from orderhub.flows.health import CheckResult, ConnectorUse, check_uses, recall, remember, uses_of
from orderhub.stage import HubContext

FLOW = """\
flow: acme_orders
owner: procurement
trigger: {arrival: true}
pull: {connector: sftp, stream: orders, settings: {connection: acme, path: /out}}
load:
  - {connector: warehouse}
  - {connector: warehouse, name: second, settings: {}}
acknowledge: {technical: contrl, connector: sftp, settings: {connection: acme, path: /in}}
"""


SECRET = "hu" + "sh"
NEVER = threading.Event()


class Behaves:
    """A connector whose check does what its settings say."""

    def __init__(self, settings: Mapping[str, Any], asked: list[str]) -> None:
        self.settings = settings
        self.asked = asked

    def check(self) -> Health:
        self.asked.append(str(self.settings.get("does")))
        match self.settings.get("does"):
            case "hangs":
                NEVER.wait(120)
            case "refuses":
                raise ConnectorRefused("The password is wrong.", todo="Correct the connection.")
            case "breaks":
                raise ValueError(f"driver://user:{SECRET}@host")
            case "takes time":
                time.sleep(0.2)
        return Health(ok=True, sentence="It answers.")


def context(asked: list[str]) -> HubContext:
    return cast(HubContext, SimpleNamespace(connectors=lambda name, settings: Behaves(settings, asked)))


def use(number: int, does: str) -> ConnectorUse:
    return ConnectorUse(flow=f"flow{number}", use="pull", connector="place", settings={"does": does})


def test_every_use_of_a_flow_is_known(tmp_path: Path) -> None:
    path = tmp_path / "acme_orders.yaml"
    path.write_text(FLOW, encoding="utf-8")
    uses = uses_of(parse_flow(path))
    assert [(one.use, one.connector, one.connection) for one in uses] == [
        ("pull", "sftp", "acme"),
        ("load warehouse", "warehouse", ""),
        ("load second", "warehouse", ""),
        ("answers", "sftp", "acme"),
    ]
    path.write_text(FLOW.replace("path: /in", '"path": "{partner}/in"'), encoding="utf-8")
    assert [one.use for one in uses_of(parse_flow(path))][-1] == "load second"


def test_one_that_hangs_or_breaks_keeps_nobody_from_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []
    does = ["hangs", "hangs", "refuses", "breaks", *["takes time"] * 6]
    uses = [use(number, what) for number, what in enumerate(does)]
    uses[1] = ConnectorUse(flow="flow1", use="pull", connector="place", settings={"does": "hangs", "also": 1})
    began = time.monotonic()
    results = check_uses(context(asked), uses, longest=3.0, at_once=2)
    assert time.monotonic() - began < 60, "they hang for two minutes"
    assert [one.flow for one in results] == [f"flow{number}" for number in range(10)]
    assert [one.ok for one in results] == [False] * 4 + [True] * 6
    assert "no answer within 3 s" in results[0].sentence
    assert results[2].sentence == "The password is wrong. Correct the connection."
    assert "ValueError" in results[3].sentence
    assert SECRET not in results[3].sentence + caplog.text
    assert asked.count("takes time") == 1, "what is the same is asked once"


class Kept(dict[str, bytes]):
    def put(self, key: str, value: bytes, seconds: int) -> None:
        self[key] = value


def test_the_last_answer_is_remembered_until_the_use_is_another() -> None:
    cache = cast(Any, Kept())
    result = CheckResult(flow="flow1", use="pull", connector="place", ok=False, sentence="Away.")
    assert recall(cache, use(1, "x")) is None
    remember(cache, result)
    found = recall(cache, use(1, "x"))
    assert found is not None
    assert (found.sentence, found.at is not None) == ("Away.", True)
    other = ConnectorUse(flow="flow1", use="pull", connector="another", settings={})
    assert recall(cache, other) is None
    cache.put("check:flow1:pull", b"not json", 1)
    assert recall(cache, use(1, "x")) is None
