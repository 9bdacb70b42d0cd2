"""The warehouse in Parquet: whole batches for readers, files and log that others can read."""

from __future__ import annotations

import os
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from warehouse_support import item, states

from connectors.parquet.connector import ParquetConnector
from connectors.parquet.files import Files
from connectors.parquet.log import Log
from connectors.parquet.reading import Warehouse
from orderhub.connector import Credentials, OutcomeState
from orderhub.connector_registry import registry
from orderhub.testing import PortsForTests

pytestmark = pytest.mark.integration

WRITTEN, UNCHANGED = OutcomeState.WRITTEN, OutcomeState.UNCHANGED


def parquet(lake: Path | str, **settings: Any) -> ParquetConnector:
    url = lake.as_uri() if isinstance(lake, Path) else lake
    ports = PortsForTests(credentials={"w": Credentials(url=url)})
    made = registry().create("parquet", {"connection": "w", **settings}, ports)
    assert isinstance(made, ParquetConnector)
    return made


def test_a_reader_sees_a_batch_or_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at every step of a load: the tables always fit together."""
    lake = tmp_path / "lake"
    connector = parquet(lake)
    connector.load([item("0", "ORDER-0")])
    seen: list[tuple[int, int]] = []

    def look() -> None:
        reader = Warehouse(lake.as_uri())
        now = reader.snapshot()
        heads, lines = (reader.versions(name, now) for name in ("purchase_order", "purchase_order_line"))
        loads = reader.dataset("load", now).count_rows()
        assert sum(heads["line_count"].to_pylist()) == len(lines)
        assert len(heads) == loads
        seen.append((len(heads), len(lines)))

    real_write, real_create = Files.write, Files.create
    busy = threading.local()

    def around(real: Any) -> Any:
        def call(self: Files, *given: Any) -> Any:
            if getattr(busy, "now", False):
                return real(self, *given)
            busy.now = True
            try:
                look()
                answer = real(self, *given)
                look()
                return answer
            finally:
                busy.now = False

        return call

    monkeypatch.setattr(Files, "write", around(real_write))
    monkeypatch.setattr(Files, "create", around(real_create))
    connector.load([item(str(number), f"ORDER-{number}") for number in range(1, 6)])
    assert set(seen) == {(1, 2), (6, 12)}
    assert len(seen) == 8


def test_files_are_what_other_readers_take(tmp_path: Path) -> None:
    import pandas as pd
    import pyarrow.dataset as ds

    lake = tmp_path / "lake"
    connector = parquet(lake)
    connector.load([item("1", "A", quantity=2), item("2", "A", quantity=3)])
    reader = Warehouse(lake.as_uri())
    paths = reader.files("purchase_order_line")
    frame = pd.concat([pd.read_parquet(path) for path in paths])
    assert frame["quantity"].tolist() == [Decimal(2), Decimal(3), Decimal(3), Decimal(4)]
    assert str(ds.dataset(paths).schema.field("price").type) == "decimal128(38, 10)"
    written = reader.dataset("purchase_order").to_table().select(["year", "valid_from"]).to_pylist()
    assert [row["year"] for row in written] == [row["valid_from"].year for row in written]
    first, second = (
        reader.versions("purchase_order").select(["version", "valid_from", "valid_to"]).to_pylist()
    )
    assert (first["version"], first["valid_to"], second["valid_to"]) == (1, second["valid_from"], None)
    assert len(reader.current("purchase_order_line")) == 2
    assert len(reader.current("purchase_order", environment="test")) == 0
    assert reader.versions("demand").num_rows == 0


def test_the_log_is_read_from_its_last_complete_commit(tmp_path: Path) -> None:
    files = Files.at((tmp_path / "lake").as_uri())
    log, seen = Log(files), None
    for number in range(1, 206):
        log.commit(log.snapshot(), f"b{number}", "now", {"load": [f"f{number}"]}, {"load": number})
    seen = Log(files).snapshot()
    assert seen.number == 205
    assert seen.files == {"load": [f"f{number}" for number in range(1, 206)]}
    assert seen.next_ids == {"load": 205}
    # older commits may go
    for number in range(1, 200):
        files.remove(f"_log/{number:020}.json")
    assert Log(files).snapshot() == seen


def test_memory_is_a_store_too() -> None:
    url = f"memory://lake-{os.getpid()}-{id(object())}"
    connector = parquet(url)
    assert states(connector, item("1"), item("2", "B")) == [(WRITTEN, 1)] * 2
    assert states(parquet(url), item("1"), item("3", "B", quantity=5)) == [(UNCHANGED, 1), (WRITTEN, 2)]


@pytest.mark.parametrize("url", ["nonsense://x/y", "s3://bucket/lake"])
def test_a_store_that_cannot_be_used_is_refused(url: str) -> None:
    connector = parquet(url)
    health = connector.check()
    assert not health.ok
    assert health.sentence
    connector.close()
