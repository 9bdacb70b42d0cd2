"""How a trace looks on a terminal: the value, its bytes in their line, and the steps between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orderhub.cli.output import console
from orderhub.formats.bundle import is_bundle

if TYPE_CHECKING:
    from rich.text import Text

    from orderhub.findings import Place
    from orderhub.mapping.trace import SourceValue, Trace, TracedField

_AROUND = 48
_STYLES = {
    "source": "cyan",
    "constant": "magenta",
    "agreement": "magenta",
    "interchange": "magenta",
    "function": "",
    "lookup": "yellow",
    "choice": "blue",
    "condition": "blue",
    "fit": "",
    "refused": "bold red",
}


def print_trace(trace: Trace, data: bytes, *, mapping: str) -> None:
    """One value with everything.

    :param data: the original, for the line around the value.
    :param mapping: name and version, as the heading has them.
    """
    from rich.text import Text

    out = console()
    heading = Text(trace.field, style="bold")
    heading.append(" = ", style="dim")
    heading.append(_shown(trace.value), style="bold green" if trace.value is not None else "bold red")
    out.print(heading)
    where = f"{mapping}, line {trace.line}: " if trace.line else f"{mapping}: "
    if trace.origin == "default":
        where += (
            "not mapped; the document has this by itself" if not trace.expression else "the document's own"
        )
    out.print(Text(where, style="dim").append(trace.expression, style=""))
    for source in trace.sources:
        _source(source, data)
    if trace.steps:
        out.print()
        width = min(60, max(len(step.text) + 2 * step.depth for step in trace.steps))
        for step in trace.steps:
            line = Text("  " + "  " * step.depth)
            room = width - 2 * step.depth
            text = step.text if len(step.text) <= room else f"{step.text[: room - 1]}…"
            line.append(text.ljust(room), style=_STYLES[step.what])
            line.append("  →  ", style="dim")
            line.append(_shown(step.value), style="green" if step.value is not None else "dim")
            note = step.note
            if step.what == "lookup":
                row = f", line {step.row}" if step.row is not None else ""
                note = f"{step.table}{row}{'; ' + note if note else ''}"
            elif step.what in ("agreement", "interchange"):
                note = f"from the {step.what}"
            elif step.what == "constant":
                note = "written in the mapping"
            if note:
                line.append(f"   {note}", style="red" if step.what == "refused" else "dim")
            out.print(line, soft_wrap=True)
    if trace.error is not None:
        out.print(Text(trace.error, style="red"))


def _source(source: SourceValue, data: bytes) -> None:
    from rich.text import Text

    out = console()
    role = {"argument": "  (argument)", "condition": "  (decides)"}.get(source.role, "")
    place = source.place
    out.print(Text(f"  {source.path}{role}", style="cyan").append(f"  {_where(place)}", style="dim"))
    if place.offset is not None and place.length is not None and not is_bundle(data[:8]):
        out.print(Text("    ").append_text(_in_line(data, place.offset, place.length)), soft_wrap=True)
    elif place.excerpt:
        out.print(Text(f"    {_visible(place.excerpt)}"), soft_wrap=True)


def _where(place: Place) -> str:
    end = (
        f" to {place.offset + place.length}" if place.offset is not None and place.length is not None else ""
    )
    return f"{place}{end}"


def _in_line(data: bytes, offset: int, length: int) -> Text:
    """The value in the line it stands in, marked."""
    from rich.text import Text

    start = max(data.rfind(b"\n", 0, offset) + 1, offset - _AROUND)
    end = data.find(b"\n", offset + length)
    end = min(len(data) if end < 0 else end, offset + length + _AROUND)
    text = Text("…" if start > 0 and data[start - 1 : start] != b"\n" else "")
    text.append(_decoded(data[start:offset]), style="dim")
    text.append(_decoded(data[offset : offset + length]) or "·", style="reverse cyan")
    text.append(_decoded(data[offset + length : end]), style="dim")
    return text


def _decoded(raw: bytes) -> str:
    try:
        return _visible(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return _visible(raw.decode("cp1252", "replace"))


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else "·" for char in text)


def _shown(value: str | None) -> str:
    return "nothing" if value is None else _visible(value[:200])


def print_fields(fields: Sequence[TracedField], *, title: str) -> None:
    """All values of a document, one row each: value, where it comes from, the expression."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in ("field", "value", "from", "bytes", "expression"):
        table.add_column(column, overflow="fold")
    for field in fields:
        values = [source for source in field.sources if source.role == "value"]
        place = values[0].place if values else None
        where: str = field.origin if place is None else ""
        at = ""
        if place is not None:
            where = _short(place)
            if place.offset is not None:
                at = str(place.offset) + (f"+{place.length}" if place.length is not None else "")
            if len(values) > 1:
                where += f" and {len(values) - 1} more"
        style = "magenta" if place is None else "cyan"
        table.add_row(
            Text(field.field),
            Text(_shown(field.value), "green"),
            Text(where, style),
            at,
            Text(field.expression),
        )
    console().print(table)


def _short(place: Place) -> str:
    if place.segment is not None and place.segment_number is not None:
        parts = [f"{place.segment} (segment {place.segment_number})"]
        if place.element is not None:
            parts.append(f"element {place.element}" + (f".{place.component}" if place.component else ""))
        return ", ".join(parts)
    if place.path is not None:
        return f"{place.path}" + (f", line {place.line}" if place.line is not None else "")
    return f"line {place.line}" if place.line is not None else str(place)
