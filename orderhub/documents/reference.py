"""docs/reference/canonical.md, generated from the Structs: ``python -m orderhub.documents.reference`` writes it, with
``--check`` it fails when the page differs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orderhub.documents.registry import DOCUMENT_TYPES
from orderhub.documents.schema import document_schema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "canonical.md"

_HEAD = """\
# Canonical documents

The one model that every source is translated into and every target is fed from. Names follow UBL 2.x; amounts and
quantities are decimals, written as text without exponent and trailing zeros; dates are ISO 8601. The JSON Schemas stand
in [schemas/documents](../../schemas/documents). This page is generated: `python -m orderhub.documents.reference`.
"""
#: How the schema's words are said here.
_TYPES = {"string": "text", "integer": "integer", "boolean": "true or false", "number": "number"}


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    described: dict[str, tuple[dict[str, Any], str]] = {}
    for name in sorted(DOCUMENT_TYPES):
        schema = document_schema(name)
        parts.append(f"## {name}\n\n{_said(DOCUMENT_TYPES[name])}\n\n{_table(schema)}\n")
        for part, definition in schema.get("$defs", {}).items():
            described.setdefault(part, (definition, str(definition.get("description", ""))))
    parts.append("## Parts\n")
    for part in sorted(described):
        definition, text = described[part]
        parts.append(f"### {part}\n\n{text}\n\n{_table(definition)}\n")
    return "\n".join(parts)


def _said(cls: type[Any]) -> str:
    return inspect.cleandoc(cls.__doc__ or "").replace("``", "`")


def _table(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = ["| Field | | Type |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        rows.append(f"| `{name}` | {'mandatory' if name in required else ''} | {_type(field)} |")
    return "\n".join(rows)


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"] if option.get("type") != "null")
    if "$ref" in field:
        name = str(field["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    if field.get("format") == "decimal":
        return "decimal"
    if field.get("format") == "date":
        return "date"
    words = str(field.get("title") or _TYPES.get(str(field.get("type")), "value"))
    if field.get("default") not in (None, ""):
        default = field["default"]
        words += f", `{str(default).lower() if isinstance(default, bool) else default}` when absent"
    return words


def main(arguments: Sequence[str]) -> int:
    """Write, or with ``--check`` compare."""
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        sys.stderr.write(f"{PAGE.name} is not up to date: python -m orderhub.documents.reference\n")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
