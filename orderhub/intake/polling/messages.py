"""What the intake and the process that asks say to each other: one line of JSON each."""

from __future__ import annotations

from typing import Any

import msgspec

from orderhub.connector import Poll


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What a flow pulls from a place that has to be asked."""

    flow: str
    connector: str
    settings: dict[str, Any]
    stream: str
    poll: Poll

    @property
    def side(self) -> str:
        """What must not be asked by many at once."""
        return self.poll.host or f"flow {self.flow}"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Does something wait there? ``id`` is of the intake's own counting."""

    id: int
    flow: str
    connector: str
    settings: dict[str, Any]
    stream: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``mark`` changes when the flow got further since the last answer (empty when nothing waits). ``problem`` says why
    there is no answer, ``code`` is that of the error; ``retryable`` whether it can pass by itself."""

    id: int
    waiting: bool = False
    mark: str = ""
    problem: str = ""
    code: str = ""
    retryable: bool = True
