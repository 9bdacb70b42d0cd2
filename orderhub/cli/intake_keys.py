"""``orderhub intake``: the intake process, and the keys with which partners post documents."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, print_json, print_table

app = typer.Typer(
    help="Watch for what arrives (without a command), and the keys of the HTTP intake.",
    invoke_without_command=True,
)
keys = typer.Typer(help="Keys with which partners and applications post documents.", no_args_is_help=True)
app.add_typer(keys, name="key")


@app.callback()
def intake(context: typer.Context) -> None:
    """Without a command: watch the folders of flows that start on arrival, and wake these flows. ``orderhub up`` runs it."""
    if context.invoked_subcommand is None:
        from orderhub.intake.process import run

        run()


@keys.command("new")
def new(
    flow: Annotated[str, typer.Argument(help="The flow that the key leads to; it pulls with http_intake.")],
    name: Annotated[str, typer.Option(help="Whose key it is, for people.")] = "",
    test: Annotated[bool, typer.Option("--test", help="Whatever is posted with it is test data.")] = False,
    days: Annotated[
        int | None, typer.Option(help="It ends by itself after so many days; never without.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Make a key and show it, this once."""
    from orderhub.flows.posting import endpoint_of, make_key
    from orderhub.ledger.engine import transaction

    flows = hub.flows()
    with hub.ledger() as engine, transaction(engine) as connection:
        made, key = make_key(connection, flows, flow, name=name, actor=hub.actor(), test=test, days=days)
    if json_output:
        print_json({**msgspec.to_builtins(made), "key": key})
        return
    typer.echo(
        f"The key {made.public_id} of {made.name} for {flow}{' (test)' if test else ''}, shown this once:\n"
    )
    typer.echo(f"    {key}\n")
    typer.echo(f"POST to /orderhub/api/v1/intake/{endpoint_of(flows.get(flow))} with the header")
    typer.echo("    Authorization: Bearer <key>")


@keys.command("list")
def list_keys(
    flow: Annotated[str | None, typer.Argument(help="Of this flow only.")] = None, json_output: Json = False
) -> None:
    """Every key, without its secret, which nobody has but its owner."""
    from orderhub.ledger import intake_keys
    from orderhub.ledger.engine import transaction

    now = dt.datetime.now(dt.UTC)
    with hub.ledger() as engine, transaction(engine) as connection:
        rows = [
            {**msgspec.to_builtins(key), "state": key.state(now).value}
            for key in intake_keys.listed(connection, flow)
        ]
    if json_output:
        print_json(rows)
        return
    shown = [{**row, "key": row["public_id"], "test": "test" if row["test"] else ""} for row in rows]
    columns = (
        "key",
        "flow",
        "name",
        "test",
        "state",
        "created_at",
        "created_by",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    print_table("Keys of the HTTP intake", columns, shown, empty="There are no keys.")


@keys.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="The key's own name, as `list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
) -> None:
    """End a key at once. What was posted with it stays."""
    from orderhub.ledger import intake_keys
    from orderhub.ledger.engine import transaction

    with hub.ledger() as engine, transaction(engine) as connection:
        intake_keys.revoke(connection, key, actor=hub.actor(), reason=reason)
    typer.echo(f"The key {key} is good for nothing any more.")
