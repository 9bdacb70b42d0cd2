"""``orderhub document``: find documents, show one's whole path, retry one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from orderhub.cli import hub
from orderhub.cli.files import write_file, write_output
from orderhub.cli.mapping_writing import register_document
from orderhub.cli.output import Json, console, finding_rows, print_findings, print_json, print_table
from orderhub.errors import ConfigError

if TYPE_CHECKING:
    from orderhub.ledger.queries import DocumentFilter
    from orderhub.ledger.records import DocumentPath, DocumentRow

#: The path that means standard output.
STANDARD_OUTPUT = Path("-")

app = typer.Typer(help="Documents in the ledger.", no_args_is_help=True)
register_document(app)


def _row(row: DocumentRow) -> dict[str, Any]:
    finding = row.first_finding
    return {
        "id": row.id,
        "number": row.number or "–",
        "type": row.type,
        "partner": row.agreement,
        "supplier": row.supplier,
        "file": row.file,
        "state": row.state.value,
        "references": ", ".join(f"{target} {reference}" for target, reference in row.references.items()),
        "error": finding.code if finding else None,
        "received": row.received_at.isoformat(timespec="seconds"),
    }


@app.command("find")
def find(
    text: Annotated[str, typer.Argument(help="Words of number, buyer, supplier, partner or file name.")] = "",
    state: Annotated[list[str] | None, typer.Option(help="Only in this state; may be given again.")] = None,
    flow: Annotated[list[str] | None, typer.Option(help="Only of this flow; may be given again.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="Write all that fit, without a limit, as CSV for spreadsheets; - is standard output."
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Documents, newest first."""
    from orderhub.ledger import queries

    where = queries.DocumentFilter(text=text, states=state or (), flows=flow or ())
    if csv is not None:
        _write_csv(where, csv, json_output)
        return
    with hub.ledger() as engine, engine.connect() as connection:
        page = queries.find_documents(connection, where, limit=limit)
    if json_output:
        print_json({"total": page.total, "documents": page.rows})
        return
    columns = ("id", "number", "partner", "supplier", "file", "state", "references", "error")
    print_table(
        f"{len(page.rows)} of {page.total} documents",
        columns,
        [_row(row) for row in page.rows],
        empty="No document fits.",
    )


def _write_csv(where: DocumentFilter, path: Path, json_output: bool) -> None:
    from orderhub.ledger import export, queries
    from orderhub.ledger.engine import transaction

    if json_output and path == STANDARD_OUTPUT:
        raise ConfigError(
            "The documents go to standard output, so the summary cannot.", todo="Name a file with --json."
        )
    with hub.ledger() as engine:
        with transaction(engine) as connection:
            ids = export.ids_of(connection, *queries.all_documents(where))
        pieces = export.documents_csv(engine, ids)
        if path == STANDARD_OUTPUT:
            write_output(pieces)
            return
        try:
            size = write_file(path, pieces)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}.", todo="Check the folder and its rights."
            ) from None
    if json_output:
        print_json({"file": str(path), "documents": len(ids), "bytes": size})
    else:
        console().print(f"{path}: {len(ids)} documents.", markup=False)


@app.command("show")
def show(
    document: Annotated[int, typer.Argument(help="The document's ledger id.")],
    json_output: Json = False,
) -> None:
    """One document's whole path: file, findings with their places, timeline, effects, canonical form."""
    path = hub.document_path(document)
    if json_output:
        plain = msgspec.to_builtins(path, enc_hook=str)
        plain["canonical"] = msgspec.json.decode(path.canonical) if path.canonical else None
        print_json(plain)
        return
    _print_path(path)


def _print_path(path: DocumentPath) -> None:
    out = console()
    row = path.row
    out.print(f"[bold]{row.type} {row.number or '(no number)'}[/bold]  document {row.id}, {row.state.value}")
    out.print(f"file {row.file}, interchange {row.interchange_id}, message {row.ordinal}, flow {row.flow}")
    if path.mapping:
        out.print(f"mapping {path.mapping.name} version {path.mapping.version}")
    if path.duplicate_of:
        out.print(f"the same content as document {path.duplicate_of}")
    if path.conflict_with:
        out.print(f"other content than document {path.conflict_with} under the same number")
    if path.findings:
        out.print()
        print_findings(path.findings)
    out.print()
    steps = [
        {
            "at": step.at.isoformat(timespec="milliseconds"),
            "what": step.subject,
            "from": step.from_state or "",
            "state": step.to_state,
            "by": step.actor,
            "reason": step.reason or "",
        }
        for step in path.timeline
    ]
    print_table("Timeline", ("at", "what", "from", "state", "by", "reason"), steps)
    effects = [
        {
            "target": effect.target,
            "state": effect.state.value,
            "reference": effect.reference or "",
            "version": effect.version,
            "attempts": effect.attempts,
            "reason": effect.reason or "",
        }
        for effect in path.effects
    ]
    if effects:
        out.print()
        print_table("Effects", ("target", "state", "reference", "version", "attempts", "reason"), effects)
    if path.canonical:
        out.print()
        out.print_json(path.canonical.decode())


@app.command("retry")
def retry(
    documents: Annotated[list[int], typer.Argument(help="Ledger ids of quarantined or rejected documents.")],
    reason: Annotated[str, typer.Option(help="Why; stands in the timeline.")] = "",
    json_output: Json = False,
) -> None:
    """Translate documents again from their originals at the flow's next run."""
    from orderhub.ledger import documents as ledger_documents
    from orderhub.ledger.engine import retrying

    with hub.ledger() as engine:
        moved = retrying(
            engine,
            lambda connection: ledger_documents.retry(
                connection, documents, actor=hub.actor(), reason=reason
            ),
        )
    if json_output:
        print_json({"retried": moved})
        return
    console().print(
        f"{len(moved)} of {len(documents)} documents go back to translation at the flow's next run."
    )


@app.command("findings")
def findings(
    document: Annotated[int, typer.Argument(help="The document's ledger id.")],
    json_output: Json = False,
) -> None:
    """Only the findings of one document."""
    path = hub.document_path(document)
    if json_output:
        print_json(finding_rows(path.findings))
    else:
        print_findings(path.findings)


@app.command("trace")
def trace(
    document: Annotated[int, typer.Argument(help="The document's ledger id.")],
    field: Annotated[str | None, typer.Argument(help="One field, as lines[2].quantity; all without.")] = None,
    json_output: Json = False,
) -> None:
    """Where a document's values come from: the bytes of its original, by the mapping that it was made with."""
    from orderhub.source import document_field_trace, document_trace

    with hub.context() as ctx:
        if field is None:
            whole = document_trace(ctx, document)
            if json_output:
                print_json(whole)
                return
            from orderhub.cli.trace_view import print_fields

            print_fields(whole.fields, title=_made_with(document, whole.mapping, whole.version, whole.kept))
            return
        one = document_field_trace(ctx, document, field)
    if json_output:
        print_json(one.trace)
        return
    from orderhub.cli.trace_view import print_trace

    print_trace(one.trace, one.original, mapping=_made_with(document, one.mapping, one.version, one.kept))


def _made_with(document: int, mapping: str, version: int, kept: bool) -> str:
    return f"Document {document}, {mapping} version {version}{'' if kept else ' (as it is today)'}"
