"""The mappings of a folder: found by name or by what they read, compiled when first needed, kept.

A broken file never hinders the others: it is refused when its own name is asked for, and passed over (and told about
in :attr:`MappingRegistry.broken`) when a mapping is looked for by its source.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from orderhub.errors import MappingError
from orderhub.findings import Finding, Place
from orderhub.formats.dialect import Dialect, SourceDeclaration
from orderhub.mapping.compile import compile_mapping
from orderhub.mapping.dialects import Dialects
from orderhub.mapping.language import MappingFile
from orderhub.mapping.lookups import FolderLookups, Lookups
from orderhub.mapping.parse import load_mapping
from orderhub.mapping.problems import MappingRefused, close_to
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.writing.compile import compile_writing
from orderhub.mapping.writing.run import CompiledWriting

#: The keys of a JSON source's first record, read as a mapping declares it; ``None`` when there is none.
KeysRead: TypeAlias = Callable[[SourceDeclaration], Collection[str] | None]


class MappingUnknown(MappingError):
    """There is no mapping of that name."""

    code = "MAPPING_UNKNOWN"


_OF_TABLES = ("LOOKUP_TABLE", "MAPPING_LOOKUP_TABLE")


class _Kept(msgspec.Struct):
    """What is known of a file at one state of it."""

    stamp: tuple[int, int]
    file: MappingFile | None = None
    compiled: CompiledMapping | None = None
    writing: CompiledWriting | None = None
    #: the state of its lookup tables when it was compiled
    tables: dict[str, object] = {}
    refused: MappingRefused | None = None


class MappingRegistry:
    """The mappings in ``folder`` (``*.yaml``, its ``lookups`` beside them).

    A changed file is noticed (by time and size) when it is asked for again. Not for use from several threads at once
    while files change.
    """

    def __init__(
        self,
        folder: Path,
        *,
        dialects: Mapping[str, Dialect] | None = None,
        lookups: Lookups | None = None,
    ) -> None:
        self.folder = folder
        self.dialects = dialects if dialects is not None else Dialects()
        self._given = lookups
        self.lookups: Lookups = lookups if lookups is not None else FolderLookups(folder / "lookups")
        self._kept: dict[str, _Kept] = {}
        #: the findings of files that were passed over, by mapping name
        self.broken: dict[str, list[Finding]] = {}

    def names(self) -> list[str]:
        """The names of all files, right or wrong."""
        return sorted(path.stem for path in self.folder.glob("*.yaml"))

    def path(self, name: str) -> Path:
        """The file of a mapping; :class:`MappingUnknown` when there is none."""
        names = self.names()
        if name not in names:
            close = close_to(name, names)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            raise MappingUnknown(
                f"There is no mapping {name!r} in {self.folder}.{hint}",
                todo=f"The mappings are {', '.join(names) or 'none yet'}.",
                place=Place(file=str(self.folder)),
            )
        return self.folder / f"{name}.yaml"

    def file(self, name: str) -> MappingFile:
        """The parsed file; :class:`MappingRefused` when it cannot be parsed."""
        kept = self._state(name)
        if kept.refused is not None:
            raise kept.refused
        if kept.file is None:
            try:
                kept.file = load_mapping(self.path(name))
            except MappingRefused as refused:
                kept.refused = refused
                raise
        return kept.file

    def get(self, name: str) -> CompiledMapping:
        """The compiled mapping; :class:`MappingUnknown`, or :class:`MappingRefused`, also of one that writes."""
        kept = self._state(name)
        if kept.compiled is None:
            file = self.file(name)
            try:
                kept.compiled = compile_mapping(file, dialects=self.dialects, lookups=self.lookups)
                kept.tables = {table: self.lookups.stamp(table) for table in kept.compiled.tables}
            except MappingRefused as refused:
                # one that writes is still good for writing
                if not file.writes:
                    kept.refused = refused
                raise
            self.broken.pop(name, None)
        return kept.compiled

    def writing(self, name: str) -> CompiledWriting:
        """The compiled mapping that writes; :class:`MappingUnknown`, or :class:`MappingRefused`, also of one that reads."""
        kept = self._state(name)
        if kept.writing is None:
            file = self.file(name)
            try:
                kept.writing = compile_writing(file, lookups=self.lookups)
                kept.tables = {table: self.lookups.stamp(table) for table in kept.writing.tables}
            except MappingRefused as refused:
                # one that reads is still good for reading
                if file.writes:
                    kept.refused = refused
                raise
            self.broken.pop(name, None)
        return kept.writing

    def sources(self, format: str) -> list[SourceDeclaration]:
        """What the mappings of a format declare as their source, in the order of their names; broken ones are passed over."""
        found: list[SourceDeclaration] = []
        for name in self.names():
            try:
                source = self.file(name).source
            except MappingRefused as refused:
                self.broken[name] = refused.findings
                continue
            if source.format == format:
                found.append(source)
        return found

    def _state(self, name: str) -> _Kept:
        path = self.path(name)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0)
        kept = self._kept.get(name)
        if kept is None or kept.stamp != stamp or self._tables_changed(kept):
            kept = self._kept[name] = _Kept(stamp=stamp)
        return kept

    def _tables_changed(self, kept: _Kept) -> bool:
        """Also when it was refused: what was wrong may have been a table."""
        if kept.refused is not None:
            return any(finding.code in _OF_TABLES for finding in kept.refused.findings)
        return any(self.lookups.stamp(table) != stamp for table, stamp in kept.tables.items())

    def fitting(
        self,
        format: str,
        message: str | None = None,
        release: str | None = None,
        *,
        columns: Collection[str] | None = None,
        members: Collection[str] | None = None,
        keys: KeysRead | None = None,
    ) -> CompiledMapping | None:
        """The mapping whose source fits, ``None`` when none does.

        One that names the release goes before one that leaves it open; several that fit equally are taken in the order
        of their names. For CSV the header's ``columns`` decide: all declared ones must be there, and the mapping that
        knows most of them is taken. For a bundle of CSV files the names of its ``members`` decide in the same way, for
        JSON the ``keys`` of a record.
        """
        best: tuple[tuple[int, int], str] | None = None
        for name in self.names():
            try:
                file = self.file(name)
            except MappingRefused as refused:
                self.broken[name] = refused.findings
                continue
            score = _fit(file, format, message, release, columns, members, keys)
            if score is None or (best is not None and score <= best[0]):
                continue
            try:
                self.get(name)
            except MappingRefused as refused:
                self.broken[name] = refused.findings
                continue
            best = (score, name)
        return None if best is None else self.get(best[1])


def _fit(
    file: MappingFile,
    format: str,
    message: str | None,
    release: str | None,
    columns: Collection[str] | None,
    members: Collection[str] | None = None,
    keys: KeysRead | None = None,
) -> tuple[int, int] | None:
    """How well a mapping's source fits; ``None`` when it does not."""
    source = file.source
    if source.format != format:
        return None
    if format == "csv":
        from orderhub.formats.csv import JoinLayout, declared_layout
        from orderhub.formats.dialect import DeclarationError

        try:
            layout = declared_layout(source)
        except DeclarationError:
            return (0, 0) if columns is None and members is None else None
        if isinstance(layout, JoinLayout):
            if members is None:
                return (0, 0) if columns is None else None
            whole = all(fnmatch.filter(members, table.file) for table in layout.tables)
            return (1, len(layout.tables)) if whole else None
        if members is not None or not layout.header:
            return None
        if columns is None:
            return (0, 0)
        have = set(columns)
        if not have.issuperset(layout.columns):
            return None
        return (1, len(have.intersection(layout.all_columns)))
    if format == "json":
        return _fit_json(source, keys)
    if source.message != message:
        return None
    if source.release is None and format != "xml":
        return (1, 0)
    # in XML the release is a namespace, and none is a name of its own
    return (1, 1) if source.release == release else None


def _fit_json(source: SourceDeclaration, keys: KeysRead | None) -> tuple[int, int] | None:
    from orderhub.formats.dialect import DeclarationError
    from orderhub.formats.json.layout import JsonLayout

    try:
        layout = JsonLayout.from_declaration(source)
    except DeclarationError:
        return (0, 0) if keys is None else None
    if keys is None:
        return (0, 0)
    have = keys(source)
    return (1, len(layout.keys)) if have is not None and set(have).issuperset(layout.keys) else None
