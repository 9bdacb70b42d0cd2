"""Opens a source: which format it is, which reader reads it, which mapping fits its messages."""

from __future__ import annotations

from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from orderhub.errors import SourceError
from orderhub.findings import Place
from orderhub.formats.base import MessageTree, ReadSession, Source
from orderhub.formats.detect import HEAD, DetectedFormat, detect
from orderhub.formats.dialect import SourceDeclaration
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping

if TYPE_CHECKING:
    from orderhub.formats.bundle import BundleProblem


class FormatUnknown(SourceError):
    """The bytes look like no format that the hub knows."""

    code = "FORMAT_UNKNOWN"


class FormatUnsupported(SourceError):
    """The format is known, but the hub has no reader for it."""

    code = "FORMAT_UNSUPPORTED"


class SourceUnusable(SourceError):
    """An archive of several files that cannot be used; ``code`` says why."""

    def __init__(self, problem: BundleProblem) -> None:
        super().__init__(
            problem.what, todo=problem.todo, place=Place(path=problem.member) if problem.member else None
        )
        self.code = problem.code  # type: ignore[misc]  # each reason has its own entry in the reference


class NoMappingFits(SourceError):
    """The format can be read only with a mapping's declaration (CSV), and no mapping fits."""

    code = "NO_MAPPING"


def open_session(
    mappings: MappingRegistry,
    source: Source,
    *,
    name: str,
    mapping: CompiledMapping | None = None,
    detected: DetectedFormat | None = None,
) -> ReadSession:
    """A session that reads the source; nothing but its head is read before the iteration starts.

    :param name: the file's name as it shall stand in places.
    :param mapping: the mapping that was asked for; CSV is read as its source declares. Without one, the mapping whose
        columns fit the header is looked for.
    :param detected: the format where the caller has looked already.
    :raises FormatUnknown: no format fits the head.
    :raises FormatUnsupported: there is no reader.
    :raises NoMappingFits: CSV whose header no mapping knows.
    """
    if mapping is not None and mapping.source.format in _DECLARED:
        # what a mapping declares is a better judge of such a file than its first bytes
        return _OPENERS[mapping.source.format](mappings, source, name, mapping)
    detected = detected or detect(_head(source), name)
    place = Place(file=name)
    if detected is None:
        raise FormatUnknown(
            "The file is in no format that the hub knows.",
            todo="Ask the sender what it is, or write a reader for it.",
            place=place,
        )
    opener = _OPENERS.get(detected.format)
    if opener is None:
        raise FormatUnsupported(
            f"The file looks like {detected.format.upper()}, which the hub cannot read yet.",
            todo=f"Ask the sender for one of {', '.join(name.upper() for name in _OPENERS)}.",
            place=place,
        )
    fits = mapping is not None and mapping.source.format == detected.format
    return opener(mappings, source, name, mapping if fits else None)


def fitting_mapping(
    mappings: MappingRegistry, named: CompiledMapping | None, tree: MessageTree
) -> CompiledMapping | None:
    """The mapping that translates this message: the named one when it is made for this kind of message, else the one
    of the folder that fits; None when none does."""
    format = tree.interchange.format
    if named is None:
        # JSON has no message type: a record is known by its keys
        keys = (lambda _: tree.root.value) if format == "json" else None
        return mappings.fitting(format, tree.message_type, tree.release, keys=keys)
    source = named.source
    fits = (
        source.format == format
        and (format in _DECLARED or source.message is None or source.message == tree.message_type)
        # in XML no release means no namespace, which is a name of its own
        and ((source.release is None and format != "xml") or source.release == tree.release)
    )
    return named if fits else None


def csv_mapping(mappings: MappingRegistry, source: Source) -> CompiledMapping | None:
    """The mapping whose declared columns fit a CSV source's header, or whose files are all in a bundle."""
    from orderhub.formats.bundle import BundleProblem, is_bundle, open_bundle
    from orderhub.formats.csv.header import sniff

    head = _head(source)
    if is_bundle(head):
        try:
            with open_bundle(source) as bundle:
                return mappings.fitting("csv", members=[member.name for member in bundle.members])
        except BundleProblem as problem:
            raise SourceUnusable(problem) from problem
        finally:
            if not isinstance(source, (bytes, Path)):
                source.seek(0)
    header = sniff(head)
    return None if header is None else mappings.fitting("csv", columns=header.columns)


