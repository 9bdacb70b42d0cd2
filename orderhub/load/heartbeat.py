"""Keeps leases while a target works: a call may take longer than a lease, a dead process must not keep one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from orderhub.errors import HubError, LeaseLost
from orderhub.ledger import outbox
from orderhub.ledger.engine import retrying
from orderhub.ledger.records import Work
from orderhub.stage import HubContext

log = logging.getLogger(__name__)


@contextmanager
def kept(ctx: HubContext, works: Sequence[Work]) -> Iterator[None]:
    """Renew the leases three times within their length for as long as the block runs. A thread of this process does it,
    so it ends with the process, however that ends. A lease that is lost shows when the outcome is recorded."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(ctx.lease_seconds / 3):
            try:
                retrying(
                    ctx.ledger,
                    lambda connection: outbox.renew(connection, works, lease_seconds=ctx.lease_seconds),
                )
            except LeaseLost as error:
                log.warning("lost a lease while the target worked: %s", error)
                return
            except HubError as error:
                log.warning("could not renew leases: %s", error)

    thread = threading.Thread(target=renew, name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
