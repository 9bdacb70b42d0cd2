"""schemas/documents says what the Structs say, and the canonical form fits it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from orderhub.documents import canonical_bytes, from_canonical
from orderhub.documents.reference import main as write_reference
from orderhub.documents.schema import FOLDER, differing, main, schema_texts

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"


def test_schemas_are_up_to_date() -> None:
    assert differing() == [], "run: python -m orderhub.documents.schema"
    assert main(["--check"]) == 0


def test_a_difference_is_noticed(tmp_path: Path) -> None:
    for name, text in schema_texts().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert differing(tmp_path) == []
    (tmp_path / "purchase_order.json").write_text("{}")
    (tmp_path / "invented.json").write_text("{}")
    assert differing(tmp_path) == ["invented.json", "purchase_order.json"]


def test_golden_documents_are_canonical_and_fit_the_schema() -> None:
    """Expected documents are read and written again without a change; decimals match the schema's pattern."""
    schemas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")}
    pattern = schemas["purchase_order"]["$defs"]["Line"]["properties"]["quantity"]["pattern"]
    seen = 0
    for path in sorted((MAPPINGS / "examples").rglob("*.json")):
        if path.name.endswith((".findings.json", ".source.json")):
            continue
        kind = path.parent.name.rpartition("__")[2]
        if kind not in schemas:
            continue  # payloads of a mapping that writes
        schema = schemas[kind]
        expected = json.loads(path.read_text(encoding="utf-8"))
        for document in expected if isinstance(expected, list) else [expected]:
            if document is None:
                continue
            seen += 1
            again = from_canonical(kind, json.dumps(document).encode())
            assert json.loads(canonical_bytes(again)) == document, path.name
            for line in document.get("lines", ()):
                assert re.search(pattern, line.get("quantity", line.get("quantity_received")))
            assert set(document) <= set(schema["properties"])
            assert set(schema["required"]) <= set(document)
    assert seen > 8


def test_the_reference_page_is_up_to_date() -> None:
    assert write_reference(["--check"]) == 0, "run: python -m orderhub.documents.reference"