def json_mapping(mappings: MappingRegistry, source: Source) -> CompiledMapping | None:
    """The mapping whose declared keys fit the first record of a JSON source best, each reading it as it declares."""
    from orderhub.formats.json import JsonLayout, JsonReader

    known: dict[JsonLayout, Collection[str] | None] = {}

    def keys(declared: SourceDeclaration) -> Collection[str] | None:
        layout = msgspec.structs.replace(JsonLayout.from_declaration(declared), keys=())
        if layout not in known:
            known[layout] = JsonReader(layout).read(source, name="").first_keys()
        return known[layout]

    return mappings.fitting("json", keys=keys)


def declared_mapping(
    mappings: MappingRegistry, source: Source, detected: DetectedFormat | None
) -> CompiledMapping | None:
    """The mapping that knows how a source of its kind is written, where its format does not say so by itself.

    :raises SourceUnusable: an archive of several files that cannot be used.
    """
    if detected is None:
        return None
    if detected.format == "json":
        return json_mapping(mappings, source)
    return csv_mapping(mappings, source) if detected.format in ("csv", "bundle") else None


def _edifact_session(
    mappings: MappingRegistry, source: Source, name: str, mapping: CompiledMapping | None
) -> ReadSession:
    from orderhub.formats.edifact.reader import EdifactReader

    return EdifactReader().read(source, name=name)


def _x12_session(
    mappings: MappingRegistry, source: Source, name: str, mapping: CompiledMapping | None
) -> ReadSession:
    from orderhub.formats.x12.reader import X12Reader

    return X12Reader().read(source, name=name)


def _csv_session(
    mappings: MappingRegistry, source: Source, name: str, mapping: CompiledMapping | None
) -> ReadSession:
    from orderhub.formats.csv import CsvReader, JoinLayout, JoinReader, declared_layout

    fitting = mapping or csv_mapping(mappings, source)
    if fitting is None:
        raise NoMappingFits(
            "No mapping declares the columns of this CSV file, or the files of this archive.",
            todo="Write a mapping whose source lists its columns (files, where there are several).",
            place=Place(file=name),
        )
    layout = declared_layout(fitting.source)
    if isinstance(layout, JoinLayout):
        return JoinReader(layout).read(source, name=name)
    return CsvReader(layout).read(source, name=name)


def _json_session(
    mappings: MappingRegistry, source: Source, name: str, mapping: CompiledMapping | None
) -> ReadSession:
    from orderhub.formats.json import JsonLayout, JsonReader

    fitting = mapping or json_mapping(mappings, source)
    # what no mapping knows is read all the same, so that it is known whether it is JSON
    layout = JsonLayout() if fitting is None else JsonLayout.from_declaration(fitting.source)
    return JsonReader(layout).read(source, name=name)


def _xml_session(
    mappings: MappingRegistry, source: Source, name: str, mapping: CompiledMapping | None
) -> ReadSession:
    from orderhub.formats.xml.declaration import record_tag
    from orderhub.formats.xml.names import joined
    from orderhub.formats.xml.reader import XmlReader

    def records(root: str) -> frozenset[str]:
        """The repeating elements that the mapping declares; without one, those of all mappings, unless one of them
        takes this root for its message."""
        sources = [mapping.source] if mapping is not None else mappings.sources("xml")
        found: set[str] = set()
        for declared in sources:
            tag = record_tag(declared)
            if tag is not None:
                found.add(tag)
            elif joined(declared.release, declared.message or "") == root:
                return frozenset()
        return frozenset(found)

    return XmlReader(records).read(source, name=name)


def _head(source: Source) -> bytes:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return stream.read(HEAD)
    if isinstance(source, bytes):
        return BytesIO(source).read(HEAD)
    start = source.tell()
    head = source.read(HEAD)
    source.seek(start)
    return head


#: How a file of each format is opened; a format's package is imported when its first file is. The mapping is the one
#: asked for, where it is made for this format.
_OPENERS: dict[str, Callable[[MappingRegistry, Source, str, CompiledMapping | None], ReadSession]] = {
    "edifact": _edifact_session,
    "x12": _x12_session,
    "csv": _csv_session,
    "json": _json_session,
    "xml": _xml_session,
    "bundle": _csv_session,
}

#: Formats that only a mapping's declaration makes readable.
_DECLARED = frozenset({"csv", "json"})
