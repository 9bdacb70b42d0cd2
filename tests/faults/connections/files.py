"""A partner's SFTP server whose connections are cut while files are taken, put away and answered."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from faults.connections.account import Account
from faults.connections.work import Place, at_work, deliver
from faults.orders import consignment
from servers.cutting_proxy import CuttingProxy, cutting_proxy
from servers.sshd import Sshd

from orderhub.stage import PullStep

FLOWS = Path(__file__).resolve().parents[2] / "integration" / "sftp_flow" / "flows"


def sftp(seed: int, place: Place, server: Sshd) -> Account:
    """Files of orders taken from the server, and answered there."""
    account, chance = Account(), random.Random(seed)
    home = server.home / f"run-{uuid.uuid4().hex[:8]}"
    for name in ("in", "out"):
        (home / name).mkdir(parents=True)
    made = consignment(12, seed=seed, prefix=f"S{seed}", largest=2, conflicts=0)
    for name, data in made.files:
        (home / "out" / f".{name}").write_bytes(data)
        (home / "out" / f".{name}").rename(home / "out" / name)
    settings: dict[str, Any] = {
        "connection": "acme_sftp",
        "path": f"{home.name}/out",
        "patterns": ["*.edi"],
        "complete_when": "renamed",
        "after": chance.choice(["move", "delete"]),
        "retry": {"attempts": chance.choice([1, 2]), "first_seconds": 0.01, "most_seconds": 0.05},
    }
    source = PullStep(connector="sftp", stream="orders", settings=settings)
    with cutting_proxy(server.port) as proxy:
        known = {"acme_sftp": server.credentials(port=proxy.port)}
        with at_work(place, "orders_by_sftp", known, source=source, answers=True, flows=FLOWS) as at:
            at.flow = msgspec.structs.replace(
                at.flow,
                acknowledge=msgspec.structs.replace(
                    at.flow.acknowledge,
                    settings={"connection": "acme_sftp", "path": f"{home.name}/in"},
                ),
            )
            deliver(at, account, [_cuts(proxy, account, chance) for _ in range(5)])
            account.count(
                made.versions,
                Counter(row["number"] for row in at.documents() if row["state"] == "loaded"),
            )
            account.wrong += [
                f"{name} was recorded {times} times"
                for name, times in Counter(row["name"] for row in at.rows(_TAKEN)).items()
                if times > 1
            ]
            account.wrong += [f"{row['name']} was not answered" for row in at.rows(_UNANSWERED)]
            answers = {row["name"]: bytes(row["content"]) for row in at.rows(_ANSWERS)}
    # what was cut off stays under a temporary name until it is old
    lying = {path.name: path.read_bytes() for path in (home / "in").glob("[!.]*")}
    account.wrong += [
        f"the answer {name} is not in the partner's folder as it was sent"
        for name in sorted(lying.keys() | answers.keys())
        if lying.get(name) != answers.get(name)
    ]
    account.wrong += [f"{path.name} was left" for path in (home / "out").glob("*.edi")]
    return account


_TAKEN = "SELECT name FROM ledger.interchange"
_UNANSWERED = """
    SELECT i.name FROM ledger.interchange i WHERE i.problem IS NULL
      AND NOT EXISTS (SELECT 1 FROM ledger.reply_sending s WHERE s.interchange_id = i.id)
"""
_ANSWERS = "SELECT s.name, r.content FROM ledger.reply_sending s JOIN ledger.reply r ON r.id = s.reply_id"


@contextmanager
def _cuts(proxy: CuttingProxy, account: Account, chance: random.Random) -> Iterator[None]:
    """The connection is cut before a piece that the hub sends, or in the middle of what it receives; then twice again."""
    before = proxy.cuts
    if chance.random() < 0.3:
        proxy.cut_after_bytes_received(chance.randrange(20_000))
    else:
        proxy.cut_after_pieces_sent(*(chance.randrange(3, 30) for _ in range(3)))
    yield
    proxy.cut_after_pieces_sent(None)
    proxy.cut_after_bytes_received(None)
    account.disturbances += proxy.cuts - before
