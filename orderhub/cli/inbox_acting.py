"""``orderhub inbox``: acting on what is kept back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from orderhub.cli import hub
from orderhub.cli.inbox import FlowName, Partner, ReasonText, State, app, where_of
from orderhub.cli.output import Json, console, print_json
from orderhub.errors import LedgerError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from orderhub.ledger.inbox import CaseFilter, Seen
    from orderhub.ledger.inbox_actions import Acted

__all__ = ["app"]

Cases = Annotated[list[int] | None, typer.Argument(help="Case numbers, as `orderhub inbox list` shows them.")]
Why = Annotated[str, typer.Option("--reason", "-r", help="Why; stands in the audit log.")]


def _bulk(
    cases: list[int] | None,
    where: CaseFilter | None,
    act: Callable[[Connection, list[Seen]], Acted],
    said: str,
    json_output: bool,
) -> None:
    """Act on the cases named, or on all that fit; say what was done and what was passed over."""
    from orderhub.ledger.inbox import Seen
    from orderhub.ledger.inbox_actions import for_all

    if bool(cases) == (where is not None):
        raise LedgerError(
            "Name cases, or say which ones.",
            todo="Give case numbers, or --reason-is, --flow, --partner or --state, and not both.",
        )
    with hub.ledger() as engine:
        if where is not None:
            acted = for_all(engine, where, act)
        else:
            acted = _at_once(engine, act, [Seen(number) for number in cases or ()])
        _wake(acted.flows)
    if json_output:
        print_json(acted)
    else:
        _print_acted(acted, said)
    if not acted.cases and acted.passed_over:
        raise typer.Exit(1)


def _at_once(engine: Engine, act: Callable[[Connection, list[Seen]], Acted], seen: list[Seen]) -> Acted:
    from orderhub.ledger.engine import retrying

    return retrying(engine, lambda connection: act(connection, seen))


def _wake(flows: list[str]) -> None:
    """The intake finds the work in the ledger by itself; told, it starts at once."""
    from orderhub.intake.wake import WakeStream
    from orderhub.services import endpoints

    url = endpoints.load().valkey_url
    if not url or not flows:
        return
    stream = WakeStream(url)
    try:
        for flow in flows:
            stream.publish(flow)
    finally:
        stream.close()


def _print_acted(acted: Acted, said: str) -> None:
    out = console()
    out.print(f"{len(acted.cases)} {'case' if len(acted.cases) == 1 else 'cases'} {said}.", style="green")
    for one in acted.passed_over:
        out.print(f"passed over: {one.why}", style="yellow", markup=False)
    if acted.more:
        out.print("There are more; run it again.", style="yellow")


def _which(
    state: list[str] | None, flow: list[str] | None, partner: list[str] | None, reason: str, **more: Any
) -> CaseFilter | None:
    if not (state or flow or partner or reason):
        return None
    return where_of(state, flow, partner, reason, **more)


@app.command("take")
def take(
    cases: Cases = None,
    state: State = None,
    flow: FlowName = None,
    partner: Partner = None,
    reason_is: ReasonText = "",
    owner: Annotated[str, typer.Option("--for", help="Somebody else's name, instead of yours.")] = "",
    json_output: Json = False,
) -> None:
    """Become the owner of cases, or make somebody else it."""
    from orderhub.ledger import inbox_actions

    who = owner or hub.actor()

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        if owner:
            return inbox_actions.assign(connection, seen, actor=hub.actor(), owner=owner)
        return inbox_actions.take(connection, seen, actor=who)

    _bulk(cases, _which(state, flow, partner, reason_is), act, f"now of {who}", json_output)


@app.command("release")
def release(
    cases: Cases = None,
    state: State = None,
    flow: FlowName = None,
    partner: Partner = None,
    reason_is: ReasonText = "",
    json_output: Json = False,
) -> None:
    """Give cases back to the owner of their flow."""
    from orderhub.ledger import inbox_actions

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.release(connection, seen, actor=hub.actor())

    _bulk(cases, _which(state, flow, partner, reason_is), act, "released", json_output)


@app.command("note")
def note(
    case: Annotated[int, typer.Argument(help="The case's number.")],
    text: Annotated[str, typer.Argument(help="What the next one should know.")],
    json_output: Json = False,
) -> None:
    """Write something down about a case."""
    from orderhub.ledger import inbox_actions

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.note(connection, seen[0].id, actor=hub.actor(), text=text)

    _bulk([case], None, act, "noted", json_output)


@app.command("retry")
def retry(
    cases: Cases = None,
    state: State = None,
    flow: FlowName = None,
    partner: Partner = None,
    reason_is: ReasonText = "",
    reason: Why = "",
    json_output: Json = False,
) -> None:
    """Try again after a mapping, a lookup, a suite or an agreement was mended: the cases named, or all of a reason, flow,
    partner or state. Effects in doubt are looked up."""
    from orderhub.ledger import inbox_actions

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.retry(connection, seen, actor=hub.actor(), reason=reason)

    _bulk(
        cases,
        _which(state, flow, partner, reason_is),
        act,
        "tried again at the flow's next run",
        json_output,
    )


@app.command("discard")
def discard(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; mandatory.")],
    cases: Cases = None,
    state: State = None,
    flow: FlowName = None,
    partner: Partner = None,
    reason_is: ReasonText = "",
    json_output: Json = False,
) -> None:
    """Give cases up, with a reason. `orderhub inbox restore` brings them back."""
    from orderhub.ledger import inbox_actions

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.discard(connection, seen, actor=hub.actor(), reason=reason)

    _bulk(cases, _which(state, flow, partner, reason_is), act, "discarded", json_output)


@app.command("restore")
def restore(
    cases: Annotated[list[int], typer.Argument(help="Case numbers, see `orderhub inbox list --discarded`.")],
    reason: Why = "",
    json_output: Json = False,
) -> None:
    """Bring discarded cases back."""
    from orderhub.ledger import inbox_actions

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.restore(connection, seen, actor=hub.actor(), reason=reason)

    _bulk(cases, None, act, "brought back", json_output)


@app.command("resolve")
def resolve(
    case: Annotated[int, typer.Argument(help="The case of an effect in doubt.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="How you know; mandatory.")],
    there: Annotated[
        str | None,
        typer.Option("--there", metavar="REFERENCE", help="The target has it, under this reference."),
    ] = None,
    not_there: Annotated[
        bool, typer.Option("--not-there", help="The target has it not: send it again.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Decide an effect in doubt by hand, when the target cannot answer."""
    from orderhub.ledger import inbox_actions

    if (there is None) != not_there:
        raise LedgerError(
            "Say whether the target has it.", todo="Give --there REFERENCE or --not-there, one of them."
        )

    def act(connection: Connection, seen: list[Seen]) -> Acted:
        return inbox_actions.resolve(
            connection,
            seen[0],
            there=there is not None,
            actor=hub.actor(),
            reason=reason,
            reference=there or "",
        )

    said = "settled: it is there" if there is not None else "sent again at the flow's next run"
    _bulk([case], None, act, said, json_output)


