"""A mapping, its tables and what the agreement gave are found again as they were; a used version is not changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from orderhub.cli.mapping import app as mapping_app
from orderhub.cli.mapping_files import mapping_version
from orderhub.connector_registry import ConnectorRegistry
from orderhub.documents import canonical_bytes
from orderhub.errors import ConfigError
from orderhub.flows.check import check_flow
from orderhub.flows.runner import run_flow
from orderhub.ledger.engine import transaction
from orderhub.ledger.kept_mappings import changed_version, kept_mapping, kept_versions
from orderhub.mapping.originals import open_message
from orderhub.mapping.real_files import compare
from orderhub.source import document_field_trace, document_trace

pytestmark = pytest.mark.integration

NAME = "csv_orders__purchase_order"
ORDERS = (PROJECT / "mappings" / "examples" / NAME / "two_orders.csv").read_bytes()


class Project(ProjectFolders):
    """The project with mappings and partners of its own."""

    def __init__(self, folder: Path) -> None:
        for name in ("mappings", "partners"):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("examples"))
        super().__init__(mappings_folder=folder / "mappings", partners_folder=folder / "partners")

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.path(f"{file.partition('/')[0]}_folder") / file.partition("/")[2]
        written = path.read_text(encoding="utf-8")
        assert old in written
        path.write_text(written.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    made.edit(
        f"mappings/{NAME}.yaml",
        "  contract_number: contract_no\n",
        "  contract_number: contract_no\n  payment_terms: agreement(payment_terms)\n",
    )
    made.edit(
        "partners/citrus_market.yaml",
        "defaults: {currency: EUR}",
        "defaults: {currency: EUR, payment_terms: 30 days}",
    )
    return made


@pytest.fixture
def at(database: str, tmp_path: Path, project: Project) -> Iterator[Hub]:
    with hub("csv_orders", database, tmp_path, folders=project) as opened:
        opened.drop(ORDERS, "first.csv")
        assert opened.run().problems == []
        yield opened


def test_the_same_bytes_are_made_again_after_everything_has_changed(at: Hub, project: Project) -> None:
    before = at.documents()
    assert before and all(row["state"] == "loaded" for row in before), [row["findings"] for row in before]
    project.edit(f"mappings/{NAME}.yaml", "version: 1\n", "version: 2\n")
    project.edit(f"mappings/{NAME}.yaml", "order_no | trim", "order_no | lower")
    project.edit("mappings/lookups/unit_of_measure.csv", "EA,C62,", "EA,XYZ,")
    project.edit("partners/citrus_market.yaml", "30 days", "60 days")
    (interchange,) = at.rows("SELECT * FROM ledger.interchange")
    for row in before:
        with transaction(at.ctx.ledger) as connection:
            kept = kept_mapping(connection, NAME, row["mapping_hash"])
        assert kept is not None and kept.content_hash == row["mapping_hash"]
        assert kept.values == {"payment_terms": "30 days"}
        data = at.ctx.archive.read(interchange["archive_key"])
        opened = open_message(
            at.ctx.mappings, data, name="first.csv", number=row["ordinal"], mapping=kept, fixed=True
        )
        made = opened.mapping.run(opened.tree).document
        assert made is not None and canonical_bytes(made) == bytes(row["canonical"])
    traced = document_field_trace(at.ctx, before[0]["id"], "payment_terms")
    assert (traced.kept, traced.version, traced.trace.value) == (True, 1, "30 days")
    assert traced.trace.origin == "agreement"


def test_a_changed_table_or_agreement_is_another_state_of_the_same_version(at: Hub, project: Project) -> None:
    project.edit("mappings/lookups/unit_of_measure.csv", "EA,C62,", "EA,XYZ,")
    at.drop(ORDERS.replace(b"CM-", b"CN-"), "second.csv")
    assert at.run().problems == []
    project.edit("partners/citrus_market.yaml", "30 days", "60 days")
    at.drop(ORDERS.replace(b"CM-", b"CO-"), "third.csv")
    assert at.run().problems == []
    hashes = {row["file"]: row["mapping_hash"] for row in at.documents()}
    assert len(set(hashes.values())) == 3
    with transaction(at.ctx.ledger) as connection:
        versions = kept_versions(connection, NAME)
    assert [one.content_hash for one in versions] == [
        hashes[f"{file}.csv"] for file in ("first", "second", "third")
    ]
    assert {one.version for one in versions} == {1}


def test_a_used_version_that_was_changed_is_refused_until_its_number_is_raised(
    at: Hub, project: Project
) -> None:
    project.edit(f"mappings/{NAME}.yaml", "order_no | trim", "order_no | lower")
    at.drop(ORDERS.replace(b"CM-", b"CN-"), "second.csv")
    (problem,) = at.run().problems
    assert "LEDGER_ARTIFACT_CHANGED" in problem
    assert f"Write version: 2 in mappings/{NAME}.yaml (and in the flows that name version 1)" in problem
    with transaction(at.ctx.ledger) as connection:
        findings = check_flow(
            at.flow,
            partners=at.ctx.partners,
            mappings=at.ctx.mappings,
            suites=at.ctx.suites,
            connectors=ConnectorRegistry(PROJECT / "connectors"),
            ledger=connection,
        )
    assert [(one.code, one.field) for one in findings] == [("LEDGER_ARTIFACT_CHANGED", "translate.mapping")]
    assert "Write version: 2" in findings[0].message
    project.edit(f"mappings/{NAME}.yaml", "order_no | lower", "order_no | trim")
    with transaction(at.ctx.ledger) as connection:
        assert changed_version(connection, at.ctx.mappings.get(NAME)) is None
    assert at.run().problems == []


def test_comments_and_layout_are_no_change(at: Hub, project: Project) -> None:
    project.edit(f"mappings/{NAME}.yaml", "version: 1\n", "version: 1   # as agreed in spring\n")
    at.drop(ORDERS.replace(b"CM-", b"CN-"), "second.csv")
    assert at.run().problems == []
    assert len({row["mapping_hash"] for row in at.documents()}) == 1


def test_a_document_of_an_older_hub_is_traced_with_today_s_mapping(at: Hub, project: Project) -> None:
    (row, *_) = at.documents()
    with at.ctx.ledger.begin() as connection:
        connection.execute(text("DELETE FROM ledger.artifact WHERE kind = 'mapping_bundle'"))
    assert document_field_trace(at.ctx, row["id"], "number").kept
    project.edit("partners/citrus_market.yaml", "30 days", "60 days")
    assert not document_field_trace(at.ctx, row["id"], "number").kept


def test_two_kept_versions_are_compared_over_files(
    at: Hub, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row, *_) = at.documents()
    project.edit(f"mappings/{NAME}.yaml", "version: 1\n", "version: 2\n")
    project.edit(f"mappings/{NAME}.yaml", "order_no | trim", "order_no | lower")
    flow = msgspec.structs.replace(at.flow, translate=msgspec.structs.replace(at.flow.translate, version=2))
    at.drop(ORDERS.replace(b"CM-", b"CN-"), "second.csv")
    assert run_flow(at.ctx, flow).problems == []

    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield at.ctx.ledger

    monkeypatch.setattr("orderhub.cli.hub.ledger", ledger)
    before, after = mapping_version(f"{NAME}@1"), mapping_version(f"{NAME}@2")
    assert mapping_version(f"{NAME}@{row['mapping_hash'][:12]}").content_hash == row["mapping_hash"]
    listed = CliRunner().invoke(mapping_app, ["versions", NAME, "--json"])
    assert [one["version"] for one in json.loads(listed.stdout)] == [1, 2]
    file = tmp_path / "orders.csv"
    file.write_bytes(ORDERS)
    found = compare(before, after, at.ctx.mappings, [file])
    assert found.fields() == {"number": found.messages}
    with pytest.raises(ConfigError, match="ledger has no"):
        mapping_version(f"{NAME}@9")


def test_the_supplier_of_the_agreement_is_named_as_such(
    database: str, tmp_path: Path, project: Project
) -> None:
    """Where a document names no supplier at all, the agreement's stands in, and the trace says so."""
    project.edit(
        "partners/acme_retail.yaml",
        "defaults: {currency: EUR}",
        "defaults: {currency: EUR, supplier_code: S1001}",
    )
    name = "edifact_orders_d96a__purchase_order"
    order = (PROJECT / "mappings" / "examples" / name / "minimal.edi").read_text(encoding="latin-1")
    with hub("edifact_orders", database, tmp_path, folders=project) as at:
        supplier = next(line for line in order.splitlines() if line.startswith("NAD+SU"))
        at.drop(order.replace(supplier, "NAD+SU+++++Hamburg'").encode("latin-1"), "bare.edi")
        at.run()
        (row,) = at.documents()
        assert b'"code":"S1001"' in bytes(row["canonical"]), row["findings"]
        fields = {one.field: one for one in document_trace(at.ctx, row["id"]).fields}
        assert (fields["supplier.code"].value, fields["supplier.code"].origin) == ("S1001", "agreement")
        trace = document_field_trace(at.ctx, row["id"], "supplier.code").trace
        assert (trace.value, trace.origin) == ("S1001", "agreement")
