"""Making an answer: everything but its number outside the transaction, number and bytes within it."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from sqlalchemy import Connection

from orderhub.acknowledge.contrl import Contrl
from orderhub.acknowledge.functional import Functional
from orderhub.acknowledge.verdict import EnvelopeVerdict, verdicts
from orderhub.ledger import numbers, replies
from orderhub.ledger.records import DueAcknowledgement
from orderhub.stage import Flow, HubContext


class Answer(Protocol):
    """An answer that lacks only its number."""

    verdict: EnvelopeVerdict

    @property
    def suffix(self) -> str:
        """The ending of its file."""

    @property
    def kind(self) -> replies.Kind:
        """What it is."""

    def write(self, number: int, at: dt.datetime) -> bytes:
        """The whole answer."""


def answers_to(ctx: HubContext, flow: Flow, due: DueAcknowledgement) -> list[Answer]:
    """The answers to an interchange, one per envelope that is to be answered.

    :raises ArchiveError: the original cannot be read.
    """
    return [
        Contrl(verdict) if verdict.asked.kind == "contrl" else Functional(verdict)
        for verdict in verdicts(ctx, flow, due)
    ]


def store(
    connection: Connection,
    flow: Flow,
    due: DueAcknowledgement,
    answers: list[Answer],
    at: dt.datetime,
    run: int | None,
) -> list[int]:
    """Give every answer its number and store it with its first sending; ids. Counters are taken in one order, so that two
    workers do not wait for each other in a ring.

    :raises SourceError: the number or an identifier cannot be written in the standard.
    """
    made = []
    for answer in sorted(answers, key=lambda one: (one.verdict.asked.way, one.verdict.info.number)):
        verdict = answer.verdict
        number = numbers.take(connection, verdict.asked.way)
        made.append(
            replies.add(
                connection,
                replies.NewReply(
                    interchange_id=due.interchange_id,
                    envelope=verdict.info.number,
                    kind=answer.kind,
                    flow=flow.name,
                    company=verdict.agreement.company,
                    agreement=verdict.agreement.name,
                    way=verdict.asked.way,
                    number=number,
                    control_reference=verdict.info.control_reference,
                    verdict=verdict.outcome,
                    messages=len(verdict.messages),
                    messages_rejected=verdict.rejected,
                    content=answer.write(number, at),
                    suffix=answer.suffix,
                    run=run,
                ),
            )
        )
    return made
