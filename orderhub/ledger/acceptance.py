"""Acceptance: the identity is claimed, duplicates and conflicts are told apart, the outbox is filled; all in one go."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from orderhub.ledger.records import Accepted, Suite, Target


def accept(
    connection: Connection,
    ids: Sequence[int],
    *,
    targets: Sequence[Target],
    suite: Suite | None = None,
    actor: str = "validate",
    run: str | None = None,
) -> Accepted:
    """Accept translated documents and enqueue one effect per target. The same content under a taken identity becomes a
    ``duplicate``; other content from another message a ``conflict`` (with a finding that names the first document);
    from the same message of the same interchange (a corrected re-run) it takes the identity over as a new version.
    Documents that are no longer ``translated`` are left as they are."""
    raise NotImplementedError
