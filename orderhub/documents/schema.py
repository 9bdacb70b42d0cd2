"""JSON Schemas of the canonical documents, generated from their Structs.

``python -m orderhub.documents.schema`` writes schemas/documents/; with ``--check`` it writes nothing and fails when a
file differs from what it would write. JSON Schema 2020-12; decimals are strings, as in the canonical form.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from orderhub.documents.registry import DOCUMENT_TYPES

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "documents"

#: What :func:`orderhub.documents.serialise.decimal_text` writes.
_DECIMAL = {"type": "string", "format": "decimal", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$"}


def document_schema(name: str) -> dict[str, Any]:
    """The schema of one document type; ``KeyError`` when there is none."""
    cls = DOCUMENT_TYPES[name]
    (reference,), components = msgspec.json.schema_components([cls], ref_template="#/$defs/{name}")
    definitions = {part: _decimals_as_text(definition) for part, definition in components.items()}
    own = definitions.pop(str(reference["$ref"]).rpartition("/")[2])
    own["description"] = (cls.__doc__ or "").strip().splitlines()[0]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:orderhub:document:{name}",
        **own,
        "title": name,
    }
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    return schema


def _decimals_as_text(schema: Any) -> Any:
    """msgspec describes a decimal as a string of format ``decimal``; the pattern says what is really written."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and schema.get("format") == "decimal":
            return {**schema, **_DECIMAL}
        return {key: _decimals_as_text(value) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_decimals_as_text(item) for item in schema]
    return str(schema) if isinstance(schema, Decimal) else schema


def schema_texts() -> dict[str, str]:
    """File name to content, for all document types."""
    return {
        f"{name}.json": json.dumps(document_schema(name), indent=2, ensure_ascii=False) + "\n"
        for name in sorted(DOCUMENT_TYPES)
    }


def differing(folder: Path = FOLDER) -> list[str]:
    """The files that are missing, differ or do not belong there."""
    wanted = schema_texts()
    found = {path.name for path in folder.glob("*.json")}
    wrong = [
        name
        for name, text in wanted.items()
        if name not in found or (folder / name).read_text(encoding="utf-8") != text
    ]
    return sorted({*wrong, *(found - set(wanted))})


def main(arguments: Sequence[str]) -> int:
    """Write, or with ``--check`` compare."""
    if "--check" in arguments:
        wrong = differing()
        for name in wrong:
            sys.stderr.write(
                f"schemas/documents/{name} is not up to date: python -m orderhub.documents.schema\n"
            )
        return 1 if wrong else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for name in differing():
        (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
