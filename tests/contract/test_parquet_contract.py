"""The connector parquet keeps the contract, on local files."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.parquet.files import Files
from orderhub.connector import Credentials, LoadItem
from orderhub.testing import (
    ConnectorContract,
    Effects,
    FailAt,
    Failure,
    PortsForTests,
    Settings,
    load_item,
    sample_order,
)

_OPERATIONS = ("names", "read", "write", "create", "remove")


class TestParquet(ConnectorContract):
    connector = "parquet"
    peer = f"local files, pyarrow {pa.__version__}"

    @pytest.fixture
    def lake(self, tmp_path: Path) -> Path:
        return tmp_path / "lake"

    @pytest.fixture
    def settings(self) -> Settings:
        return {"connection": "lake"}

    @pytest.fixture
    def ports(self, lake: Path) -> PortsForTests:
        return PortsForTests(credentials={"lake": Credentials(url=lake.as_uri())})

    @pytest.fixture
    def state(self, lake: Path) -> Callable[[], object]:
        return lambda: sorted(str(path) for path in lake.rglob("*"))

    @pytest.fixture
    def effects(self, lake: Path) -> Effects:
        """What the log says counts, read by hand."""

        def rows(table: str) -> list[dict[str, object]]:
            found: list[dict[str, object]] = []
            for commit in sorted((lake / "_log").glob("*.json")):
                for name in msgspec.json.decode(commit.read_bytes())["files"].get(table, ()):
                    found += pq.ParquetFile(lake / name).read().to_pylist()
            return found

        def count(keys: Sequence[str]) -> dict[str, int]:
            lines = Counter(row["order_id"] for row in rows("purchase_order_line"))
            versions = Counter(
                (row["identity"], row["version"])
                for row in rows("purchase_order")
                if lines[row["id"]] == row["line_count"]
            )
            return dict(
                Counter(
                    row["key"]
                    for row in rows("load")
                    if row["key"] in keys
                    for _ in range(versions[row["identity"], row["version"]])
                )
            )

        return count

    @pytest.fixture(params=["before", "after"])
    def fail_at(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FailAt:
        """The n-th operation of the store fails, before it had an effect or after it."""

        @contextlib.contextmanager
        def at(step: int) -> Iterator[Failure]:
            failure, seen = Failure(), 0

            def failing(operation: str):
                real = getattr(Files, operation)

                def call(self, *given):
                    nonlocal seen
                    now, seen = seen == step, seen + 1
                    failure.happened = failure.happened or now
                    if now and request.param == "before":
                        raise OSError(5, "the store is gone")
                    answer = real(self, *given)
                    if now:
                        raise OSError(5, "the store is gone")
                    return answer

                return call

            with monkeypatch.context() as patched:
                for operation in _OPERATIONS:
                    patched.setattr(Files, operation, failing(operation))
                yield failure

        return at

    @pytest.fixture
    def unacceptable(self) -> LoadItem:
        """More digits than the column has: never rounded."""
        order = sample_order("CT-DIGITS")
        line = msgspec.structs.replace(order.lines[0], price=Decimal("0.00000000001"))
        return load_item(msgspec.structs.replace(order, lines=[line, *order.lines[1:]]))

    @pytest.fixture
    def unreachable(self) -> tuple[Settings, PortsForTests]:
        nowhere = Credentials(url="ftp://127.0.0.1:1/lake")
        return {"connection": "lake"}, PortsForTests(credentials={"lake": nowhere})
