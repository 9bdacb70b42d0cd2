"""An archived original as messages, the way the translation reads it: which format, which mapping.

Stands below the stages because two of them need it: translate reads everything, validate looks up where in the source
a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orderhub.errors import ConfigError, HubError
from orderhub.findings import Place
from orderhub.ledger import queries
from orderhub.ledger.engine import transaction
from orderhub.mapping.sessions import fitting_mapping, open_session

if TYPE_CHECKING:
    from orderhub.formats.base import MessageTree
    from orderhub.mapping.run import CompiledMapping
    from orderhub.stage import Flow, HubContext


def named_mapping(ctx: HubContext, flow: Flow) -> CompiledMapping | None:
    """The mapping that the flow names, None when it leaves the choice to the message.

    :raises ConfigError: there is none of that name, or it has another version than the flow says.
    :raises MappingError: it cannot be compiled.
    """
    step = flow.translate
    if step.mapping is None:
        return None
    mapping = ctx.mappings.get(step.mapping)
    if step.version is not None and mapping.version != step.version:
        raise ConfigError(
            f"The flow {flow.name} wants version {step.version} of {step.mapping}, which is version {mapping.version}.",
            todo="Set translate.version to the version that shall run.",
            place=flow.places.get("translate.version"),
        )
    return mapping


def document_places(
    ctx: HubContext,
    flow: Flow,
    documents: Mapping[int, tuple[int, int]],
    fields: Mapping[int, Sequence[str]],
) -> dict[int, dict[str, Place]]:
    """Where the values of canonical fields came from; each original is read once.

    :param documents: per document (ledger id) its interchange and the ordinal of its message.
    :param fields: per document the canonical fields asked for.
    :returns: per document and field the place, as far as it is known.
    """
    found: dict[int, dict[str, Place]] = {number: {} for number in documents}
    by_interchange: dict[int, list[int]] = {}
    for number, (interchange_id, _) in documents.items():
        by_interchange.setdefault(interchange_id, []).append(number)
    for interchange_id, members in by_interchange.items():
        with transaction(ctx.ledger) as connection:
            original = queries.interchange(connection, interchange_id)
        if original is None or original.archive_key is None:
            continue
        wanted = {documents[number][1]: fields[number] for number in members}
        by_message = source_places(ctx, flow, original.archive_key, original.name, wanted)
        for number in members:
            found[number] = by_message.get(documents[number][1], {})
    return found


def source_places(
    ctx: HubContext,
    flow: Flow,
    archive_key: str,
    name: str,
    messages: Mapping[int, Sequence[str]],
) -> dict[int, dict[str, Place]]:
    """Where in an original the values of canonical fields came from.

    :param messages: ordinals of messages (from 1), each with the canonical fields asked for.
    :returns: per ordinal and field the place, as far as it is known. Never raises: a place is a help, its absence
        must not keep a finding from being recorded.
    """
    found: dict[int, dict[str, Place]] = {}
    try:
        named = named_mapping(ctx, flow)
        session = open_session(ctx.mappings, ctx.archive.read(archive_key), name=name, mapping=named)
        last = max(messages, default=0)
        for tree in session:
            if tree.number in messages:
                found[tree.number] = _places(ctx, named, tree, messages[tree.number])
            if tree.number >= last:
                break
    except HubError:
        return found
    return found


def _places(
    ctx: HubContext, named: CompiledMapping | None, tree: MessageTree, fields: Sequence[str]
) -> dict[str, Place]:
    mapping = fitting_mapping(ctx.mappings, named, tree)
    if mapping is None:
        return {}
    translated = mapping.run(tree)
    found: dict[str, Place] = {}
    for field in fields:
        # a field that the source left out is placed where its parent stands
        wanted = field
        while wanted:
            place = translated.places(wanted)
            if place is not None:
                found[field] = place
                break
            wanted = wanted.rpartition(".")[0]
    return found
