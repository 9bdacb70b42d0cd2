"""``orderhub flow``: list, check and run flows."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli import hub
from orderhub.cli.output import Json, console, finding_rows, print_findings, print_json, print_table

if TYPE_CHECKING:
    from orderhub.stage import Flow, RunResult

app = typer.Typer(
    help="Flows: what is pulled from where, translated how, loaded into what.", no_args_is_help=True
)


def _row(flow: Flow) -> dict[str, Any]:
    trigger = " + ".join(
        part for part in ("arrival" if flow.trigger.arrival else "", flow.trigger.schedule or "") if part
    )
    return {
        "flow": flow.name,
        "owner": flow.owner,
        "partner": flow.partner or "by sender",
        "trigger": trigger,
        "pull": flow.pull.connector,
        "mapping": flow.translate.mapping or "by message",
        "suite": flow.validate.suite or "",
        "load": ", ".join(target.name for target in flow.load),
        "paused": "paused" if flow.paused else "",
    }


@app.command("list")
def list_flows(json_output: Json = False) -> None:
    """Every flow, and the files that are no usable flow."""
    registry = hub.flows()
    rows = [_row(flow) for flow in registry.flows()]
    problems = [error.as_finding() for error in registry.problems()]
    if json_output:
        print_json({"flows": rows, "problems": finding_rows(problems)})
        return
    columns = ("flow", "partner", "trigger", "pull", "mapping", "suite", "load", "paused")
    print_table("Flows", columns, rows, empty="There is no flow yet. A flow is a file in flows/.")
    print_findings(problems)


@app.command("check")
def check(
    names: Annotated[list[str] | None, typer.Argument(help="Flows; all of them without.")] = None,
    json_output: Json = False,
) -> None:
    """Cross-check every file that a flow names: agreement, mapping, suite, connectors (without names all agreements); where
    the hub runs, also that no used version of a mapping was changed. Exit code 1 on an error."""
    from orderhub.connector_registry import ConnectorRegistry
    from orderhub.findings import Severity
    from orderhub.flows.check import check_flow
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.partners.registry import PartnerRegistry
    from orderhub.services.settings import get_settings

    settings = get_settings()
    partners = PartnerRegistry(settings.path("partners_folder"))
    mappings = MappingRegistry(settings.path("mappings_folder"))
    connectors = ConnectorRegistry(settings.path("connectors_folder"))
    suites = settings.path("schemas_folder") / "expectations"
    registry = hub.flows()
    findings = [] if names else [error.as_finding() for error in registry.problems()]
    checked = names or registry.names()
    if not names or any(registry.get(name).partner is None for name in names):
        # whoever sends is looked for in all agreements: one that cannot be read is a sender that nobody knows
        findings += [error.as_finding() for error in partners.problems()]
    with hub.ledger_if_there() as ledger:
        for name in checked:
            findings += check_flow(
                registry.get(name),
                partners=partners,
                mappings=mappings,
                suites=suites,
                connectors=connectors,
                ledger=ledger,
            )
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    if json_output:
        print_json({"flows": checked, "ok": not failed, "findings": finding_rows(findings)})
    else:
        print_findings(findings)
        count = f"{len(checked)} flow{'s' if len(checked) != 1 else ''}"
        console().print(
            f"[red]{count} checked: not usable.[/red]" if failed else f"[green]{count} checked: good.[/green]"
        )
    if failed:
        raise typer.Exit(1)


@app.command("run")
def run(
    names: Annotated[list[str], typer.Argument(help="Flows, run one after the other.")],
    received_from: Annotated[
        dt.datetime | None,
        typer.Option(help="Pull nothing: translate again what was received from then on (UTC)."),
    ] = None,
    received_until: Annotated[
        dt.datetime | None, typer.Option(help="… and before then (UTC); without it, until now.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Run a flow's five stages here, without Airflow, on the running services. Exit code 1 when a stage failed."""
    from orderhub.flows.runner import run_flow

    received = _interval(received_from, received_until)
    registry = hub.flows()
    chosen = [registry.get(name) for name in names]
    failed = False
    with hub.context() as ctx:
        for flow in chosen:
            trigger = "cli" if received is None else "backfill"
            result = run_flow(ctx, flow, trigger=trigger, received=received)
            failed = failed or bool(result.problems)
            if json_output:
                print_json(result)
            else:
                _print_result(result)
    if failed:
        raise typer.Exit(1)


def _interval(start: dt.datetime | None, end: dt.datetime | None) -> tuple[dt.datetime, dt.datetime] | None:
    if start is None:
        if end is not None:
            raise typer.BadParameter("it needs --received-from as well", param_hint="--received-until")
        return None
    until = end.replace(tzinfo=dt.UTC) if end is not None else dt.datetime.now(dt.UTC)
    begin = start.replace(tzinfo=dt.UTC)
    if begin >= until:
        raise typer.BadParameter(
            f"{begin:%Y-%m-%d %H:%M} is not before the end", param_hint="--received-from"
        )
    return begin, until


def _print_result(result: RunResult) -> None:
    def total(attribute: str) -> int:
        return sum(getattr(one, attribute) for one in result.validate)

    rows = [
        {
            "stage": "pull",
            "what": f"{len(result.pull.interchanges)} new, {result.pull.refused} refused, "
            f"{result.pull.duplicates} duplicate, {result.pull.seen} seen before",
        },
        {
            "stage": "translate",
            "what": f"{result.translate.documents} documents of {result.translate.interchanges} interchanges, "
            f"{result.translate.refused} refused, {len(result.translate.batches)} batches",
        },
        {
            "stage": "validate",
            "what": f"{total('accepted')} accepted, {total('quarantined')} quarantined, "
            f"{total('duplicates')} duplicate, {total('conflicts')} in conflict",
        },
        *(
            {
                "stage": f"load {one.target}",
                "what": f"{one.written} written, {one.unchanged} unchanged, {one.rejected} rejected, "
                f"{one.unclear} unclear, {one.waiting} waiting",
            }
            for one in result.load
        ),
        {
            "stage": "acknowledge",
            "what": f"{result.acknowledge.accepted} accepted, {result.acknowledge.partial} partly, "
            f"{result.acknowledge.rejected} rejected",
        },
    ]
    print_table(f"{result.flow}, run {result.run}", ("stage", "what"), rows)
    for problem in result.problems:
        console().print(problem, style="red", soft_wrap=True)
