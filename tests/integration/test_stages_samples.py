"""The sample partner files through all five stages, compared with samples/expected.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hub_harness import PROJECT, Hub, hub
from ruamel.yaml import YAML

from orderhub.services.endpoints import Endpoints

pytestmark = pytest.mark.integration

SAMPLES = PROJECT / "samples" / "inbox"
EXPECTED: dict[str, dict[str, dict[str, Any]]] = YAML(typ="safe", pure=True).load(
    PROJECT / "samples" / "expected.yaml"
)
#: Flows of whose samples the ERP refuses some.
REFUSED_BY_ERP = [
    flow
    for flow, files in EXPECTED.items()
    if any("rejected_by" in document for file in files.values() for document in file["documents"])
]


def drop_samples(at: Hub) -> None:
    for file in sorted((SAMPLES / at.flow.name).iterdir()):
        at.drop(file)


def check(at: Hub, *, targets: tuple[str, ...]) -> None:
    """Every file as expected; what only a missing target would have refused is loaded."""
    interchanges, documents = at.interchanges(), at.documents()
    answers = {
        row["interchange_id"]: row["outcome"]
        for row in at.rows("SELECT interchange_id, outcome FROM ledger.acknowledgement")
    }
    assert set(interchanges) == set(EXPECTED[at.flow.name])
    for file, expected in EXPECTED[at.flow.name].items():
        found = interchanges[file]
        assert found["state"] == expected["interchange"], (file, found["findings"])
        assert answers[found["id"]] == expected["acknowledgement"], file
        if "finding" in expected:
            finding = found["findings"][0]
            assert finding["code"] == expected["finding"], (file, finding)
            assert finding["place"]["file"] == file or expected["finding"] == "PULL_UNUSABLE"
        of_file = [document for document in documents if document["file"] == file]
        assert [document["number"] for document in of_file] == [d["number"] for d in expected["documents"]], (
            file
        )
        for document, wanted in zip(of_file, expected["documents"], strict=True):
            refused_elsewhere = "rejected_by" in wanted and wanted["rejected_by"] not in targets
            state = "loaded" if refused_elsewhere else wanted["state"]
            assert document["state"] == state, (file, document["number"], document["findings"])
            if "finding" in wanted and not refused_elsewhere:
                finding = next(f for f in document["findings"] if f["code"] == wanted["finding"])
                assert finding.get("field") == wanted.get("field"), (file, finding)
                for part in ("segment", "line"):
                    if part in wanted:
                        assert finding["place"][part] == wanted[part], (file, finding)


@pytest.mark.parametrize("flow", sorted(EXPECTED))
def test_every_sample_ends_as_expected_and_a_second_run_changes_nothing(
    flow: str, database: str, tmp_path: Path
) -> None:
    with hub(flow, database, tmp_path) as at:
        drop_samples(at)
        result = at.run()
        assert result.problems == []
        check(at, targets=("warehouse",))
        before = at.rows("SELECT id, state FROM ledger.document ORDER BY id")
        # a flow that names no mapping takes the one that fits, which makes purchase orders
        table = (at.flow.translate.mapping or "__purchase_order").rpartition("__")[2]
        query = f"SELECT number, version FROM warehouse.{table} ORDER BY number"  # noqa: S608 - the project's own
        versions = at.rows(query)
        assert {row["version"] for row in versions} == {1}
        assert len(versions) == len({row["number"] for row in versions})
        again = at.run()
        assert again.problems == []
        assert again.pull.interchanges == again.translate.batches == []
        assert at.rows("SELECT id, state FROM ledger.document ORDER BY id") == before
        # the same files dropped once more are new arrivals, and nothing is loaded twice
        drop_samples(at)
        assert at.run().problems == []
        assert at.rows(query) == versions
        assert not [file for file in at.inbox.iterdir() if file.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("flow", REFUSED_BY_ERP)
def test_every_sample_ends_as_expected_with_the_erp(
    flow: str, database: str, tmp_path: Path, erp: Endpoints
) -> None:
    with hub(flow, database, tmp_path, targets=("warehouse", "tryton"), erp=erp) as at:
        drop_samples(at)
        assert at.run().problems == []
        check(at, targets=("warehouse", "tryton"))
        refused = at.rows("SELECT code, reason, field FROM ledger.outbox WHERE state = 'rejected'")
        assert refused
        assert all(row["code"] and row["reason"] for row in refused)
        assert (
            at.rows(
                "SELECT number FROM warehouse.purchase_order WHERE number IN ('PO-2026-1024', 'CM-50017')"
            )
            == []
        )
        again = at.run()
        assert again.translate.batches == []  # what waits for a person is no work
