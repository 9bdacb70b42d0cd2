"""Which reader a file needs. For most formats the bytes say it; a CSV file means nothing without the layout that the
mapping for it declares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orderhub.formats import detect as detection
from orderhub.formats.base import ReadSession, Source
from orderhub.formats.detect import DetectedFormat

if TYPE_CHECKING:
    from orderhub.mapping.registry import MappingRegistry
    from orderhub.mapping.run import CompiledMapping

#: Bytes that are looked at to choose.
HEAD = 64 * 1024


class Opened:
    """A session, what was detected, and the mapping that was needed to open it (CSV)."""

    __slots__ = ("detected", "mapping", "session")

    def __init__(
        self, session: ReadSession | None, detected: DetectedFormat | None, mapping: CompiledMapping | None
    ) -> None:
        #: ``None`` when the format is unknown or has no reader
        self.session = session
        self.detected = detected
        self.mapping = mapping


def open_source(
    source: Path | bytes, *, name: str, registry: MappingRegistry, mapping: CompiledMapping | None = None
) -> Opened:
    """Open a file or bytes with the right reader.

    :param name: the file's name, for places and for formats that the bytes leave open.
    :param mapping: the mapping to be used; absent, a CSV file is opened with the layout of the one that fits its header.
    :raises OSError: the file cannot be read.
    """
    head = _head(source)
    if mapping is not None and mapping.source.format == "csv":
        return Opened(_csv(source, name, mapping), DetectedFormat("csv", "rows"), mapping)
    detected = detection.detect(head, name)
    if detected is None:
        return Opened(None, None, None)
    if detected.format == "csv":
        from orderhub.formats.csv import sniff

        header = sniff(head)
        fitting = None
        if mapping is None and header is not None:
            fitting = registry.fitting("csv", detected.message, None, columns=header.columns)
        return Opened(_csv(source, name, fitting), detected, fitting)
    from orderhub.formats.registry import FORMATS, reader

    if detected.format not in FORMATS:
        return Opened(None, detected, None)
    return Opened(reader(detected.format).read(source, name=name), detected, None)


def mapping_for_message(
    opened: Opened,
    registry: MappingRegistry,
    mapping: CompiledMapping | None,
    format: str,
    message: str,
    release: str | None,
) -> CompiledMapping | None:
    """The mapping for one message: the one asked for when it fits, the one that opened the file, else what the registry
    has."""
    if mapping is not None:
        return mapping if fits(mapping, format, message, release) else None
    if opened.mapping is not None:
        return opened.mapping
    return registry.fitting(format, message, release)


def fits(mapping: CompiledMapping, format: str, message: str, release: str | None) -> bool:
    """Whether a mapping is made for this kind of message."""
    source = mapping.source
    return (
        source.format == format
        and (source.message is None or source.message == message)
        and (source.release is None or source.release == release)
    )


def _head(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:HEAD]
    with source.open("rb") as stream:
        return stream.read(HEAD)


def _csv(source: Source, name: str, mapping: CompiledMapping | None) -> ReadSession:
    from orderhub.formats.csv import CsvLayout, CsvReader

    layout = None if mapping is None else CsvLayout.from_declaration(mapping.source)
    return CsvReader(layout).read(source, name=name)
