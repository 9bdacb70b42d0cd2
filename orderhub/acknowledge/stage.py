"""The fifth stage."""

from __future__ import annotations

import logging
from collections import Counter

from sqlalchemy import Connection

from orderhub.acknowledge.answer import Answer, answers_to, store
from orderhub.acknowledge.asked import anybody_asks
from orderhub.acknowledge.send import send
from orderhub.acknowledge.verdict import ANSWERED_FORMATS, refused_unread
from orderhub.agreed import ANSWER_MESSAGES
from orderhub.errors import ArchiveError, HubError, LedgerError, LedgerUnavailable
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import acknowledgements, audit, replies, sendings
from orderhub.ledger.engine import retrying, transaction
from orderhub.ledger.records import AcknowledgementOutcome, DueAcknowledgement
from orderhub.ledger.states import InterchangeState
from orderhub.stage import AcknowledgeResult, Flow, HubContext

log = logging.getLogger(__name__)

#: So many problems are told one by one; the log has all.
PROBLEMS_TOLD = 10


def acknowledge(ctx: HubContext, flow: Flow, run: int) -> AcknowledgeResult:
    """Record the technical outcome of every interchange of the flow that has one now and had none before, make the answer
    that the partner is to get, and send what is not sent yet.

    The outcome follows from translation and validation, never from the load. Outcome, control number and the bytes of the
    answer are one transaction; sending comes after it. Recorded once; a later repair or replay leaves all of it as it is.
    A duplicate gets the stored answer again.

    :raises LedgerUnavailable: the ledger is away.
    """
    work = _Stage(ctx, flow, run)
    work.record()
    sent = send(ctx, flow, run)
    with transaction(ctx.ledger) as connection:
        unsent = sendings.unsent(connection, flow.name)
    counts = work.counts
    return AcknowledgeResult(
        accepted=counts[AcknowledgementOutcome.ACCEPTED],
        partial=counts[AcknowledgementOutcome.PARTIALLY_ACCEPTED],
        rejected=counts[AcknowledgementOutcome.REJECTED],
        answers=work.made,
        sent=sent.count,
        unsent=unsent,
        problems=[*work.problems[:PROBLEMS_TOLD], *sent.problems],
    )


class _Stage:
    def __init__(self, ctx: HubContext, flow: Flow, run: int) -> None:
        self.ctx = ctx
        self.flow = flow
        self.run_id = run
        self.counts: Counter[AcknowledgementOutcome] = Counter()
        self.made = 0
        self.problems: list[str] = []
        #: Left to the next run, so that it is not looked at again in this one.
        self.left: set[int] = set()

    def record(self) -> None:
        """Every outcome that is due, and the answers that go with it."""
        asks = anybody_asks(self.ctx, self.flow)
        while True:
            with transaction(self.ctx.ledger) as connection:
                due = acknowledgements.due(connection, self.flow.name, exclude=self.left)
            if not due:
                return
            plain = [one for one in due if not (asks and _answerable(one))]
            self._record_plain(plain)
            done = {one.interchange_id for one in plain}
            for one in due:
                if one.interchange_id not in done:
                    self._answer(one)

    def _record_plain(self, due: list[DueAcknowledgement]) -> None:
        """Nobody is to be answered: the outcomes alone, together."""

        def record(connection: Connection) -> list[DueAcknowledgement]:
            return [one for one in due if self._record_one(connection, one)]

        if due:
            for one in retrying(self.ctx.ledger, record):
                self._count(one)

    def _record_one(
        self, connection: Connection, due: DueAcknowledgement, findings: tuple[Finding, ...] = ()
    ) -> bool:
        if due.message in ANSWER_MESSAGES and due.state is InterchangeState.READ:
            acknowledgements.mark_answered(connection, due.interchange_id)
            return False
        return acknowledgements.record(
            connection,
            due.interchange_id,
            due.outcome,
            findings=[*findings, *due.findings],
            run=self.run_id,
        )

    def _answer(self, due: DueAcknowledgement) -> None:
        """The outcome of one interchange with its answers."""
        try:
            if due.duplicate_of is not None and self._answered_before(due):
                return
            answers, hindrance = self._answers(due)
            made = retrying(
                self.ctx.ledger, lambda connection: self._store(connection, due, answers, hindrance)
            )
        except LedgerUnavailable:
            raise
        except HubError as error:
            self._leave(due, str(error))
            return
        if made is not None:
            self._count(due)
            self.made += len(made)

    def _answers(self, due: DueAcknowledgement) -> tuple[list[Answer], tuple[Finding, ...]]:
        """The answers; where they cannot be made, the finding that says so.

        :raises ArchiveError: the original cannot be read now.
        """
        try:
            answers = answers_to(self.ctx, self.flow, due)
            for answer in answers:
                # what cannot be written must show before a number is taken
                answer.write(1, self.ctx.clock())
            return answers, ()
        except HubError as error:
            if error.retryable or isinstance(error, ArchiveError):
                # it was read once: somebody brings the original, the key or the disk back
                raise
            return [], (self._hindrance(due, error),)
        except Exception as error:
            log.exception("the answer to %s cannot be made", due.name, extra=self._extra(due))
            return [], (self._hindrance(due, error),)

    def _hindrance(self, due: DueAcknowledgement, error: Exception) -> Finding:
        told = (
            f"{error.what} {error.todo}"
            if isinstance(error, HubError)
            else f"{type(error).__name__}: {error}"
        )
        log.error("no answer to %s could be made: %s", due.name, told, extra=self._extra(due))
        return Finding(
            code="ANSWER_NOT_MADE",
            severity=Severity.ERROR,
            message=f"The sender gets no technical answer: {told} Make it with `orderhub answer make "
            f"{due.interchange_id}` when that is mended.",
            place=Place(file=due.name),
        )

    def _store(
        self,
        connection: Connection,
        due: DueAcknowledgement,
        answers: list[Answer],
        hindrance: tuple[Finding, ...],
    ) -> list[int] | None:
        # first: whoever else records it waits here, and takes no number
        if not self._record_one(connection, due, hindrance):
            return None
        return store(connection, self.flow, due, answers, self.ctx.clock(), self.run_id)

    def _answered_before(self, due: DueAcknowledgement) -> bool:
        """A duplicate: let the stored answers of its original be sent again. False when there are none."""

        def repeat(connection: Connection) -> str:
            original = due.duplicate_of or 0
            stored = replies.made_for(connection, original)
            if not stored:
                # an original that is not answered itself yet comes first
                return "none" if acknowledgements.is_answered(connection, original) else "later"
            recorded = self._record_one(connection, due)
            for reply in stored:
                replies.send_again(
                    connection,
                    reply,
                    cause="duplicate",
                    actor="acknowledge",
                    interchange_id=due.interchange_id,
                )
            return "recorded" if recorded else "known"

        repeated = retrying(self.ctx.ledger, repeat)
        if repeated == "recorded":
            self._count(due)
        elif repeated == "later":
            self.left.add(due.interchange_id)
        return repeated != "none"

    def _leave(self, due: DueAcknowledgement, why: str) -> None:
        log.error("the answer to %s is left to the next run: %s", due.name, why, extra=self._extra(due))
        self.problems.append(f"{due.name}: {why}")
        self.left.add(due.interchange_id)

    def _count(self, due: DueAcknowledgement) -> None:
        self.counts[due.outcome] += 1
        log.info(
            "%s: %s (%d accepted, %d rejected)",
            due.name,
            due.outcome.value,
            due.accepted,
            due.rejected,
            extra=self._extra(due),
        )

    def _extra(self, due: DueAcknowledgement) -> dict[str, object]:
        return {"flow": self.flow.name, "run": self.run_id, "interchange": due.interchange_id}