@app.command("sender")
def sender(
    identifier: Annotated[str, typer.Argument(help="As `orderhub inbox senders` shows it.")],
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Print the YAML lines that an agreement needs.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--retry", help="Translate all their files again: the agreement was extended.")
    ] = False,
    reason: Why = "",
    json_output: Json = False,
) -> None:
    """One unknown sender: its files, the lines for an agreement, and translating again."""
    from orderhub.ledger import inbox_actions, inbox_senders

    with hub.ledger() as engine, engine.connect() as connection:
        found = inbox_senders.senders(connection, identifier=identifier)
    if not found:
        raise LedgerError(
            f"No file of a sender {identifier!r} waits.", todo="`orderhub inbox senders` lists them."
        )
    if again:
        known = [number for one in found for number in one.cases]

        def act(connection: Connection, seen: list[Seen]) -> Acted:
            return inbox_actions.retry(
                connection, seen, actor=hub.actor(), reason=reason or f"sender {identifier} is known now"
            )

        _bulk(known, None, act, "translated again at the flow's next run", json_output)
        return
    if json_output:
        print_json(
            [msgspec.structs.asdict(one) | {"suggestion": inbox_senders.suggestion(one)} for one in found]
        )
        return
    for one in found:
        if not suggest:
            console().print(
                f"{one.identifier} (qualifier {one.qualifier or 'none'}): {one.files} files of flow {one.flow}, since "
                f"{one.since.isoformat(timespec='minutes')}, for example {one.example} (interchange {one.example_id})",
                markup=False,
            )
            continue
        where = f"partners/{one.agreement}.yaml" if one.agreement else "the partner's file in partners/"
        if not one.identifier:
            where = f"flows/{one.flow}.yaml"
        typer.echo(f"# into {where}, then: orderhub inbox sender '{one.identifier}' --retry")
        typer.echo(inbox_senders.suggestion(one))
