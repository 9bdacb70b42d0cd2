"""``orderhub mapping coverage | diff``: a mapping over a folder of real files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli import hub
from orderhub.cli.files import each_file
from orderhub.cli.output import Json, console, print_json, print_table
from orderhub.errors import ConfigError

if TYPE_CHECKING:
    from orderhub.mapping.real_files import Coverage
    from orderhub.mapping.run import CompiledMapping

Files = Annotated[list[Path], typer.Argument(help="Folders of real files, or files.")]
Partner = Annotated[
    str | None,
    typer.Option("--partner", help="Whose documents these are: the agreement gives what they leave out."),
]


def given_by(partner: str | None) -> dict[str, Any]:
    """What the agreement gives; :class:`ConfigError` when there is none of that name."""
    if partner is None:
        return {}
    from orderhub.partners.registry import PartnerRegistry
    from orderhub.project import partners_folder

    return PartnerRegistry(partners_folder()).get(partner).defaults.given()


def mapping_file(name: str) -> Path:
    """The file of a mapping that is given by name or as a file."""
    from orderhub.project import mappings_folder

    folder = mappings_folder()
    path = Path(name) if name.endswith((".yaml", ".yml")) else folder / f"{Path(name).name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(one.stem for one in folder.glob("*.yaml"))) or "none"
        raise ConfigError(f"There is no mapping {name!r}.", todo=f"Known mappings: {known}.")
    return path


def mapping_writes(name: str) -> bool:
    """Whether the mapping of that name makes payloads, as its file is today."""
    from orderhub.mapping.registry import MappingRegistry

    path = mapping_file(name)
    return MappingRegistry(path.parent).file(path.stem).writes


def mapping_version(name: str) -> CompiledMapping:
    """A mapping by name or file, or as it was when it made documents: ``NAME@3`` (the last state of that version), or
    ``NAME@`` and the beginning of a content hash."""
    from orderhub.mapping.registry import MappingRegistry

    plain, at, wanted = name.rpartition("@")
    if not at:
        path = mapping_file(name)
        return MappingRegistry(path.parent).get(path.stem)
    from orderhub.ledger.kept_mappings import kept_mapping, kept_versions

    with hub.ledger() as engine, engine.connect() as connection:
        versions = kept_versions(connection, plain)
        fitting = [
            one for one in versions if str(one.version) == wanted or one.content_hash.startswith(wanted)
        ]
        compiled = kept_mapping(connection, plain, fitting[-1].content_hash) if fitting and wanted else None
    if compiled is None and fitting and mapping_writes(plain):
        raise ConfigError(
            f"{plain} writes, and only mappings that read are compared over files.",
            todo="`orderhub mapping write` shows what it makes of a document.",
        )
    if compiled is None:
        known = ", ".join(f"{plain}@{one.version} ({one.content_hash[:8]})" for one in versions) or "none"
        raise ConfigError(f"The ledger has no {name}.", todo=f"It has: {known}.")
    return compiled


def register(app: typer.Typer) -> None:
    """Add the commands to ``orderhub mapping``."""
    app.command("coverage")(coverage)
    app.command("diff")(diff)
    app.command("versions")(versions)


def coverage(
    name: Annotated[str, typer.Argument(help="A mapping's name or file.")],
    paths: Files,
    partner: Partner = None,
    json_output: Json = False,
) -> None:
    """Which source data a mapping drops over real files: path, how often, an example. Of a mapping that writes: which
    values of canonical documents do not go into its payloads."""
    from orderhub.mapping.real_files import coverage as cover
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.writing.coverage import coverage as cover_writing

    path = mapping_file(name)
    registry = MappingRegistry(path.parent)
    if registry.file(path.stem).writes:
        found = cover_writing(registry.writing(path.stem), each_file(paths))
    else:
        found = cover(registry.get(path.stem), registry, each_file(paths), given_by(partner))
    if json_output:
        print_json(found)
        return
    rows = [
        {
            "path": one.path,
            "messages": one.messages,
            "times": one.times,
            "unmapped": one.level,
            "example": one.example,
            "at": str(one.place),
        }
        for one in found.dropped
    ]
    columns = ("path", "messages", "times", "unmapped", "example", "at")
    print_table(
        f"{found.mapping} version {found.version} does not read", columns, rows, empty="It reads everything."
    )
    console().print(_summary(found))


def _summary(found: Coverage) -> str:
    passed = f", {len(found.passed_over)} had nothing for it" if found.passed_over else ""
    refused = f", {found.refused} of them refused" if found.refused else ""
    return f"{found.messages} messages in {found.files} files{passed}{refused}; {len(found.dropped)} paths are dropped."


def diff(
    before: Annotated[str, typer.Argument(help="A mapping: name, file, or NAME@VERSION out of the ledger.")],
    after: Annotated[str, typer.Argument(help="The other one.")],
    paths: Files,
    partner: Partner = None,
    json_output: Json = False,
) -> None:
    """What two versions of a mapping make differently of real files. Exit code 1 when anything differs."""
    from rich.text import Text

    from orderhub.mapping.real_files import compare
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.project import mappings_folder

    one, other = mapping_version(before), mapping_version(after)
    found = compare(one, other, MappingRegistry(mappings_folder()), each_file(paths), given_by(partner))
    if json_output:
        print_json(
            {**{name: getattr(found, name) for name in found.__struct_fields__}, "fields": found.fields()}
        )
    else:
        out = console()
        for document in found.differing:
            heading = Text(f"{document.number or '(no number)'}", style="bold")
            heading.append(f"  {document.file}, message {document.message}", style="dim")
            out.print(heading)
            if document.outcome != "changed":
                made, none = (
                    (found.before, found.after)
                    if document.outcome == "only_before"
                    else (found.after, found.before)
                )
                out.print(Text(f"  made by {made}, not by {none}", style="red"))
            for reason in document.reasons:
                out.print(Text(f"  {reason}", style="red"))
            for field in document.fields:
                line = Text(f"  {field.field}  ")
                line.append("nothing" if field.before is None else field.before, style="red")
                line.append("  →  ", style="dim")
                line.append("nothing" if field.after is None else field.after, style="green")
                out.print(line)
        by_field = ", ".join(f"{field} in {count}" for field, count in found.fields().items())
        out.print(
            f"{found.before} and {found.after}: {len(found.differing)} of {found.messages} messages in {found.files} files "
            f"differ{': ' + by_field if by_field else ''}."
        )
    if found.differing:
        raise typer.Exit(1)


def versions(
    name: Annotated[str, typer.Argument(help="A mapping's name.")],
    json_output: Json = False,
) -> None:
    """The states of a mapping that made documents, as the ledger keeps them: version, content hash, first use. Each can be
    named in `orderhub mapping diff` as NAME@VERSION or NAME@HASH."""
    from orderhub.ledger.kept_mappings import kept_versions

    with hub.ledger() as engine, engine.connect() as connection:
        found = kept_versions(connection, name)
    if json_output:
        print_json(found)
        return
    rows = [
        {
            "version": one.version,
            "content_hash": one.content_hash[:12],
            "first_used": one.first_used_at.isoformat(timespec="seconds"),
        }
        for one in found
    ]
    empty = f"The mapping {name} has made no document yet."
    print_table(name, ("version", "content_hash", "first_used"), rows, empty=empty)
