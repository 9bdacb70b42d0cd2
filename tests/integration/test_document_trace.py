"""Documents in the ledger are traced to their originals with the mapping that made them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub

from orderhub.errors import LedgerError
from orderhub.mapping.trace import TraceError
from orderhub.source import document_field_trace, document_trace

pytestmark = pytest.mark.integration

EXAMPLES = PROJECT / "mappings" / "examples" / "edifact_orders_d96a__purchase_order"
NAME = "edifact_orders_d96a__purchase_order"


@pytest.fixture
def at(database: str, tmp_path: Path) -> Iterator[Hub]:
    mappings = tmp_path / "mappings"
    shutil.copytree(PROJECT / "mappings", mappings, ignore=shutil.ignore_patterns("examples"))
    folders = ProjectFolders(mappings_folder=mappings)
    with hub("edifact_orders", database, tmp_path, folders=folders) as opened:
        opened.drop(EXAMPLES / "full_order.edi")
        opened.run()
        yield opened


def test_every_value_has_its_bytes(at: Hub) -> None:
    (row,) = at.documents()
    original = (EXAMPLES / "full_order.edi").read_bytes()
    found = document_trace(at.ctx, row["id"])
    assert (found.mapping, found.version, found.kept, found.truncated) == (NAME, 1, True, False)
    assert found.content_hash == row["mapping_hash"]
    quantity = next(field for field in found.fields if field.field == "lines[1].quantity")
    (source,) = quantity.sources
    assert source.place.offset is not None and source.place.length is not None
    assert original[source.place.offset : source.place.offset + source.place.length] == b"250.5"
    assert document_trace(at.ctx, row["id"], limit=3).truncated


def test_one_field_has_its_steps(at: Hub) -> None:
    (row,) = at.documents()
    found = document_field_trace(at.ctx, row["id"], "function")
    assert (found.trace.value, found.kept) == ("change", True)
    assert [step.what for step in found.trace.steps] == ["source", "choice", "lookup"]
    with pytest.raises(TraceError):
        document_field_trace(at.ctx, row["id"], "nonsense")
    with pytest.raises(LedgerError, match="no document"):
        document_trace(at.ctx, 999_999)
