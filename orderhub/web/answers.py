"""The answers to a file as its page shows them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from orderhub.ledger import replies
from orderhub.ledger.replies import Reply

#: Lines of an answer that a page shows; the whole is in the download.
LINES = 200


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One answer with the beginning of its text; ``repeated`` when it was made for an earlier file, of which this is a
    duplicate. ``problem`` says why it is not sent yet."""

    reply: Reply
    lines: list[str]
    more: int
    repeated: bool

    @property
    def times(self) -> int:
        """How often it was sent."""
        return sum(sending.state == "sent" for sending in self.reply.sendings)

    @property
    def problem(self) -> str:
        return next((s.reason or "" for s in reversed(self.reply.sendings) if s.state == "failed"), "")


def answers_to(connection: Connection, interchange_id: int) -> list[AnswerView]:
    """The answers to a file, by envelope."""
    found = []
    for reply in replies.of_interchange(connection, interchange_id):
        lines = replies.as_lines(replies.content(connection, reply.id), reply.standard)
        found.append(
            AnswerView(
                reply=reply,
                lines=lines[:LINES],
                more=max(0, len(lines) - LINES),
                repeated=reply.interchange_id != interchange_id,
            )
        )
    return found
