"""``orderhub answer``: technical answers to partners, what was sent and what is still to be sent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, console, print_json, print_table
from orderhub.errors import LedgerError

if TYPE_CHECKING:
    from orderhub.ledger.replies import Reply

app = typer.Typer(
    help="Technical answers to partners (CONTRL, 997, 999, TA1), as they were made and sent.",
    no_args_is_help=True,
)

Reason = Annotated[str, typer.Option(help="Why; stands in the audit log.")]


def answer_row(reply: Reply) -> dict[str, Any]:
    """One line of a table of answers."""
    last = reply.sendings[-1] if reply.sendings else None
    return {
        "id": reply.id,
        "kind": reply.kind.upper(),
        "partner": reply.agreement,
        "number": reply.number,
        "to": reply.control_reference or "–",
        "file": reply.interchange_id,
        "outcome": reply.verdict.value,
        "test": "test" if reply.environment.value == "test" else "",
        "state": reply.state,
        "sent": len([sending for sending in reply.sendings if sending.state == "sent"]),
        "problem": (last.reason or "") if last is not None and last.state == "failed" else "",
    }


COLUMNS = ("id", "kind", "partner", "number", "to", "file", "outcome", "test", "state", "sent", "problem")


@app.command("list")
def list_answers(
    partner: Annotated[str | None, typer.Option(help="Only to this partner.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only of this flow.")] = None,
    unsent: Annotated[bool, typer.Option("--unsent", help="Only what is still to be sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json_output: Json = False,
) -> None:
    """Answers, newest first. ``to`` is the control reference that is answered, ``file`` its interchange's ledger id."""
    from orderhub.ledger import replies

    with hub.ledger() as engine, engine.connect() as connection:
        found = replies.find(connection, agreement=partner, flow=flow, unsent=unsent, limit=limit)
    if json_output:
        print_json(found)
        return
    print_table("Answers", COLUMNS, [answer_row(one) for one in found], empty="Nothing was answered.")


@app.command("show")
def show(
    answer: Annotated[int, typer.Argument(help="The answer's ledger id.")],
    raw: Annotated[bool, typer.Option("--raw", help="Only its bytes, as they were sent.")] = False,
    json_output: Json = False,
) -> None:
    """One answer: what it says to whom, every sending of it, and its text."""
    from orderhub.ledger import replies

    with hub.ledger() as engine, engine.connect() as connection:
        found = replies.get(connection, answer)
        data = replies.content(connection, answer)
    if found is None:
        raise LedgerError(f"There is no answer {answer}.", todo="`orderhub answer list` shows them.")
    if raw:
        sys.stdout.buffer.write(data)
        return
    lines = replies.as_lines(data, found.standard)
    if json_output:
        print_json({"answer": found, "text": lines})
        return
    out = console()
    out.print(
        f"[bold]{found.kind.upper()} {found.number}[/bold] to {found.agreement} ({found.partner_id}), answer {found.id}: "
        f"{found.verdict.value}"
    )
    out.print(
        f"answers {found.control_reference} of interchange {found.interchange_id}, {found.messages} messages, "
        f"{found.messages_rejected} rejected; made {found.made_at.isoformat(timespec='seconds')}"
    )
    out.print()
    rows = [
        {
            "file": sending.name,
            "because": sending.cause,
            "state": sending.state,
            "at": sending.sent_at.isoformat(timespec="seconds") if sending.sent_at else "",
            "attempts": sending.attempts,
            "problem": sending.reason or "",
        }
        for sending in found.sendings
    ]
    print_table("Sent", ("file", "because", "state", "at", "attempts", "problem"), rows)
    out.print()
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


@app.command("resend")
def resend(
    answers: Annotated[list[int], typer.Argument(help="Ledger ids.")],
    reason: Reason,
    json_output: Json = False,
) -> None:
    """Send stored answers again, bytes and numbers as they are, at the flow's next run; one that is still to be sent is
    tried at once."""
    from orderhub.ledger import replies
    from orderhub.ledger.engine import transaction

    with hub.ledger() as engine:
        for answer in answers:
            with transaction(engine) as connection:
                replies.send_again(connection, answer, cause="request", actor=hub.actor(), reason=reason)
    if json_output:
        print_json({"resent": answers})
        return
    console().print(f"{len(answers)} answers go out at their flow's next run.")


@app.command("make")
def make(
    interchange: Annotated[int, typer.Argument(help="The interchange's ledger id.")],
    reason: Reason,
    json_output: Json = False,
) -> None:
    """Make the answer to an interchange that has none, from what is the case now: it could not be made then, or its
    sender was unknown. An answer that exists is never rewritten."""
    from orderhub.acknowledge import make_answer
    from orderhub.ledger import queries

    with hub.context() as context:
        with context.ledger.connect() as connection:
            row = queries.interchange(connection, interchange)
        if row is None:
            raise LedgerError(
                f"There is no interchange {interchange}.", todo="`orderhub interchange find` lists them."
            )
        flow = hub.flows().get(row.flow)
        made = make_answer(context, flow, interchange, actor=hub.actor(), reason=reason)
    if json_output:
        print_json({"made": made})
        return
    numbers = ", ".join(str(one) for one in made)
    console().print(
        f"Made: {numbers}. It goes out at the flow's next run; `orderhub answer show {made[0]}` shows it."
    )
