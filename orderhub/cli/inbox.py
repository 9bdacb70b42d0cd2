"""``orderhub inbox``: what is kept back, and repairing it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, console, print_findings, print_json, print_table
from orderhub.errors import LedgerError

if TYPE_CHECKING:
    from rich.text import Text

    from orderhub.ledger.inbox import Case, CaseFilter, Group
    from orderhub.ledger.inbox_detail import CaseDetail

app = typer.Typer(
    help="The inbox: everything that is kept back, who looks after it, and repairing it.",
    no_args_is_help=True,
)

State = Annotated[list[str] | None, typer.Option(help="Only in this state; may be given again.")]
FlowName = Annotated[list[str] | None, typer.Option("--flow", help="Only of this flow; may be given again.")]
Partner = Annotated[list[str] | None, typer.Option(help="Only of this partner; may be given again.")]
ReasonText = Annotated[
    str, typer.Option("--reason-is", help="Only of this reason, as `orderhub inbox list` shows it.")
]

_STYLE = {
    "quarantined": "red",
    "conflict": "yellow",
    "rejected": "red",
    "waiting": "magenta",
    "refused": "red",
    "read": "dim",
    "partial": "yellow",
    "unknown_sender": "yellow",
    "in_doubt": "yellow bold",
}


def _owners() -> dict[str, str]:
    """Flow → the owner that its file names."""
    return {flow.name: flow.owner for flow in hub.flows().flows()}


def where_of(
    state: list[str] | None,
    flow: list[str] | None,
    partner: list[str] | None,
    reason: str = "",
    **more: Any,
) -> CaseFilter:
    from orderhub.ledger.inbox import CaseFilter, CaseState, Reason

    for one in state or ():
        if one not in list(CaseState):
            raise LedgerError(
                f"{one!r} is no state of the inbox.", todo=f"Name one of {', '.join(list(CaseState))}."
            )
    parsed = Reason.parse(reason) if reason else None
    if reason and parsed is None:
        raise LedgerError(
            f"{reason!r} is no reason.", todo="Copy one from the list: state~CODE~field~value, in quotes."
        )
    return CaseFilter(states=state or (), flows=flow or (), agreements=partner or (), reason=parsed, **more)


def age(since: dt.datetime, now: dt.datetime | None = None) -> str:
    """How long ago, short: ``3 d 4 h``, ``25 min``."""
    seconds = int(((now or dt.datetime.now(dt.UTC)) - since).total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else "just now"


@app.command("list")
def list_(
    state: State = None,
    flow: FlowName = None,
    partner: Partner = None,
    reason_is: ReasonText = "",
    owner: Annotated[list[str] | None, typer.Option(help="Only of this owner; may be given again.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what I took.")] = False,
    unowned: Annotated[bool, typer.Option("--unowned", help="Only what nobody took.")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what has become too old.")] = False,
    older_than: Annotated[
        float | None, typer.Option(help="Only what waits for more hours than this.")
    ] = None,
    discarded: Annotated[bool, typer.Option("--discarded", help="What was given up, instead.")] = False,
    text: Annotated[str, typer.Option(help="The beginning of an order number or file name.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    json_output: Json = False,
) -> None:
    """What is kept back: by reason, then case by case, the oldest first."""
    from orderhub.ledger import inbox

    whose = [*(owner or ()), *([hub.actor()] if mine else ())]
    where = where_of(
        state,
        flow,
        partner,
        reason_is,
        owners=whose,
        unowned=unowned,
        overdue=overdue,
        older_than_hours=older_than,
        discarded=discarded,
        text=text,
    )
    owners = _owners()
    with hub.ledger() as engine, engine.connect() as connection:
        groups = [] if discarded else inbox.groups(connection, where, owners=owners)
        page = inbox.cases(connection, where, owners=owners, limit=limit)
        late = inbox.alerts(connection)
    if json_output:
        print_json({"total": page.total, "overdue": late.count, "groups": groups, "cases": page.cases})
        return
    out = console()
    if late.count and not discarded:
        said = f"{late.count} of them have waited for too long, {late.unowned} without an owner."
        out.print(said, style="bold yellow")
        out.print()
    if groups:
        _print_groups(groups)
        out.print()
    _print_cases(f"{len(page.cases)} of {page.total} cases, the oldest first", page.cases)


def _print_groups(groups: list[Group]) -> None:
    from rich.table import Table
    from rich.text import Text

    from orderhub.ledger.inbox_reasons import words

    table = Table(title="By reason", title_justify="left", header_style="bold", box=None, pad_edge=False)
    table.add_column("cases", justify="right")
    for name in ("state", "why", "where", "value", "oldest", "flows", "reason (for --reason-is)"):
        table.add_column(name, overflow="fold")
    for group in groups:
        reason = group.reason
        table.add_row(
            Text(str(group.count), style="bold"),
            _state(reason.state),
            Text(words(reason.code)),
            Text(reason.field, style="cyan"),
            Text(reason.value, style="bold"),
            Text(age(group.oldest)),
            Text(", ".join(group.flows)),
            Text(str(reason), style="dim"),
        )
    console().print(table)


def _state(state: str) -> Text:
    from rich.text import Text

    return Text(state.replace("_", " "), style=_STYLE.get(state, ""))


def _print_cases(title: str, cases: list[Case]) -> None:
    from rich.table import Table
    from rich.text import Text

    from orderhub.ledger.inbox_reasons import words

    if not cases:
        console().print("Nothing is kept back.", style="dim")
        return
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    table.add_column("case", justify="right", style="bold")
    for name in ("age", "state", "number or file", "why", "owner", "partner", "flow", "ledger"):
        table.add_column(name, overflow="fold")
    for case in cases:
        why = Text(words(case.code))
        detail = " ".join(part for part in (case.field, case.value) if part)
        if detail:
            why.append(f"  {detail}", style="cyan")
        owner = Text(case.owner) if case.owner else Text(case.default_owner or "–", style="dim")
        about = f"document {case.document_id}" if case.document_id else f"interchange {case.interchange_id}"
        table.add_row(
            str(case.id),
            Text(age(case.since) + (" !" if case.overdue else ""), style="bold red" if case.overdue else ""),
            _state(case.closed_as or case.state.value),
            Text(case.number or "–"),
            why,
            owner,
            Text(case.agreement or "–"),
            Text(case.flow),
            Text(about, style="dim"),
        )
    console().print(table)


@app.command("show")
def show(case: Annotated[int, typer.Argument(help="The case's number.")], json_output: Json = False) -> None:
    """One case: findings with value and place, what was tried with which versions, notes and history."""
    from orderhub.ledger import inbox_detail

    with hub.ledger() as engine, engine.connect() as connection:
        detail = inbox_detail.detail(connection, case, owners=_owners())
    if detail is None:
        raise LedgerError(f"There is no case {case}.", todo="`orderhub inbox list` lists them.")
    if json_output:
        print_json(msgspec.to_builtins(detail, enc_hook=str))
        return
    _print_detail(detail)


def _print_detail(detail: CaseDetail) -> None:
    from orderhub.ledger.inbox_reasons import words

    out = console()
    case = detail.case
    out.print(
        f"{case.number or '(no number)'}  case {case.id}, {case.closed_as or case.state.value}",
        style="bold",
        markup=False,
    )
    out.print(f"{words(case.code)}  {case.field}  {case.value}".rstrip(), style="bold", markup=False)
    since = f"{case.since.isoformat(timespec='minutes')} ({age(case.since)})"
    out.print(f"kept back since {since}", markup=False)
    out.print(f"file {case.file}, flow {case.flow}, partner {case.agreement or '–'}", markup=False)
    owner = case.owner or (f"{case.default_owner} (by the flow)" if case.default_owner else "nobody")
    out.print(f"owner: {owner}", markup=False)
    if detail.held_with:
        out.print(f"{detail.held_with} other messages of the file wait for it alone.", style="yellow")
    effect = detail.effect
    if effect is not None:
        out.print()
        out.print(
            f"effect {effect.id} on {effect.target}: {effect.state.value}, attempts: {effect.attempts}",
            style="bold",
        )
        out.print(f"key {effect.key}; {effect.reason or 'no answer'}", markup=False)
        if effect.next_attempt_at is not None:
            out.print(f"looked up next at {effect.next_attempt_at.isoformat(timespec='seconds')}")
    if detail.findings:
        out.print()
        print_findings(detail.findings)
    if detail.tries:
        out.print()
        tried = [
            {
                "translated": one.at.isoformat(timespec="seconds"),
                "mapping": f"{one.mapping.name} v{one.mapping.version}" if one.mapping else "–",
                "suite": f"{one.suite.name}@{one.suite.content_hash[:12]}" if one.suite else "–",
                "state": one.state,
                "document": one.document_id,
            }
            for one in detail.tries
        ]
        print_table("Tried", ("translated", "mapping", "suite", "state", "document"), tried)
    for note in detail.notes:
        out.print()
        out.print(f"{note.actor}, {note.at.isoformat(timespec='minutes')}:", style="bold", markup=False)
        out.print(note.text, markup=False)
    if detail.actions:
        out.print()
        done = [
            {
                "at": one.at.isoformat(timespec="seconds"),
                "by": one.actor,
                "what": one.action,
                "detail": ", ".join(f"{key}: {value}" for key, value in one.detail.items() if value),
            }
            for one in detail.actions
        ]
        print_table("What people did", ("at", "by", "what", "detail"), done)


@app.command("senders")
def senders(json_output: Json = False) -> None:
    """Senders that no agreement knows, the longest waiting first."""
    from orderhub.ledger import inbox_senders

    with hub.ledger() as engine, engine.connect() as connection:
        found = inbox_senders.senders(connection)
    if json_output:
        print_json(found)
        return
    rows = [
        {
            "sender": one.identifier,
            "qualifier": one.qualifier or "–",
            "format": one.format,
            "flow": one.flow,
            "files": one.files,
            "waits_for": age(one.since),
            "example": one.example,
            "interchange": one.example_id,
        }
        for one in found
    ]
    columns = ("sender", "qualifier", "format", "flow", "files", "waits_for", "example", "interchange")
    print_table("Unknown senders", columns, rows, empty="Every sender is known.")
