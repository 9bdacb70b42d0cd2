"""Mappings as they were when they made a document or a payload: the file, its lookup tables, what the agreement gave.

Kept when first used, under the content hash that is stamped on every document: trace, replay and diff find any version
again. A used version number stands for what the mapping said then; another content under it is refused. Lookup tables
have no number: they may change, and each state that made a document is kept. Functions that a project registers in
Python are not kept; they are part of the installed program.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Connection

from orderhub.ledger import artifacts
from orderhub.ledger.artifacts import ArtifactChanged
from orderhub.ledger.records import MappingStamp
from orderhub.mapping.compile import try_compile
from orderhub.mapping.dialects import Dialects
from orderhub.mapping.given import AGREEMENT
from orderhub.mapping.kinds import Kind
from orderhub.mapping.language import MappingFile, normalised
from orderhub.mapping.lookup_table import LookupTable
from orderhub.mapping.lookups import MemoryLookups
from orderhub.mapping.parse import parse_mapping
from orderhub.mapping.problems import Problems
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.writing import CompiledWriting, try_compile_writing

#: A mapping of either direction.
AnyMapping: TypeAlias = CompiledMapping | CompiledWriting


class _Bundle(msgspec.Struct):
    """What belongs together: hashes of artifacts, and the values of the agreement as text."""

    version: int
    file: str
    lookups: dict[str, str] = {}
    agreement: dict[str, str] = {}


class KeptVersion(msgspec.Struct, frozen=True):
    """One state of a mapping that made documents."""

    name: str
    version: int
    content_hash: str
    first_used_at: dt.datetime


def keep_mapping(connection: Connection, mapping: AnyMapping) -> MappingStamp:
    """Keep a mapping with everything that decides what it makes; costs one query when it is known.

    :raises ArtifactChanged: the mapping was changed and its version not raised.
    """
    stamp = MappingStamp(mapping.name, mapping.version, mapping.content_hash)
    if artifacts.of_version(connection, "mapping_bundle", mapping.name, mapping.content_hash) is not None:
        return stamp
    artifacts.register(
        connection,
        kind="mapping",
        name=mapping.name,
        version=mapping.version,
        content=_says(mapping),
        todo=_raise_it(mapping),
    )
    written = artifacts.register(
        connection, kind="mapping_file", name=mapping.name, version=None, content=mapping.file.written
    )
    lookups = {
        name: artifacts.register(connection, kind="lookup", name=name, version=None, content=table.packed())
        for name, table in mapping.lookups.items()
    }
    values = {
        name: value.isoformat() if isinstance(value, dt.date) else str(value)
        for name, value in mapping.values.items()
    }
    bundle = msgspec.json.encode(_Bundle(mapping.version, written, lookups, values), order="deterministic")
    artifacts.keep(
        connection, kind="mapping_bundle", name=mapping.name, version=mapping.content_hash, content=bundle
    )
    return stamp


def changed_version(connection: Connection, mapping: AnyMapping) -> ArtifactChanged | None:
    """What :func:`keep_mapping` would refuse, without keeping anything: another content under a used version."""
    known = dict(artifacts.versions(connection, "mapping", mapping.name)).get(str(mapping.version))
    if known is None or known == hashlib.sha256(_says(mapping)).hexdigest():
        return None
    return ArtifactChanged(
        f"The mapping {mapping.name} was changed after its version {mapping.version} had made documents.",
        todo=_raise_it(mapping),
    )


def kept_mapping(connection: Connection, name: str, content_hash: str) -> CompiledMapping | None:
    """The mapping that stamped a document, with its tables and the agreement's values as they were; ``None`` when it
    was not kept, or cannot be compiled any more."""
    kept = _kept(connection, name, content_hash)
    if kept is None or kept.file.writes:
        return None
    compiled = try_compile(kept.file, kept.problems, dialects=Dialects(), lookups=kept.lookups)
    return None if compiled is None else compiled.given(_values(kept.agreement))


def kept_writing(connection: Connection, name: str, content_hash: str) -> CompiledWriting | None:
    """The same for a mapping that made payloads."""
    kept = _kept(connection, name, content_hash)
    if kept is None or not kept.file.writes:
        return None
    return try_compile_writing(kept.file, kept.problems, lookups=kept.lookups)


class _Kept(NamedTuple):
    file: MappingFile
    lookups: MemoryLookups
    agreement: dict[str, str]
    problems: Problems


def _kept(connection: Connection, name: str, content_hash: str) -> _Kept | None:
    packed = artifacts.of_version(connection, "mapping_bundle", name, content_hash)
    if packed is None:
        return None
    bundle = msgspec.json.decode(packed, type=_Bundle)
    written = artifacts.content(connection, bundle.file)
    if written is None:
        return None
    tables: dict[str, LookupTable] = {}
    for table, digest in bundle.lookups.items():
        content = artifacts.content(connection, digest)
        if content is None:
            return None
        tables[table] = LookupTable.unpacked(content)
    problems = Problems(f"{name} version {bundle.version}")
    file = parse_mapping(written, name=name, problems=problems)
    if file is None or not problems.ok:
        return None
    return _Kept(file, MemoryLookups(tables), bundle.agreement, problems)


def kept_versions(connection: Connection, name: str) -> list[KeptVersion]:
    """All states of a mapping that made documents, in the order of their first use."""
    found: list[KeptVersion] = []
    for version, _, used, content in artifacts.listed(connection, "mapping_bundle", name):
        bundle = msgspec.json.decode(content, type=_Bundle)
        found.append(KeptVersion(name, bundle.version, version, used))
    return found


def _says(mapping: AnyMapping) -> bytes:
    return msgspec.json.encode(normalised(mapping.file), order="deterministic")


def _raise_it(mapping: AnyMapping) -> str:
    return (
        f"Write version: {mapping.version + 1} in mappings/{mapping.name}.yaml (and in the flows that name version "
        f"{mapping.version}), or restore what was used."
    )


def _values(texts: dict[str, str]) -> dict[str, Any]:
    return {
        name: dt.date.fromisoformat(text) if AGREEMENT.get(name) is Kind.DATE else text
        for name, text in texts.items()
    }
