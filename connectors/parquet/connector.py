"""A warehouse of Parquet files. See README.md in this folder."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pydantic

from connectors.parquet.files import Files
from connectors.parquet.log import TakenNumber
from connectors.parquet.reading import Warehouse
from connectors.parquet.store import ParquetStore
from orderhub.connector import Capability, Connector, ConnectorSettings, Health, LoadItem, Outcome
from orderhub.errors import ConnectorError, ConnectorRefused, ConnectorUnavailable, OutcomeUnclear
from orderhub.star.halving import Refused, in_halves
from orderhub.star.merge import as_found, merge, storable

#: What stores raise when they fail: fsspec's file systems raise OSError, some protocols EOFError.
_FAILED = (OSError, EOFError)
#: What says that a value fits into no file.
_CONTENT = (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError, OverflowError)


class ParquetSettings(ConnectorSettings):
    """``connection`` names the store; ``commit_attempts`` is how often a commit is tried when other writers are faster."""

    connection: str
    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"
    commit_attempts: int = pydantic.Field(50, ge=1)


class ParquetConnector(Connector[ParquetSettings]):
    """Writes new files and makes them count by one commit; files are never changed."""

    name = "parquet"
    capabilities = Capability.LOAD | Capability.UPSERT | Capability.FIND
    settings_type = ParquetSettings

    _opened: Warehouse | None = None

    def check(self) -> Health:
        """Whether the store can be read."""
        try:
            number = self._warehouse().snapshot().number
        except _FAILED as error:
            return Health(ok=False, sentence=f"The store cannot be reached: {_words(error)}.")
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(ok=True, sentence=f"The store can be reached and has {number} commits.")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Load a batch in one commit; refused batches in halves.

        :raises ConnectorUnavailable: when nothing was written. :raises ConnectorRefused: the store does not let us write.
        """
        return in_halves(items, self._write)

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What is there under these keys."""
        if not keys:
            return {}
        try:
            store = ParquetStore(self._warehouse(), self.settings.compression)
            return as_found(store.answers([key for key in keys if storable(key)]))
        except _FAILED as error:
            raise _typed(error) from error

    def close(self) -> None:
        """Files are not kept open."""
        self._opened = None

    def _write(self, items: list[LoadItem]) -> list[Outcome]:
        for _ in range(self.settings.commit_attempts):
            try:
                return self._commit(items)
            except TakenNumber:
                # other writers of this store; which one comes first is chance
                time.sleep(random.uniform(0, 0.05))  # noqa: S311 - no secret
            except _CONTENT as error:
                raise Refused(_words(error)) from error
            except _FAILED as error:
                raise _typed(error) from error
        raise ConnectorUnavailable(
            f"Other writers of the store were faster {self.settings.commit_attempts} times.",
            todo="The hub tries again; let fewer workers write into one store.",
        )

    def _commit(self, items: list[LoadItem]) -> list[Outcome]:
        store = ParquetStore(self._warehouse(), self.settings.compression)
        outcomes = merge(store, items)
        if store.empty:
            return outcomes
        try:
            store.write_files()
            self._make_count(store)
        except (*_FAILED, *_CONTENT, TakenNumber):
            store.forget()
            raise
        return outcomes

    def _make_count(self, store: ParquetStore) -> None:
        try:
            store.commit()
        except _FAILED as error:
            try:
                arrived = store.committed()
            except _FAILED:
                raise OutcomeUnclear(
                    f"The store failed while it committed ({_words(error)}), and does not say whether it did.",
                    todo="The hub looks up what is there before it goes on.",
                ) from error
            if not arrived:
                raise

    def _warehouse(self) -> Warehouse:
        if self._opened is None:
            credentials = self.ports.credentials(self.settings.connection)
            given = credentials.extra.get("storage_options") or {}
            try:
                # a form gives an object, an environment variable may give its text
                options = dict(json.loads(given) if isinstance(given, str) else given)
                self._opened = Warehouse(Files.at(credentials.url, **options))
            except (ValueError, ImportError, TypeError) as error:
                raise ConnectorRefused(
                    f"The connection {self.settings.connection!r} names no store that can be used: {_words(error)}.",
                    todo="Give it an address like file:///srv/lake or s3://bucket/lake, and install what it needs.",
                ) from error
        return self._opened


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _typed(error: BaseException) -> ConnectorRefused | ConnectorUnavailable:
    if isinstance(error, PermissionError):
        return ConnectorRefused(
            f"The store refused: {_words(error)}.",
            todo="Give the connection's user the right to read, write and list there.",
        )
    return ConnectorUnavailable(
        f"The store cannot be reached: {_words(error)}.", todo="Check the store; the hub tries again."
    )
