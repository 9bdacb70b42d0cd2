"""A mapping over a folder of real files: what it drops (``coverage``), and what two versions make differently (``diff``).

Both stream: one message at a time, however many files there are. A file that cannot be read, or holds other messages, is
counted and passed over; `orderhub translate` says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from orderhub.documents import Document
from orderhub.errors import HubError
from orderhub.findings import Place
from orderhub.formats.base import MessageTree
from orderhub.mapping.given import NOTHING_GIVEN, Given
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import fitting_mapping, open_session
from orderhub.mapping.tracing import as_text
from orderhub.mapping.translation import open_source

#: Different paths that are kept; a mapping that drops more has not been begun.
MAX_PATHS = 2_000


class Dropped(msgspec.Struct, kw_only=True):
    """Source data that nothing in the mapping reads. ``path`` is how it would be written there. ``times`` in how many
    ``messages``, and the first value with its place. ``level``: what the mapping's ``unmapped`` says about it."""

    path: str
    segment: str
    level: str
    example: str
    place: Place
    times: int = 0
    messages: int = 0


class Coverage(msgspec.Struct, kw_only=True):
    """What a mapping drops, most frequent first. ``files`` were looked at, ``passed_over`` of them had nothing for this
    mapping; ``messages`` were translated, ``refused`` of them could not be."""

    mapping: str
    version: int
    files: int = 0
    passed_over: list[str] = []
    messages: int = 0
    refused: int = 0
    dropped: list[Dropped] = []


#: What became of a message: both versions made a document and the two differ; or only one made one.
Outcome: TypeAlias = Literal["changed", "only_before", "only_after"]


class FieldDifference(msgspec.Struct, frozen=True):
    """A field that two versions fill differently; ``None``: not at all."""

    field: str
    before: str | None
    after: str | None


class DocumentDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A message that two versions translate differently. ``message`` counts in the file from 1. ``reasons`` are the
    errors of the version that made no document."""

    file: str
    message: int
    number: str
    outcome: Outcome
    fields: list[FieldDifference] = []
    reasons: list[str] = []


class Comparison(msgspec.Struct, kw_only=True):
    """Two versions over the same files. ``same`` counts messages of which both make the same, nothing included."""

    before: str
    after: str
    files: int = 0
    passed_over: list[str] = []
    messages: int = 0
    same: int = 0
    differing: list[DocumentDifference] = []

    def fields(self) -> dict[str, int]:
        """How many documents differ in which field; positions in lists are left out (``lines[].unit``)."""
        found: dict[str, int] = {}
        for document in self.differing:
            for field in {_without_positions(one.field) for one in document.fields}:
                found[field] = found.get(field, 0) + 1
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def coverage(
    mapping: CompiledMapping, registry: MappingRegistry, files: Iterable[Path], given: Given = NOTHING_GIVEN
) -> Coverage:
    """What the mapping drops in these files, also what it was told to ignore."""
    mapping = mapping.given(given)
    found = Coverage(mapping=mapping.name, version=mapping.version)
    by_path: dict[str, Dropped] = {}
    unread = mapping.unread_everywhere()
    for path in files:
        found.files += 1
        any_message = False
        for tree in _messages(path, registry, mapping):
            any_message = True
            found.messages += 1
            if mapping.run(tree).document is None:
                found.refused += 1
            seen: set[str] = set()
            for left in unread(tree.root):
                known = by_path.get(left.path)
                if known is None:
                    if len(by_path) >= MAX_PATHS:
                        continue
                    known = by_path[left.path] = Dropped(
                        path=left.path,
                        segment=left.segment,
                        level=mapping.file.unmapped_segments.get(left.segment, mapping.file.unmapped),
                        example=left.value[:200],
                        place=left.place(),
                    )
                known.times += 1
                if left.path not in seen:
                    seen.add(left.path)
                    known.messages += 1
        if not any_message:
            found.passed_over.append(str(path))
    found.dropped = sorted(by_path.values(), key=lambda one: (-one.messages, -one.times, one.path))
    return found


def compare(
    before: CompiledMapping,
    after: CompiledMapping,
    registry: MappingRegistry,
    files: Iterable[Path],
    given: Given = NOTHING_GIVEN,
) -> Comparison:
    """What two versions of a mapping (or two mappings for the same messages) make differently of these files."""
    before, after = before.given(given), after.given(given)
    found = Comparison(before=_called(before), after=_called(after))
    for path in files:
        found.files += 1
        any_message = False
        for one, other in _pairs(path, registry, before, after):
            any_message = True
            found.messages += 1
            difference = _difference(path, one, before, other, after)
            if difference is None:
                found.same += 1
            else:
                found.differing.append(difference)
        if not any_message:
            found.passed_over.append(str(path))
    return found


def _called(mapping: CompiledMapping) -> str:
    return f"{mapping.name} version {mapping.version}"


def _messages(path: Path, registry: MappingRegistry, mapping: CompiledMapping) -> Iterator[MessageTree]:
    """The messages of a file that the mapping is made for and may translate."""
    try:
        with open_source(path) as stream:
            for tree in open_session(registry, stream, name=str(path), mapping=mapping):
                if tree.usable and fitting_mapping(registry, mapping, tree) is not None:
                    yield tree
    except (HubError, OSError):
        return  # the caller counts it among those passed over


def _pairs(
    path: Path, registry: MappingRegistry, before: CompiledMapping, after: CompiledMapping
) -> Iterator[tuple[MessageTree | None, MessageTree | None]]:
    """The same message twice: what a mapping declares about its source decides how it is read."""
    if before.source == after.source:
        yield from ((tree, tree) for tree in _messages(path, registry, before))
        return
    # the numbers tell which messages are the same; one that only one of them can read has no partner
    one, other = _messages(path, registry, before), _messages(path, registry, after)
    first, second = next(one, None), next(other, None)
    while first is not None or second is not None:
        if second is None or (first is not None and first.number < second.number):
            yield first, None
            first = next(one, None)
        elif first is None or second.number < first.number:
            yield None, second
            second = next(other, None)
        else:
            yield first, second
            first, second = next(one, None), next(other, None)


def _difference(
    path: Path,
    one: MessageTree | None,
    before: CompiledMapping,
    other: MessageTree | None,
    after: CompiledMapping,
) -> DocumentDifference | None:
    tree = one if one is not None else other
    if tree is None:
        return None
    made = before.run(one) if one is not None else None
    remade = after.run(other) if other is not None else None
    was = made.document if made is not None else None
    now = remade.document if remade is not None else None
    if was is None and now is None:
        return None
    number = (was or now).number  # type: ignore[union-attr]  # one of them is there
    fields = _fields(was, now)
    outcome: Outcome = "only_before" if now is None else "only_after" if was is None else "changed"
    if outcome == "changed" and not fields:
        return None
    failed = remade if now is None else made if was is None else None
    reasons = [f"{finding.code}: {finding.message}" for finding in failed.findings[:3]] if failed else []
    return DocumentDifference(
        file=str(path),
        message=tree.number,
        number=number,
        outcome=outcome,
        fields=fields if outcome == "changed" else [],
        reasons=reasons,
    )


def _fields(was: Document | None, now: Document | None) -> list[FieldDifference]:
    before, after = dict(_leaves(was)), dict(_leaves(now))
    return [
        FieldDifference(field, as_text(before.get(field)), as_text(after.get(field)))
        for field in dict.fromkeys([*before, *after])
        if before.get(field) != after.get(field)
    ]


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name), f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{prefix}[{index}]")
    elif value is not None:
        yield prefix, value


def _without_positions(field: str) -> str:
    return re.sub(r"\[[0-9]+\]", "[]", field)
