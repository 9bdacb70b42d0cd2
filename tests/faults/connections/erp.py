"""Tryton behind a line that breaks: before a request arrives, after the ERP committed, or with no answer at all."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from contextlib import closing

import erp_support
from faults.connections.account import Account
from faults.connections.work import Disturbance, Place, at_work, cut, deliver, drop_orders, shop_orders

from orderhub.connector import Credentials
from orderhub.services.endpoints import Endpoints
from orderhub.stage import Target

#: An order takes the ERP a tenth of this, also on a busy machine; a silent line costs a run as much.
TIMEOUT_SECONDS = 6


def tryton(seed: int, place: Place, erp: Endpoints) -> Account:
    """Orders into Tryton, each a confirmed purchase."""
    account, chance = Account(), random.Random(seed)
    settings = {
        "connection": "erp",
        "timeout_seconds": TIMEOUT_SECONDS,
        "batch_size": chance.choice([1, 2, 25]),
    }
    with closing(erp_support.line_to(erp)) as line:
        reached = Credentials(
            url=line.url,
            user=erp.erp_user,
            secret=erp.erp_password,
            extra={"database": erp.erp_database},
        )
        with at_work(
            place,
            "json_orders",
            {"erp": reached},
            target=Target(name="tryton", connector="tryton", settings=settings),
        ) as at:
            # the ERP is shared: its orders are told apart by their numbers
            prefix = f"T{uuid.uuid4().hex[:6]}s"
            sent = drop_orders(at, chance, shop_orders(chance, seed, 4, prefix=prefix))
            # the first one is after a commit: creating and confirming are early requests
            steps = [
                (chance.randrange(1, 5), True),
                *((chance.randrange(9), chance.random() < 0.5) for _ in "ab"),
            ]
            silent = chance.randrange(2 * len(steps))
            broken: list[Disturbance] = [
                cut(line, account, step, after=after, silent=number == silent)
                for number, (step, after) in enumerate(steps)
            ]
            deliver(at, account, broken)
    with erp_support.session(erp) as people:
        rows = people.read("purchase.purchase", [["reference", "like", f"{prefix}%"]], ["reference", "state"])
    account.count(sent, Counter(row["reference"] for row in rows))
    account.wrong += [
        f"{row['reference']} is {row['state']}" for row in rows if row["state"] not in erp_support.ORDERED
    ]
    return account
