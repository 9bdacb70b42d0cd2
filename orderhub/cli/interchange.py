"""``orderhub interchange``: what arrived, and translating it again."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, console, print_findings, print_json, print_table
from orderhub.errors import LedgerError

app = typer.Typer(help="Interchanges: the files and messages that arrived.", no_args_is_help=True)


@app.command("find")
def find(
    text: Annotated[str, typer.Argument(help="Part of the file name.")] = "",
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; may be given again.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only of this flow.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json_output: Json = False,
) -> None:
    """Interchanges, newest first, with the first thing that is wrong with each."""
    from orderhub.ledger import queries

    with hub.ledger() as engine, engine.connect() as connection:
        rows = queries.find_interchanges(connection, flow=flow, states=state or (), text=text, limit=limit)
    if json_output:
        print_json(rows)
        return
    table = [
        {
            "id": row.id,
            "file": row.name,
            "flow": row.flow,
            "partner": row.agreement,
            "state": row.state.value,
            "documents": row.documents,
            "error": row.problem
            or (f"{row.first_finding.code} at {row.first_finding.place}" if row.first_finding else ""),
        }
        for row in rows
    ]
    columns = ("id", "file", "flow", "partner", "state", "documents", "error")
    print_table("Interchanges", columns, table, empty="Nothing fits.")


@app.command("show")
def show(
    interchange: Annotated[int, typer.Argument(help="The interchange's ledger id.")],
    json_output: Json = False,
) -> None:
    """One interchange: what arrived, what was found in it, what its sender was answered."""
    from orderhub.cli import answer
    from orderhub.ledger import acknowledgements, queries, replies

    with hub.ledger() as engine, engine.connect() as connection:
        row = queries.interchange(connection, interchange)
        recorded = acknowledgements.recorded(connection, interchange)
        answers = replies.of_interchange(connection, interchange)
    if row is None:
        raise LedgerError(
            f"There is no interchange {interchange}.", todo="`orderhub interchange find` lists them."
        )
    if json_output:
        print_json({"interchange": row, "acknowledgements": recorded, "answers": answers})
        return
    out = console()
    out.print(f"{row.name}  interchange {row.id}, {row.state.value}", markup=False, style="bold")
    kind = " ".join(part for part in (row.format, row.message, row.release) if part) or "unknown format"
    out.print(f"{kind}, {row.messages} messages, {row.documents} documents, flow {row.flow}", markup=False)
    out.print(
        f"from {row.sender or '–'} to {row.receiver or '–'}, control reference {row.control_reference or '–'}",
        markup=False,
    )
    for one in recorded:
        out.print(f"outcome: {one.outcome.value}, recorded {one.recorded_at.isoformat(timespec='seconds')}")
    if row.findings:
        out.print()
        print_findings(row.findings)
    out.print()
    rows = [answer.answer_row(one) for one in answers]
    print_table("Answers", answer.COLUMNS, rows, empty="Its sender got no answer.")


@app.command("retry")
def retry(
    interchanges: Annotated[list[int], typer.Argument(help="Ledger ids.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the timeline.")],
    json_output: Json = False,
) -> None:
    """Translate whole interchanges again from their originals at the flow's next run: a refused one after an agreement or
    a mapping was mended, or a replay. What comes out the same changes nothing."""
    from orderhub.ledger.engine import transaction
    from orderhub.ledger.translations import translate_again

    with hub.ledger() as engine, transaction(engine) as connection:
        moved = translate_again(connection, interchanges, actor=hub.actor(), reason=reason)
    if json_output:
        print_json({"retried": moved})
        return
    console().print(
        f"{len(moved)} of {len(interchanges)} interchanges go back to translation at the flow's next run."
    )
