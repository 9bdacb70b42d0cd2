"""An archived original as messages, the way the translation reads it: which format, which mapping.

Stands below the stages because two of them need it: translate reads everything, validate looks up where in the source
a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from orderhub.errors import ConfigError, HubError, LedgerError
from orderhub.findings import Place
from orderhub.ledger import queries
from orderhub.ledger.engine import transaction
from orderhub.ledger.kept_mappings import kept_mapping
from orderhub.mapping.originals import OpenedMessage, open_message
from orderhub.mapping.sessions import fitting_mapping, open_session
from orderhub.mapping.trace import Trace, TracedField, trace_all, trace_field

if TYPE_CHECKING:
    from orderhub.formats.base import MessageTree
    from orderhub.ledger.records import DocumentPath
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
    found: dict[str, Place] = {}
    for field in fields:
        # a field that the source left out is placed where its parent stands
        wanted = field
        while wanted:
            place = mapping.place(tree, wanted)
            if place is not None:
                found[field] = place
                break
            wanted = wanted.rpartition(".")[0]
    return found


class DocumentTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Where the values of a document in the ledger come from.

    ``mapping``, ``version`` and ``content_hash`` are those of the mapping that was traced. ``kept``: it is exactly the
    one that made the document; otherwise the one of today, and values may differ. ``truncated``: there are more fields.
    """

    document: int
    mapping: str
    version: int
    content_hash: str
    kept: bool
    fields: list[TracedField]
    truncated: bool = False


def document_trace(ctx: HubContext, document: int, *, limit: int = 5_000) -> DocumentTrace:
    """All values of a document: target path, value, and the source places with byte offset and length.

    :param limit: fields at most.
    :raises LedgerError: there is no such document, its original is gone, or no mapping is known for it.
    :raises ArchiveError: the original is out of reach.
    :raises MappingError: the message in the original, or its mapping, cannot be used any more.
    """
    opened = _open_document(ctx, document)
    fields: list[TracedField] = []
    truncated = False
    for field in trace_all(opened.message.mapping, opened.message.tree, sharpen=opened.message.sharpen):
        if len(fields) >= limit:
            truncated = True
            break
        fields.append(field)
    if not truncated:
        known = {field.field for field in fields}
        fields += [field for field in _agreed(opened.canonical) if field.field not in known]
    mapping = opened.message.mapping
    return DocumentTrace(
        document=document,
        mapping=mapping.name,
        version=mapping.version,
        content_hash=mapping.content_hash,
        kept=opened.kept,
        fields=fields,
        truncated=truncated,
    )


class FieldTrace(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a document with every step; ``original`` are the bytes of its source."""

    trace: Trace
    mapping: str
    version: int
    kept: bool
    original: bytes


def document_field_trace(ctx: HubContext, document: int, field: str) -> FieldTrace:
    """One value of a document, with every step.

    :raises TraceError: the document has no such field. The rest as :func:`document_trace`.
    """
    opened = _open_document(ctx, document)
    message = opened.message
    trace = trace_field(message.mapping, message.tree, field, sharpen=message.sharpen)
    if trace.value is None:
        agreed = next((one for one in _agreed(opened.canonical) if one.field == field), None)
        if agreed is not None:
            trace = msgspec.structs.replace(trace, value=agreed.value, origin=agreed.origin)
    return FieldTrace(
        trace=trace,
        mapping=message.mapping.name,
        version=message.mapping.version,
        kept=opened.kept,
        original=opened.original,
    )


class _Opened(msgspec.Struct, frozen=True):
    message: OpenedMessage
    kept: bool
    original: bytes
    canonical: bytes | None


def _agreed(canonical: bytes | None) -> list[TracedField]:
    """The supplier's codes: where a document names no supplier at all, the translation takes them from the agreement,
    whatever the mapping says."""
    if canonical is None:
        return []
    try:
        supplier = msgspec.json.decode(canonical, type=_WithSupplier).supplier
    except msgspec.DecodeError:
        return []  # a document without a supplier
    return [
        TracedField(field=f"supplier.{name}", value=value, origin="agreement")
        for name, value in (("gln", supplier.gln), ("code", supplier.code))
        if value is not None
    ]


class _Codes(msgspec.Struct):
    gln: str | None = None
    code: str | None = None


class _WithSupplier(msgspec.Struct):
    supplier: _Codes


def _open_document(ctx: HubContext, document: int) -> _Opened:
    with transaction(ctx.ledger) as connection:
        path = queries.document_path(connection, document)
    if path is None:
        raise LedgerError(f"There is no document {document}.", todo="`orderhub document find` lists them.")
    if path.mapping is None or path.interchange.archive_key is None:
        raise LedgerError(f"Document {document} was made by no mapping.", todo="There is nothing to trace.")
    mapping, kept = _made_by(ctx, path)
    original = ctx.archive.read(path.interchange.archive_key)
    message = open_message(
        ctx.mappings,
        original,
        name=path.interchange.name,
        number=path.row.ordinal,
        mapping=mapping,
        fixed=True,
    )
    return _Opened(message, kept, original, path.canonical)


def _made_by(ctx: HubContext, path: DocumentPath) -> tuple[CompiledMapping, bool]:
    """The mapping that made a document, and whether it is exactly that."""
    stamp = path.mapping
    if stamp is None:  # pragma: no cover - asked before
        raise LedgerError(
            f"Document {path.row.id} was made by no mapping.", todo="There is nothing to trace."
        )
    with transaction(ctx.ledger) as connection:
        kept = kept_mapping(connection, stamp.name, stamp.content_hash)
    if kept is not None:
        return kept, kept.content_hash == stamp.content_hash
    # made before its mapping was kept whole: today's, which may say something else
    mapping = ctx.mappings.get(stamp.name)
    if path.row.agreement:
        try:
            mapping = mapping.given(ctx.partners.get(path.row.agreement).defaults.given())
        except ConfigError:
            return mapping, False  # the agreement is gone; what does not need it is told all the same
    return mapping, mapping.content_hash == stamp.content_hash
