"""``orderhub mapping``: check, test and run mappings; needs nothing running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orderhub.cli.mapping_files import Partner, given_by, mapping_file, register
from orderhub.cli.mapping_writing import register_mapping
from orderhub.cli.output import Json, console, finding_rows, print_findings, print_json, to_json
from orderhub.errors import ConfigError

app = typer.Typer(
    help="Mappings: from a partner's format to a canonical document, and back.", no_args_is_help=True
)
register(app)
register_mapping(app)

Named = Annotated[list[str] | None, typer.Argument(help="Names or files; all mappings without.")]


def _files(named: list[str] | None) -> list[Path]:
    from orderhub.project import mappings_folder

    folder = mappings_folder()
    if not named:
        found = sorted(folder.glob("*.yaml"))
        if not found:
            raise ConfigError("There is no mapping here.", todo=f"Write one into {folder.name}/.")
        return found
    return [mapping_file(name) for name in named]


@app.command("check")
def check(names: Named = None, json_output: Json = False) -> None:
    """Check mappings against the source's grammar and the target's schema. Exit code 1 on an error."""
    from orderhub.findings import Severity
    from orderhub.mapping import MappingRefused, check_mapping, load_mapping
    from orderhub.mapping.given import taken

    files = _files(names)
    findings = [finding for path in files for finding in check_mapping(path)]
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    agreed: dict[str, list[str]] = {}
    for path in files:
        try:
            if names_taken := taken(load_mapping(path).fields):
                agreed[path.stem] = sorted(names_taken)
        except MappingRefused:
            continue  # among the findings
    if json_output:
        print_json(
            {
                "mappings": [path.stem for path in files],
                "ok": not failed,
                "findings": finding_rows(findings),
                "agreement": agreed,
            }
        )
    else:
        print_findings(findings)
        for name, values in agreed.items():
            console().print(f"{name} takes from the agreement: {', '.join(values)}.", markup=False)
        count = f"{len(files)} mapping{'s' if len(files) != 1 else ''}"
        console().print(
            f"[red]{count} checked: refused.[/red]" if failed else f"[green]{count} checked: good.[/green]"
        )
    if failed:
        raise typer.Exit(1)


@app.command("test")
def test(names: Named = None, json_output: Json = False) -> None:
    """Run the golden pairs beside the mappings. Exit code 1 when one differs, 2 when there is none."""
    from orderhub.mapping import test_mapping

    files = _files(names)
    rows: list[dict[str, Any]] = []
    for path in files:
        for result in test_mapping(path):
            rows.append(
                {"mapping": path.stem, "case": result.case, "ok": result.ok, "difference": result.difference}
            )
    passed = sum(1 for row in rows if row["ok"])
    if json_output:
        print_json({"passed": passed, "failed": len(rows) - passed, "cases": rows})
    else:
        out = console()
        for row in rows:
            mark = "[green]pass[/green]" if row["ok"] else "[red]FAIL[/red]"
            out.print(f"{mark} {row['mapping']}: {row['case']}")
            if not row["ok"]:
                out.print(row["difference"], markup=False, soft_wrap=True)
        out.print(f"{passed} of {len(rows)} cases passed.")
    if not rows:
        raise typer.Exit(2)
    if passed != len(rows):
        raise typer.Exit(1)


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="A mapping's name or file.")],
    source: Annotated[Path, typer.Argument(help="A source file.")],
    partner: Partner = None,
    json_output: Json = False,
) -> None:
    """Run one mapping over one file and show documents and findings. Exit code 1 when a document could not be made."""
    from orderhub.findings import Finding, Severity
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.translation import DocumentResult, translate_file

    path = _files([name])[0]
    registry = MappingRegistry(path.parent)
    failed = False
    shown: set[Finding] = set()
    out = console()
    for row in translate_file(source, registry, mapping=path.stem, given=given_by(partner)):
        failed = failed or any(finding.severity is Severity.ERROR for finding in row.findings)
        if json_output:
            typer.echo(to_json(row.as_row()))
            continue
        if isinstance(row, DocumentResult):
            out.print(f"[bold]{row.number or '(no number)'}[/bold]")
            if row.document is not None:
                out.print_json(to_json(row.document))
        # a file's findings are also those of its documents, which stand with them already
        print_findings([finding for finding in row.findings if finding not in shown])
        shown.update(row.findings)
    if failed:
        raise typer.Exit(1)


@app.command("trace")
def trace(
    name: Annotated[str, typer.Argument(help="A mapping's name or file.")],
    source: Annotated[Path, typer.Argument(help="A source file.")],
    field: Annotated[
        str | None, typer.Option("--field", help="One field, as lines[2].quantity; all of them without.")
    ] = None,
    document: Annotated[
        int, typer.Option("--document", min=1, help="Which message of the file, from 1.")
    ] = 1,
    partner: Partner = None,
    json_output: Json = False,
) -> None:
    """Where a document's values come from: the bytes of the source, and every step of the mapping on the way."""
    from orderhub.mapping.originals import open_message
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.trace import trace_all, trace_field
    from orderhub.mapping.translation import open_source

    path = _files([name])[0]
    registry = MappingRegistry(path.parent)
    mapping = registry.get(path.stem)
    try:
        with open_source(source) as stream:
            data = stream.read()
    except OSError as error:
        raise ConfigError(
            f"{source} cannot be read: {error.strerror}.", todo="Check its name and rights."
        ) from None
    opened = open_message(registry, data, name=source.name, number=document, mapping=mapping)
    given = given_by(partner)
    if field is not None:
        one = trace_field(opened.mapping, opened.tree, field, given, opened.sharpen)
        if json_output:
            print_json(one)
            return
        from orderhub.cli.trace_view import print_trace

        print_trace(one, data, mapping=f"{mapping.name} version {mapping.version}")
        return
    fields = list(trace_all(opened.mapping, opened.tree, given, opened.sharpen))
    if json_output:
        print_json(fields)
        return
    from orderhub.cli.trace_view import print_fields

    print_fields(
        fields, title=f"Message {document} of {source.name}, {mapping.name} version {mapping.version}"
    )
