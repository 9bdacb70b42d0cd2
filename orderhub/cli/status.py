"""``orderhub status``: what the ledger holds, flow by flow."""

from __future__ import annotations

from orderhub.cli import hub
from orderhub.cli.output import Json, print_json, print_table


def status(json_output: Json = False) -> None:
    """Files, documents and effects by flow and state."""
    from orderhub.ledger import queries

    with hub.ledger() as engine, engine.connect() as connection:
        flows = queries.status(connection)
    if json_output:
        print_json(flows)
        return

    def counts(found: dict[str, int]) -> str:
        return ", ".join(f"{count} {state}" for state, count in found.items() if count) or "–"

    rows = [
        {
            "flow": flow.flow + (" (paused)" if flow.paused else ""),
            "files": counts(flow.interchanges),
            "documents": counts(flow.documents),
            "effects": "; ".join(f"{target}: {counts(states)}" for target, states in flow.outbox.items())
            or "–",
            "last_received": flow.last_received_at.isoformat(timespec="seconds")
            if flow.last_received_at
            else "–",
        }
        for flow in flows
    ]
    print_table(
        "Flows",
        ("flow", "files", "documents", "effects", "last_received"),
        rows,
        empty="Nothing has arrived yet.",
    )
