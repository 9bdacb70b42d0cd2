"""The steps of a merge on Parquet files: judged by what the last commit shows, written as new files, then one commit."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import secrets
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from connectors.parquet import schema
from connectors.parquet.files import Files
from connectors.parquet.reading import Warehouse
from orderhub.star import records
from orderhub.star.merge import Closing, Current, Known, Load, Name, Version, name_of
from orderhub.star.tables import Table

#: Rows that are made into one row group.
_GROUP = 100_000
_CURRENT = ["company", "environment", "identity", "id", "version", "revision", "content_hash", "valid_from"]


class ParquetStore:
    """One transaction. ``commit`` makes what was written count, ``forget`` takes its files away again.

    What several turns of one batch wrote is remembered, since files show it only after the commit.
    """

    def __init__(self, warehouse: Warehouse, compression: str) -> None:
        self._warehouse = warehouse
        self._compression = compression
        self.batch = secrets.token_hex(8)
        self.seen = warehouse.snapshot()
        self._moment = dt.datetime.now(dt.UTC)
        self._next_ids = dict(self.seen.next_ids)
        self._known: dict[str, Known] = {}
        self._current: dict[Name, Current] = {}
        self._rows: dict[str, list[Iterable[tuple[Any, ...]]]] = {}
        self._written: dict[str, list[str]] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self._rows

    def hold(self, table: Table) -> dt.datetime:
        """Nobody is kept out: the commit fails when another one came since."""
        return self._moment

    def known(self, table: Table, keys: Sequence[str]) -> Mapping[str, Known]:
        found = self.answers(keys)
        found.update({key: self._known[key] for key in keys if key in self._known})
        return found

    def answers(self, keys: Sequence[str]) -> dict[str, Known]:
        """What these keys were answered before."""
        loads = self._warehouse.dataset("load", self.seen)
        rows = loads.to_table(
            columns=["key", "reference", "version"], filter=pc.field("key").isin(pa.array(keys, pa.string()))
        )
        return {row["key"]: Known(row["reference"], row["version"]) for row in rows.to_pylist()}

    def current(self, table: Table, names: Sequence[Name]) -> Mapping[Name, Current]:
        identities = pa.array([name.identity for name in names], pa.string())
        rows = self._warehouse.dataset(table.name, self.seen).to_table(
            columns=_CURRENT, filter=pc.field("identity").isin(identities)
        )
        found: dict[Name, Current] = {}
        for row in rows.to_pylist():
            name = Name(row["company"], row["environment"], row["identity"])
            if name not in found or found[name].version < row["version"]:
                found[name] = Current(*(row[column] for column in _CURRENT[3:]))
        found.update({name: self._current[name] for name in names if name in self._current})
        return found

    def reserve(self, table: Table, versions: int, loads: int) -> tuple[Sequence[int], Sequence[int]]:
        return self._ids(table.name, versions), self._ids("load", loads)

    def _ids(self, name: str, count: int) -> range:
        first = self._next_ids.get(name, 1)
        self._next_ids[name] = first + count
        return range(first, first + count)

    def write(
        self,
        table: Table,
        loads: Sequence[Load],
        closing: Sequence[Closing],
        versions: Sequence[Version],
    ) -> None:
        """Keep for the commit. ``closing`` is nothing to do: an end follows from the next version."""
        self._keep("load", (records.load_row(load) for load in loads))
        for load in loads:
            self._known[load.item.key] = Known(load.outcome.reference or "", load.outcome.version or 0)
        if not versions:
            return
        self._keep(table.name, (records.version_row(version, records.aware) for version in versions))
        if table.lines is not None:
            self._keep(
                table.lines.name,
                (line for version in versions for line in records.line_rows(version, records.aware)),
            )
        for version in versions:
            self._current[name_of(version.item)] = Current(
                version.id,
                version.number,
                version.item.document.revision,
                version.content_hash,
                version.valid_from,
            )

    def _keep(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._rows.setdefault(table, []).append(rows)

    def write_files(self) -> None:
        """Write the files, which do not count yet.

        :raises pyarrow.ArrowException: a value does not fit its column.
        """
        shapes = schema.schemas()
        folder = f"year={self._moment.year}/month={self._moment.month:02}"
        for table, parts in self._rows.items():
            data = self._file(shapes[table], (row for part in parts for row in part))
            name = f"{table}/{folder}/{self.batch}.parquet"
            self._written[table] = [name]
            self._files.write(name, data)

    def commit(self) -> None:
        """Make the files count, as :meth:`connectors.parquet.log.Log.commit`."""
        self._warehouse.log.commit(
            self.seen, self.batch, self._moment.isoformat(), self._written, self._next_ids
        )

    def committed(self) -> bool:
        """Whether the commit is there; asked after it failed."""
        return self._warehouse.log.has(self.seen.number + 1, self.batch)

    def forget(self) -> None:
        """Take away the files of a batch that was not committed. What cannot be taken away counts for nobody."""
        for names in self._written.values():
            for name in names:
                with contextlib.suppress(OSError, EOFError):
                    self._files.remove(name)

    @property
    def _files(self) -> Files:
        return self._warehouse.store

    def _file(self, shape: pa.Schema, rows: Iterable[tuple[Any, ...]]) -> bytes:
        output = io.BytesIO()
        with pq.ParquetWriter(output, shape, compression=self._compression) as writer:
            stream = iter(rows)
            while group := list(islice(stream, _GROUP)):
                columns = zip(*group, strict=True)
                arrays = [
                    pa.array(values, type=field.type) for values, field in zip(columns, shape, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=shape))
        return output.getvalue()
