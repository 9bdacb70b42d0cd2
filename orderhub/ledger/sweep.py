"""Sweeping of the archive: originals that never got their row, because a crash came between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from sqlalchemy import Engine

from orderhub.ledger import arrivals
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction


def sweep_archive(
    engine: Engine, archive: Archive, *, older_than: dt.timedelta = dt.timedelta(hours=1)
) -> list[str]:
    """Remove originals older than this that no interchange has, and left-over temporary files; returns their names.

    Nothing is removed when the ledger cannot be asked (``LedgerUnavailable``).
    """

    def known(keys: Sequence[str]) -> Collection[str]:
        with transaction(engine) as connection:
            return arrivals.known_archive_keys(connection, keys)

    return archive.sweep(known, older_than=older_than)
