"""Read a Parquet warehouse: only what was committed, as data sets, tables and lists of files.

``Warehouse("s3://bucket/lake").versions("purchase_order")`` is an Arrow table with ``valid_to``; ``files("item")`` is what
other programs read: ``duckdb.read_parquet(files)``, ``polars.scan_parquet(files)``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from connectors.parquet import schema
from connectors.parquet.files import Files
from connectors.parquet.log import Log, Snapshot
from orderhub.star import tables

_NAME = ("company", "environment", "identity")


class Warehouse:
    """What is in a store now. Each method that is given a ``snapshot`` answers for that moment, so that several tables fit
    together; without one it looks anew."""

    def __init__(self, url: str | Files, **options: Any) -> None:
        self.store = url if isinstance(url, Files) else Files.at(url, **options)
        self.log = Log(self.store)

    def snapshot(self) -> Snapshot:
        """What is committed now."""
        return self.log.snapshot()

    def files(self, table: str, snapshot: Snapshot | None = None) -> list[str]:
        """Paths of a table's files, as the file system names them."""
        seen = snapshot or self.snapshot()
        return [self.store.path(name) for name in seen.files.get(table, ())]

    def dataset(self, table: str, snapshot: Snapshot | None = None) -> ds.Dataset:
        """A table as a data set, with ``year`` and ``month`` of its folders."""
        wanted = schema.schemas()[table]
        paths = self.files(table, snapshot)
        full = pa.schema([*wanted, *schema.PARTITIONS])
        if not paths:
            return ds.dataset(full.empty_table())
        return ds.dataset(
            paths,
            schema=full,
            filesystem=self.store.filesystem,
            format="parquet",
            partitioning=ds.partitioning(schema.PARTITIONS, flavor="hive"),
            partition_base_dir=self.store.path(table),
        )

    def versions(self, table: str, snapshot: Snapshot | None = None) -> pa.Table:
        """All versions of a document type, or all lines, with ``valid_to``: when the next version begins, null for the
        open one."""
        seen = snapshot or self.snapshot()
        for one in tables.TABLES.values():
            if one.lines is not None and one.lines.name == table:
                return self._lines(one.name, one.lines.name, one.lines.parent, seen)
        return _with_ends(self._table(table, seen))

    def current(
        self, table: str, snapshot: Snapshot | None = None, environment: str = "production"
    ) -> pa.Table:
        """The open versions of an environment, or their lines."""
        found = self.versions(table, snapshot)
        mask = pc.and_(pc.is_null(found["valid_to"]), pc.equal(found["environment"], environment))
        return found.filter(mask)

    def _table(self, table: str, seen: Snapshot) -> pa.Table:
        return self.dataset(table, seen).to_table(columns=schema.schemas()[table].names)

    def _lines(self, heads: str, lines: str, parent: str, seen: Snapshot) -> pa.Table:
        ends = self.versions(heads, seen).select(["id", "valid_to"])
        found = self._table(lines, seen)
        places = pc.index_in(found[parent], value_set=ends["id"].combine_chunks())
        return found.append_column("valid_to", ends["valid_to"].take(places))


def _with_ends(found: pa.Table) -> pa.Table:
    ordered = found.sort_by([*((name, "ascending") for name in _NAME), ("version", "ascending")])
    begins = ordered["valid_from"].combine_chunks()
    count = len(ordered)
    if not count:
        return ordered.append_column("valid_to", begins)
    same = np.ones(count, dtype=bool)
    same[-1] = False
    for name in _NAME:
        values = ordered[name].combine_chunks()
        same[:-1] &= pc.equal(values[1:], values[:-1]).to_numpy(zero_copy_only=False)
    following = pa.array(np.minimum(np.arange(count) + 1, count - 1))
    return ordered.append_column(
        "valid_to", pc.if_else(pa.array(same), begins.take(following), pa.scalar(None, begins.type))
    )
