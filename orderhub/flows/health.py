"""Whether the connectors of the flows can do their work: every use asked, the answers kept for the pages.

The last answers stand in the cache, which may lose them: then a use counts as never asked, and is asked again.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderhub.connector import Health
from orderhub.errors import HubError
from orderhub.stage import Cache, Flow, HubContext

log = logging.getLogger(__name__)

#: Seconds that an answer is kept.
KEPT = 7 * 24 * 3600
#: A connector that says nothing for so long (seconds) is reported as hanging.
LONGEST = 60.0
#: Connectors asked at a time.
AT_ONCE = 4


class ConnectorUse(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a flow uses a connector. ``use`` is ``pull``, ``load <target>`` or ``answers``."""

    flow: str
    use: str
    connector: str
    settings: dict[str, Any]

    @property
    def connection(self) -> str:
        """The name of the connection that it names; empty where it needs none."""
        return str(self.settings.get("connection", ""))


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector said when it was asked. ``at`` is UTC-aware, None where nobody asked yet; ``seconds`` how long it took,
    None where it was noticed in passing."""

    flow: str
    use: str
    connector: str
    ok: bool
    sentence: str
    at: dt.datetime | None = None
    seconds: float | None = None


def uses_of(flow: Flow) -> list[ConnectorUse]:
    """All uses of connectors by a flow. Answers that go by the partner's own settings are known only when they are sent."""
    uses = [
        ConnectorUse(flow=flow.name, use="pull", connector=flow.pull.connector, settings=flow.pull.settings)
    ]
    uses += [
        ConnectorUse(
            flow=flow.name, use=f"load {target.name}", connector=target.connector, settings=target.settings
        )
        for target in flow.load
    ]
    step = flow.acknowledge
    if step.connector is not None and "{partner}" not in json.dumps(step.settings, default=str):
        uses.append(
            ConnectorUse(flow=flow.name, use="answers", connector=step.connector, settings=step.settings)
        )
    return uses


def check_uses(
    ctx: HubContext,
    uses: Sequence[ConnectorUse],
    *,
    longest: float = LONGEST,
    at_once: int = AT_ONCE,
) -> list[CheckResult]:
    """Ask them; one result for each use, in order. What several uses share (connector and settings) is asked once.

    One that hangs is left behind in its thread, so that the others have their turn: the caller's process is to end soon.
    """
    asked: dict[str, ConnectorUse] = {}
    for use in uses:
        asked.setdefault(_key(use), use)
    answers: dict[str, tuple[Health, float]] = {}
    said: queue.SimpleQueue[tuple[str, Health]] = queue.SimpleQueue()
    to_ask = deque(asked)
    at_work: dict[str, float] = {}
    while to_ask or at_work:
        while to_ask and len(at_work) < at_once:
            key = to_ask.popleft()
            at_work[key] = time.monotonic()
            thread = threading.Thread(target=_ask, args=(ctx, key, asked[key], said), daemon=True)
            thread.start()
        first = min(at_work.values())
        try:
            key, health = said.get(timeout=max(0.0, first + longest - time.monotonic()))
        except queue.Empty:
            key = min(at_work, key=lambda one: at_work[one])
            health = Health(ok=False, sentence=f"There was no answer within {longest:.0f} s.")
        began = at_work.pop(key, None)
        if began is not None:
            answers[key] = (health, time.monotonic() - began)
    now = dt.datetime.now(dt.UTC)
    results: list[CheckResult] = []
    for use in uses:
        health, seconds = answers[_key(use)]
        results.append(
            CheckResult(
                flow=use.flow,
                use=use.use,
                connector=use.connector,
                ok=health.ok,
                sentence=health.sentence,
                at=now,
                seconds=round(seconds, 3),
            )
        )
    return results


def remember(cache: Cache, result: CheckResult) -> None:
    """Keep a result for the pages; without a time it is of now."""
    if result.at is None:
        result = msgspec.structs.replace(result, at=dt.datetime.now(dt.UTC))
    cache.put(_place(result.flow, result.use), msgspec.json.encode(result), KEPT)


def recall(cache: Cache, use: ConnectorUse) -> CheckResult | None:
    """The last result of a use; None when nobody asked, or when it names another connector now."""
    kept = cache.get(_place(use.flow, use.use))
    if kept is None:
        return None
    try:
        result = msgspec.json.decode(kept, type=CheckResult)
    except msgspec.DecodeError:
        return None  # of another version
    return result if result.connector == use.connector else None


def _ask(ctx: HubContext, key: str, use: ConnectorUse, said: queue.SimpleQueue[tuple[str, Health]]) -> None:
    try:
        health = ctx.connectors(use.connector, use.settings).check()
    except HubError as error:
        health = Health(ok=False, sentence=f"{error.what} {error.todo}")
    except Exception as error:
        # a driver's own text may hold an address with its password: the place tells enough
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.warning("connector %s: check broke off with %s:\n%s", use.connector, type(error).__name__, frames)
        health = Health(
            ok=False,
            sentence=f"The check broke off with {type(error).__name__}, which is a mistake in the connector: "
            "check() answers with a sentence.",
        )
    said.put((key, health))


def _key(use: ConnectorUse) -> str:
    return f"{use.connector}:{json.dumps(use.settings, sort_keys=True, default=str)}"


def _place(flow: str, use: str) -> str:
    return f"check:{flow}:{use}"


def as_rows(results: Sequence[CheckResult]) -> list[Mapping[str, Any]]:
    """For tables and JSON: ``result`` is ``ok`` or ``failed``."""
    return [
        {
            "flow": one.flow,
            "use": one.use,
            "connector": one.connector,
            "result": "ok" if one.ok else "failed",
            "sentence": one.sentence,
        }
        for one in results
    ]
