"""What a mapping that writes leaves out of its payloads: values of real documents that nothing in it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from orderhub.documents.serialise import canonical_bytes, from_canonical
from orderhub.findings import Place
from orderhub.mapping.real_files import Coverage, Dropped
from orderhub.mapping.writing.run import CompiledWriting


def coverage(mapping: CompiledWriting, files: Iterable[Path]) -> Coverage:
    """What the mapping leaves out of these documents, most frequent first.

    :param files: canonical documents as JSON, one or a list of them in each. What is something else is passed over.
    """
    found = Coverage(mapping=mapping.name, version=mapping.version)
    by_path: dict[str, Dropped] = {}
    for path in files:
        found.files += 1
        any_document = False
        for document in _documents(path, mapping.document):
            any_document = True
            found.messages += 1
            seen: set[str] = set()
            for way, field, value in _values(document, (), ""):
                if way in mapping.reads:
                    continue
                name = ".".join(way)
                known = by_path.get(name)
                if known is None:
                    place = Place(file=path.name, path=field)
                    known = by_path[name] = Dropped(
                        path=name, segment=way[0], level="ignore", example=str(value)[:200], place=place
                    )
                known.times += 1
                known.messages += name not in seen
                seen.add(name)
        if not any_document:
            found.passed_over.append(str(path))
    found.dropped = sorted(by_path.values(), key=lambda one: (-one.messages, -one.times, one.path))
    return found


def _documents(path: Path, type_name: str) -> Iterator[dict[str, Any]]:
    try:
        whole = msgspec.json.decode(path.read_bytes())
        for one in whole if isinstance(whole, list) else [whole]:
            # read as what it should be, and as the hub would keep it
            document = from_canonical(type_name, msgspec.json.encode(one))
            yield msgspec.json.decode(canonical_bytes(document))
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        return


def _values(value: Any, way: tuple[str, ...], field: str) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every value with its way (without positions) and its canonical path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, (*way, name), f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, way, f"{field}[{index}]")
    else:
        yield way, field, value
