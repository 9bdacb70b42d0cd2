"""One message of an original, for whoever asks about a value: opened, found, and with exact places."""

from __future__ import annotations

import fnmatch
from io import BytesIO

import msgspec

from orderhub.errors import MappingError
from orderhub.findings import Place
from orderhub.formats.base import MessageTree
from orderhub.formats.bundle import BundleProblem, is_bundle, open_bundle
from orderhub.formats.csv.join_layout import JoinLayout
from orderhub.formats.csv.layout import CsvLayout, FileLayout
from orderhub.formats.spans import sharpener
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import fitting_mapping, open_session
from orderhub.mapping.trace import Sharpen

#: A member of a bundle that is larger is not unpacked for the sake of a place (bytes).
MAX_MEMBER = 64 * 1024 * 1024


class MessageUnknown(MappingError):
    """The original has no message of that number, or none that a mapping can read."""

    code = "TRACE_MESSAGE"


class OpenedMessage(msgspec.Struct, frozen=True):
    """A message, the mapping that translates it, and what makes its places exact."""

    tree: MessageTree
    mapping: CompiledMapping
    sharpen: Sharpen


def open_message(
    mappings: MappingRegistry,
    data: bytes,
    *,
    name: str,
    number: int,
    mapping: CompiledMapping | None = None,
    fixed: bool = False,
) -> OpenedMessage:
    """The message of that number (from 1).

    :param mapping: the one that is asked for; without one, the one that fits.
    :param fixed: take ``mapping`` as it is, whatever else the message looks like (it did translate it).
    :raises MessageUnknown: there is none, or no mapping fits it.
    :raises SourceError: the original cannot be read.
    """
    count = 0
    # as a stream: what stands behind the message is not looked at
    for tree in open_session(mappings, BytesIO(data), name=name, mapping=mapping):
        count = tree.number
        if count < number:
            continue
        found = mapping if fixed and mapping is not None else fitting_mapping(mappings, mapping, tree)
        if found is None:
            raise MessageUnknown(
                f"No mapping fits message {number} ({tree.message_type} {tree.release or ''}).".replace(
                    " )", ")"
                ),
                todo="Name a mapping for this kind of message.",
                place=Place(file=name, message=tree.reference),
            )
        return OpenedMessage(tree, found, _sharpener(data, found, tree))
    raise MessageUnknown(
        f"There is no message {number}: the file has {count}.",
        todo="Messages count from 1.",
        place=Place(file=name),
    )


def _sharpener(data: bytes, mapping: CompiledMapping, tree: MessageTree) -> Sharpen:
    if tree.interchange.format != "csv":
        return sharpener(data)
    if is_bundle(data[:8]):
        return _in_members(data, mapping)
    layout = CsvLayout.from_declaration(mapping.source)
    return _of_file(data, layout, tree.interchange.encoding)


def _of_file(data: bytes, layout: FileLayout, encoding: str | None) -> Sharpen:
    return sharpener(
        data,
        delimiter=layout.delimiter,
        quote=layout.quote,
        encoding=layout.encoding or encoding,
        line_end=layout.line_end,
    )


def _in_members(data: bytes, mapping: CompiledMapping) -> Sharpen:
    """Places in a bundle are those of its members; a member is unpacked when one of its values is asked for."""
    layout = JoinLayout.from_declaration(mapping.source)
    made: dict[str, Sharpen | None] = {}

    def of(name: str) -> Sharpen | None:
        table = next((table for table in layout.tables if fnmatch.fnmatchcase(name, table.file)), None)
        if table is None:
            return None
        try:
            with open_bundle(data) as bundle:
                member = next((one for one in bundle.members if one.name == name), None)
                if member is None or member.size > MAX_MEMBER:
                    return None
                with bundle.open(member) as stream:
                    return _of_file(stream.read(), table, None)
        except BundleProblem:
            return None  # the reader has said it; the place stays as it is

    def sharpen(place: Place, text: str) -> Place:
        name = (place.file or "").rpartition("/")[2]
        if name not in made:
            made[name] = of(name)
        inner = made[name]
        return place if inner is None else inner(place, text)

    return sharpen
