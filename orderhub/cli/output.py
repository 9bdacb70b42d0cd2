"""What commands print: a table for people, JSON for programs, errors on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console

    from orderhub.findings import Finding

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

#: What a chip says of a state, in rich's colours.
STATE_STYLE = {
    "loaded": "green",
    "accepted": "green",
    "translated": "green",
    "written": "green",
    "ok": "green",
    "partial": "yellow",
    "waiting": "yellow",
    "duplicate": "cyan",
    "received": "blue",
    "loading": "blue",
    "read": "blue",
    "quarantined": "red",
    "conflict": "red",
    "refused": "red",
    "rejected": "red",
    "failed": "red",
    "error": "red",
    "warning": "yellow",
}


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain, decimal_format="string")


def to_json(value: object) -> str:
    """One line of JSON, UTF-8, without spaces."""
    return _encoder.encode(value).decode()


def print_json(value: object) -> None:
    """Write one JSON value and a newline to standard output."""
    sys.stdout.write(to_json(value) + "\n")


def console(*, stderr: bool = False) -> Console:
    """A rich console on standard output (or error); without colour where the stream is no terminal."""
    from rich.console import Console

    out = Console(stderr=stderr, highlight=False)
    # a pipe has no width: tables are not squeezed into the 80 columns that rich would assume
    return out if out.is_terminal else Console(stderr=stderr, highlight=False, width=180)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, empty: str = "Nothing to show."
) -> None:
    """A table of mappings; the column names are the keys, shown with spaces. States get their colour."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    count = 0
    for row in rows:
        cells: list[Text] = []
        for column in columns:
            value = row.get(column)
            text = "" if value is None else str(value)
            style = STATE_STYLE.get(text, "") if column in ("state", "outcome", "severity", "result") else ""
            cells.append(Text(text, style=style))
        table.add_row(*cells)
        count += 1
    out.print(table if count else Text(empty, style="dim"))


def print_findings(findings: Sequence[Finding]) -> None:
    """Findings as a compiler would: place, severity, message, code."""
    from rich.text import Text

    out = console()
    for finding in findings:
        line = Text()
        line.append(f"{finding.place}: ", style="bold")
        line.append(finding.severity.value, style=STATE_STYLE.get(finding.severity.value, ""))
        line.append(f": {finding.message} ")
        line.append(f"[{finding.code}]", style="dim")
        out.print(line, soft_wrap=True)


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Findings as flat rows with their file, for ``--json``."""
    return [{"file": finding.place.file, **finding.as_row()} for finding in findings]
