"""Answers that the hub puts down for a partner: under which names, and what is said when the name is taken."""

from __future__ import annotations

import re
import secrets

from orderhub.connector import Outcome, OutcomeState
from orderhub.errors import ConnectorRefused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,150}\.[A-Za-z0-9]{1,10}\Z")
_PART = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z0-9]+\.[0-9a-f]{8}\.part\Z")
#: Seconds after which nobody is writing an answer any more.
LEFT_FOR = 3600


def check_name(name: str) -> None:
    """:raises ConnectorRefused: the name is none that the hub gives to an answer."""
    if _NAME.match(name) is None:
        raise ConnectorRefused(f"{name[:80]!r} cannot be the name of an answer.", todo="Report this mistake.")


def part_name(name: str) -> str:
    """A name of its own for an answer that is being written; it begins with a dot, so that nobody takes it."""
    return f".{name}.{secrets.token_hex(4)}.part"


def is_part(name: str) -> bool:
    """Whether ``part_name`` made it."""
    return _PART.match(name) is not None


def already_there(folder: object, name: str, key: str, *, same: bool) -> Outcome:
    """What is said of an answer under whose name something lies: the same bytes count as sent, others are left alone."""
    if same:
        return Outcome(key=key, state=OutcomeState.UNCHANGED, reference=name)
    return Outcome(
        key=key,
        state=OutcomeState.REJECTED,
        code="REPLY_NAME_TAKEN",
        reason=f"Something else lies in {folder} under the name {name}. Move it away; the answer is sent at the next run.",
    )
