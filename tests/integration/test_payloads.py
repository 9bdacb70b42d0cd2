"""Payloads for targets: the port that connectors write through, and what the ledger keeps of the mappings behind it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hub_harness import PROJECT, Hub, ProjectFolders, hub
from sqlalchemy import Engine
from typer.testing import CliRunner

from orderhub.cli.document import app as document_app
from orderhub.documents.serialise import from_canonical
from orderhub.errors import MappingError, PayloadRefused
from orderhub.ledger.engine import transaction
from orderhub.ledger.kept_mappings import kept_mapping, kept_versions, kept_writing
from orderhub.mapping import MappingRefused
from orderhub.testing.parts import sample_order

pytestmark = pytest.mark.integration

NAME = "purchase_order__json_order"
READS = "csv_orders__purchase_order"


class Project(ProjectFolders):
    """The project with mappings of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(PROJECT / "mappings", folder / "mappings", ignore=shutil.ignore_patterns("examples"))
        super().__init__(mappings_folder=folder / "mappings")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.path("mappings_folder") / name
        written = path.read_text(encoding="utf-8")
        assert old in written
        path.write_text(written.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def at(database: str, tmp_path: Path, project: Project) -> Iterator[Hub]:
    with hub("csv_orders", database, tmp_path, folders=project) as opened:
        yield opened


def test_a_connector_gets_payloads_and_the_mapping_is_kept(at: Hub, project: Project) -> None:
    write = at.ctx.ports.resource("write")
    order = sample_order("4711")
    written = write(NAME, order)
    assert (written.mapping, written.version, written.media_type) == (NAME, 1, "application/json")
    assert json.loads(written.data)["orderNo"] == written.tree["orderNo"] == "4711"
    with transaction(at.ctx.ledger) as connection:
        (version,) = kept_versions(connection, NAME)
        assert (version.version, version.content_hash) == (1, written.content_hash)
        assert kept_mapping(connection, NAME, written.content_hash) is None
    # whatever the files say afterwards, what was used is found again with its table
    project.edit(f"{NAME}.yaml", "version: 1\n", "version: 2\n")
    project.edit(f"{NAME}.yaml", "orderNo: ", "number: ")
    project.edit("lookups/json_order_action_out.csv", "original,new", "original,fresh")
    changed = write(NAME, order)
    assert (changed.version, changed.tree["number"], changed.tree["action"]) == (2, "4711", "fresh")
    with transaction(at.ctx.ledger) as connection:
        kept = kept_writing(connection, NAME, written.content_hash)
        assert [one.version for one in kept_versions(connection, NAME)] == [1, 2]
    assert kept is not None and kept.content_hash == written.content_hash
    assert kept.write(order).data == written.data


def test_a_used_version_is_not_changed(at: Hub, project: Project) -> None:
    write = at.ctx.ports.resource("write")
    write(NAME, sample_order("4711"))
    project.edit(f"{NAME}.yaml", "orderNo: ", "number: ")
    with pytest.raises(MappingError, match="was used with other content") as refused:
        write(NAME, sample_order("4712"))
    assert (refused.value.code, refused.value.retryable) == ("MAPPING_CHANGED", False)


def test_a_document_or_a_mapping_that_does_not_do_is_told(at: Hub) -> None:
    write = at.ctx.ports.resource("write")
    with pytest.raises(PayloadRefused) as refused:
        write("purchase_order__sap_api_purchaseorder", sample_order("4711"), {"company_code": "1010"})
    assert (refused.value.field, refused.value.retryable) == ("supplier.code", False)
    with pytest.raises(MappingRefused, match="reads"):
        write(READS, sample_order("4711"))


def test_the_command_writes_a_document_of_the_ledger(
    at: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = PROJECT / "mappings" / "examples" / READS / "two_orders.csv"
    at.drop(orders.read_bytes(), "first.csv")
    assert at.run().problems == []
    row = at.documents()[0]

    @contextmanager
    def ledger() -> Iterator[Engine]:
        yield at.ctx.ledger

    monkeypatch.setattr("orderhub.cli.hub.ledger", ledger)
    target = tmp_path / "order.json"
    arguments = ["write", str(row["id"]), "--mapping", NAME, "-o", str(target)]
    done = CliRunner().invoke(document_app, arguments)
    assert done.exit_code == 0, done.output
    document = from_canonical("purchase_order", bytes(row["canonical"]))
    assert target.read_bytes() == at.ctx.ports.resource("write")(NAME, document).data
    refused = ["write", str(row["id"]), "--mapping", "purchase_order__idoc_orders05", "--json"]
    done = CliRunner().invoke(document_app, refused)
    assert done.exit_code == 1
    assert "VALUE_MISSING" in {one["code"] for one in json.loads(done.stdout)["findings"]}