def make_answer(ctx: HubContext, flow: Flow, interchange_id: int, *, actor: str, reason: str) -> list[int]:
    """Make the answer to one interchange that has none, because a person wants it: it could not be made when its outcome
    was recorded, or nobody had asked for it then (a sender that was unknown). It says what is the case now and goes out
    at the flow's next run. Ids of the answers.

    :raises LedgerError: there is no such interchange on the flow, it has an answer already, or no verdict yet.
    :raises HubError: why it cannot be made now either.
    """
    subject = f"interchange {interchange_id}"
    with transaction(ctx.ledger) as connection:
        due = acknowledgements.verdict_of(connection, interchange_id)
    if due is None:
        raise LedgerError(
            f"There is no {subject} with a verdict.", todo="Wait for the flow's run, or look the number up."
        )
    answers = answers_to(ctx, flow, due) if _answerable(due) else []
    if not answers:
        raise LedgerError(
            f"Nobody is to be answered for {subject}: no agreement with its sender asks for it, or it says not who sent it.",
            todo="Add `answers` to the partner's agreement, or `acknowledge` to the flow.",
        )

    def make(connection: Connection) -> list[int]:
        acknowledgements.record(connection, due.interchange_id, due.outcome, findings=due.findings)
        acknowledgements.hold(connection, due.interchange_id)
        # a duplicate has those of its original
        if replies.of_interchange(connection, due.interchange_id):
            raise LedgerError(
                f"There is an answer to {subject} already, and it is never rewritten.",
                todo="Send it again: `orderhub answer resend`.",
            )
        audit.append(
            connection,
            actor=actor,
            action="answer.make",
            subject=f"interchange:{interchange_id}",
            detail={"reason": reason},
        )
        return store(connection, flow, due, answers, ctx.clock(), None)

    return retrying(ctx.ledger, make)


def _answerable(due: DueAcknowledgement) -> bool:
    """Whether the sender may have to be answered: an envelope that could be read, and no answer itself."""
    if due.archive_key is None or any(finding.code.startswith("ARCHIVE") for finding in due.findings):
        return False
    if due.message in ANSWER_MESSAGES:
        return False
    return due.format in ANSWERED_FORMATS or refused_unread(due)
