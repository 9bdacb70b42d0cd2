"""A canonical document as a page shows it: JSON in lines, each with its field path and the findings about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from orderhub.web.marks import visible

MAX_LINES = 4000

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


@dataclass(slots=True)
class FieldLine:
    """One line: ``text`` is punctuation and value, ``kind`` the value's (``string``, ``number``, ``word``, ``open``).

    ``path`` as mappings and suites write it (``lines[0].quantity``).
    """

    number: int
    depth: int
    key: str | None
    text: str
    kind: str
    tail: str
    path: str
    findings: tuple[int, ...] = ()
    severity: str = ""
    #: the number of the trace that says where the value came from; 0 for none
    trace: int = 0


def render(
    document: Json,
    findings: Sequence[tuple[int, str, str]],
    traces: Mapping[str, int] = MappingProxyType({}),
) -> tuple[list[FieldLine], set[int]]:
    """The lines, and the numbers of the findings that found a line.

    :param findings: number, severity and field path; a path that does not occur marks its nearest existing parent.
    :param traces: field path to the number of what is known of its origin.
    """
    lines: list[FieldLine] = []
    _walk(document, "", None, 0, "", lines)
    for valued in lines:
        if valued.kind in ("string", "number", "word"):
            valued.trace = traces.get(valued.path, 0)
    by_path = {line.path: line for line in reversed(lines) if line.kind != "close"}
    placed: set[int] = set()
    for number, severity, path in findings:
        line = _nearest(by_path, path)
        if line is None:
            continue
        line.findings = (*line.findings, number)
        if not line.severity or severity == "error":
            line.severity = severity
        placed.add(number)
    return lines, placed


def _nearest(by_path: Mapping[str, FieldLine], path: str) -> FieldLine | None:
    while path:
        if path in by_path:
            return by_path[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return None


def _walk(value: Json, path: str, key: str | None, depth: int, tail: str, lines: list[FieldLine]) -> None:
    def add(text: str, kind: str, end: str, shown_key: str | None) -> None:
        lines.append(FieldLine(len(lines) + 1, min(depth, 12), shown_key, text, kind, end, path))

    if len(lines) >= MAX_LINES:
        return
    if isinstance(value, Mapping):
        if not value:
            add("{}", "open", tail, key)
            return
        add("{", "open", "", key)
        last = len(value) - 1
        for index, (name, item) in enumerate(value.items()):
            below = f"{path}.{name}" if path else name
            _walk(item, below, name, depth + 1, "," if index < last else "", lines)
        add("}", "close", tail, None)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            add("[]", "open", tail, key)
            return
        add("[", "open", "", key)
        last = len(value) - 1
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", None, depth + 1, "," if index < last else "", lines)
        add("]", "close", tail, None)
    elif isinstance(value, str):
        add(visible(json.dumps(value, ensure_ascii=False)), "string", tail, key)
    elif isinstance(value, bool) or value is None:
        add(json.dumps(value), "word", tail, key)
    else:
        add(json.dumps(value), "number", tail, key)
