"""Ports for the servers of the tests."""

from __future__ import annotations

from orderhub.services.ports import Chosen

_CHOSEN = Chosen()


def free_port() -> int:
    """A port that nobody listens on, and that no other process of the tests and no hub chooses as long as this one lives."""
    return _CHOSEN.pick(wanted=None, usual=None, what="a server of the tests", setting="nothing")
