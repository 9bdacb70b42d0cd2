"""One message of an original, for whoever asks about a value: opened, found, and with exact places."""

from __future__ import annotations

import msgspec

from orderhub.errors import MappingError
from orderhub.findings import Place
from orderhub.formats.base import MessageTree
from orderhub.formats.spans import sharpener
from orderhub.mapping.registry import MappingRegistry
from orderhub.mapping.run import CompiledMapping
from orderhub.mapping.sessions import fitting_mapping, open_session
from orderhub.mapping.trace import Sharpen


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
    for tree in open_session(mappings, data, name=name, mapping=mapping):
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
    options = mapping.source.options
    delimiter, quote = options.get("delimiter"), options.get("quote")
    return sharpener(
        data,
        delimiter={"tab": "\t"}.get(delimiter, delimiter) if isinstance(delimiter, str) else None,
        quote=quote if isinstance(quote, str) else '"',
        encoding=tree.interchange.encoding if tree.interchange.format == "csv" else None,
    )
