"""Documents: inserted in bulk by the translation, accepted or quarantined by the validation, retried or discarded by people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from orderhub.documents import canonical_bytes, content_hash
from orderhub.errors import LedgerError
from orderhub.findings import Finding, Place, Severity
from orderhub.ledger import audit, effects, leases, search
from orderhub.ledger.acceptance import accept
from orderhub.ledger.batches import claim_batch, finish_batch, make_batches, renew_batch
from orderhub.ledger.codec import clean, clean_or_none, findings_from, findings_to_json, to_json
from orderhub.ledger.records import ClaimedInterchange, Suite, TranslatedDocument
from orderhub.ledger.states import DocumentState, Environment
from orderhub.ledger.transitions import move_documents

__all__ = [
    "accept",
    "claim_batch",
    "discard",
    "finish_batch",
    "insert_translated",
    "make_batches",
    "quarantine",
    "renew_batch",
    "restore",
    "retry",
]

#: Longer document numbers are refused (an index entry has a limit, and no order has such a number).
NUMBER_LIMIT = 200
_REVISION_LIMIT = 2**31 - 1
_CHUNK = 2000

_COLUMNS = (
    "interchange_id, ordinal, generation, company, environment, flow, agreement, type, number, revision, content_hash, "
    "canonical, mapping_name, mapping_version, mapping_hash, message_reference, places, state, findings, "
    "finding_count, buyer, supplier, issued_on, search"
)
_COPY = f"COPY ledger.document ({_COLUMNS}) FROM STDIN"


def driver_connection(connection: Connection) -> psycopg.Connection[Any]:
    """psycopg's own connection, for COPY; in the same transaction."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise LedgerError(
            f"The ledger needs psycopg 3, not {type(driver).__module__}.",
            todo="Create the engine with orderhub.ledger.engine.create_engine.",
        )
    return driver


def insert_translated(
    connection: Connection,
    claim: ClaimedInterchange,
    documents: Iterable[TranslatedDocument],
    *,
    run: int | None = None,
) -> int:
    """Insert documents of a claimed interchange by COPY, streaming; may be called several times in the transaction that
    ends with ``translations.finish_translation``. Those without a document, or with an error among their findings, are
    quarantined. Returns how many rows went in. Raises ``LeaseLost``."""
    leases.hold(connection, claim)
    count = 0
    stream = iter(documents)
    # the stream is read outside of the COPY, so that what feeds it may use the connection
    while chunk := [_row(claim, document) for document in islice(stream, _CHUNK)]:
        try:
            with driver_connection(connection).cursor() as cursor, cursor.copy(_COPY) as copy:
                for row in chunk:
                    copy.write_row(row)
        except psycopg.errors.UniqueViolation as problem:
            raise LedgerError(
                f"A message of interchange {claim.id} is already there in generation {claim.generation}: "
                f"{problem.diag.message_detail}",
                todo="Number the messages of an interchange from 1, each once, and translate each once per claim.",
            ) from problem
        count += len(chunk)
    return count


def _row(claim: ClaimedInterchange, made: TranslatedDocument) -> tuple[Any, ...]:
    document, canonical, digest = made.document, made.canonical, made.content_hash
    kind, number, revision = made.type, made.number, 0
    findings = list(made.findings)
    if document is not None:
        kind, number, revision = document.document_name, document.number, document.revision
        if canonical is None:
            canonical = canonical_bytes(document)
        if digest is None:
            digest = content_hash(canonical)
    number = clean(number)
    known = document is None or bool(number.strip())
    if not known or len(number) > NUMBER_LIMIT or not 0 <= revision <= _REVISION_LIMIT:
        findings.append(_unusable_identity(number, revision, made.places))
        number, revision = number[:NUMBER_LIMIT], min(max(revision, 0), _REVISION_LIMIT)
    blocked = canonical is None or any(finding.severity is Severity.ERROR for finding in findings)
    test = made.test or claim.environment is Environment.TEST or bool(getattr(document, "test", False))
    buyer, supplier = _party(document, "buyer"), _party(document, "supplier")
    issued_on = getattr(document, "issued_on", None)
    mapping = made.mapping
    return (
        claim.id,
        made.ordinal,
        claim.generation,
        made.company or claim.company,
        (Environment.TEST if test else Environment.PRODUCTION).value,
        claim.flow,
        made.agreement or claim.agreement,
        kind,
        number,
        revision,
        digest,
        canonical,
        mapping.name if mapping else None,
        mapping.version if mapping else None,
        mapping.content_hash if mapping else None,
        clean_or_none(made.message_reference),
        to_json(made.places) if made.places else "{}",
        (DocumentState.QUARANTINED if blocked else DocumentState.TRANSLATED).value,
        findings_to_json(findings),
        max(made.finding_count or 0, len(findings)),
        buyer,
        supplier,
        issued_on if isinstance(issued_on, dt.date) else None,
        search.vector((number, made.agreement or claim.agreement, *_names(document), claim.name)),
    )


def _party(document: object, role: str) -> str | None:
    """How a list shows a party: by its name, else its number."""
    party = getattr(document, role, None)
    shown = party and (party.name or party.code or party.gln)
    return clean(shown)[:300] if shown else None


def _names(document: object) -> list[str | None]:
    names: list[str | None] = [getattr(document, "name", None), getattr(document, "gln", None)]
    for role in ("buyer", "supplier"):
        party = getattr(document, role, None)
        if party is not None:
            names += [party.name, party.code, party.gln]
    return [clean_or_none(name) for name in names]


def _unusable_identity(number: str, revision: int, places: Mapping[str, Place] | None) -> Finding:
    field = "revision" if len(number.strip()) > 0 and len(number) <= NUMBER_LIMIT else "number"
    value = number if field == "number" else str(revision)
    return Finding(
        code="LEDGER_IDENTITY_UNUSABLE",
        severity=Severity.ERROR,
        message=f"The document's {field} {value[:60]!r} cannot be kept: a number has 1 to {NUMBER_LIMIT} characters, "
        "a revision is from 0 to 2147483647. Ask the sender for a usable one, or correct the mapping.",
        place=(places or {}).get(field, Place()),
        rule="identity",
        value=value[:200],
        field=field,
    )


_ADD_FINDINGS = text(
    """
    UPDATE ledger.document AS d
    SET findings = CAST(f.findings AS jsonb), finding_count = f.count
    FROM unnest(CAST(:ids AS bigint[]), CAST(:findings AS text[]), CAST(:counts AS integer[]))
        AS f(id, findings, count)
    WHERE d.id = f.id
    """
)
_READ_FINDINGS = text(
    """
    SELECT id, findings, finding_count FROM ledger.document
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'translated' ORDER BY id FOR UPDATE
    """
)


def add_findings(connection: Connection, findings: Mapping[int, Sequence[Finding]]) -> list[int]:
    """Put findings in front of what translated documents have; returns the ids of those still translated."""
    present = connection.execute(_READ_FINDINGS, {"ids": list(findings)}).all()
    ids, texts, counts = [], [], []
    for row in present:
        new = findings[row.id]
        ids.append(int(row.id))
        texts.append(_merged(new, row.findings))
        counts.append(row.finding_count + len(new))
    if ids:
        connection.execute(_ADD_FINDINGS, {"ids": ids, "findings": texts, "counts": counts})
    return ids


def _merged(new: Sequence[Finding], old: list[Any]) -> str:
    if not old:
        return findings_to_json(new)
    return findings_to_json([*new, *findings_from(old)])


def quarantine(
    connection: Connection,
    findings: Mapping[int, Sequence[Finding]],
    *,
    suite: Suite | None = None,
    actor: str = "validate",
    run: int | None = None,
) -> list[int]:
    """Move translated documents to quarantine with their findings. Returns the ids moved; those already moved are
    left as they are."""
    if not findings:
        return []
    ids = add_findings(connection, findings)
    return move_documents(connection, ids, DocumentState.QUARANTINED, actor=actor, run=run, suite=suite)


# A translation holds its interchange before its documents; so does who asks for another one.
_LOCK_INTERCHANGES = text(
    """
    SELECT id FROM ledger.interchange
    WHERE id IN (SELECT interchange_id FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])))
    ORDER BY id FOR NO KEY UPDATE
    """
)
_REQUEST = text(
    """
    UPDATE ledger.interchange SET retry_requested_at = clock_timestamp(), attempts = 0
    WHERE id IN (SELECT interchange_id FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])))
    """
)


def retry(connection: Connection, ids: Sequence[int], *, actor: str, reason: str = "") -> list[int]:
    """Translate quarantined, conflicting or rejected documents again from the original, in a new generation, at the
    flow's next run. The audit keeps which mapping and suite they had. Returns the ids moved. Raises ``LedgerError`` for a
    document in another state."""
    connection.execute(_LOCK_INTERCHANGES, {"ids": list(ids)})
    effects.lock(connection, ids)
    moved = move_documents(
        connection,
        ids,
        DocumentState.RETRYING,
        actor=actor,
        reason=clean_or_none(reason) or None,
        strict=True,
    )
    effects.cancel(connection, moved, reason="the document is translated again")
    connection.execute(_REQUEST, {"ids": moved})
    _audit(connection, moved, actor, "document.retry", reason, versions=_versions(connection, moved))
    return moved


_VERSIONS = text(
    """
    SELECT id, mapping_name || ' v' || mapping_version AS mapping, suite_name || '@' || left(suite_hash, 12) AS suite
    FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)


def _versions(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """With which mapping and suite the documents were made."""
    return {
        row.id: {name: made for name, made in (("mapping", row.mapping), ("suite", row.suite)) if made}
        for row in connection.execute(_VERSIONS, {"ids": list(ids)})
    }


# held by a discarded document, or by an earlier generation of it that gave way
_RELEASE = text(
    """
    UPDATE ledger.identity AS i SET released = true
    FROM ledger.document AS d, ledger.document AS h
    WHERE d.id = ANY(CAST(:ids AS bigint[])) AND i.interchange_id = d.interchange_id AND i.ordinal = d.ordinal
      AND h.id = i.document_id AND h.state IN ('discarded', 'superseded') AND NOT i.released
    """
)


def discard(connection: Connection, ids: Sequence[int], *, actor: str, reason: str) -> list[int]:
    """Give up quarantined, conflicting or rejected documents, with a reason; an identity held by one of them becomes
    free. Raises ``LedgerError`` for a document in another state or without a reason."""
    if not reason.strip():
        raise LedgerError(
            "A document is discarded only with a reason.", todo="Give the reason in a few words."
        )
    effects.lock(connection, ids)
    moved = move_documents(
        connection, ids, DocumentState.DISCARDED, actor=actor, reason=clean(reason), strict=True
    )
    effects.cancel(connection, moved, reason="the document was discarded")
    connection.execute(_RELEASE, {"ids": moved})
    _audit(connection, moved, actor, "document.discard", reason)
    return moved


_DISCARDED_FROM = text(
    """
    SELECT DISTINCT ON (t.document_id) t.document_id, t.from_state,
        EXISTS (SELECT 1 FROM ledger.document AS n WHERE n.interchange_id = d.interchange_id AND n.ordinal = d.ordinal
                AND n.generation > d.generation) AS followed
    FROM ledger.transition AS t JOIN ledger.document AS d ON d.id = t.document_id
    WHERE t.document_id = ANY(CAST(:ids AS bigint[])) AND t.to_state = 'discarded'
    ORDER BY t.document_id, t.id DESC
    """
)


def restore(connection: Connection, ids: Sequence[int], *, actor: str, reason: str) -> list[int]:
    """Bring discarded documents back to where they were kept (a rejected one to quarantine: its effects are cancelled).
    Raises ``LedgerError`` for a document that is not discarded, or whose message was translated again since."""
    found = {row.document_id: row for row in connection.execute(_DISCARDED_FROM, {"ids": list(ids)})}
    followed = sorted(each for each, row in found.items() if row.followed)
    if followed:
        raise LedgerError(
            f"Document {followed[0]} was translated again after it was discarded.",
            todo="Look at the later document of the same message.",
        )
    conflicts = [each for each, row in found.items() if row.from_state == DocumentState.CONFLICT.value]
    rest = sorted(set(ids) - set(conflicts))
    moved: list[int] = []
    for to, chosen in ((DocumentState.CONFLICT, conflicts), (DocumentState.QUARANTINED, rest)):
        moved += move_documents(
            connection,
            chosen,
            to,
            actor=actor,
            reason=clean_or_none(reason) or None,
            only_from=(DocumentState.DISCARDED,),
            strict=True,
        )
    _audit(connection, sorted(moved), actor, "document.restore", reason)
    return sorted(moved)


def _audit(
    connection: Connection,
    ids: Sequence[int],
    actor: str,
    action: str,
    reason: str,
    *,
    versions: Mapping[int, Mapping[str, str]] | None = None,
) -> None:
    said = {"reason": reason} if reason else {}
    audit.append_all(
        connection,
        [
            audit.Entry(
                actor=actor,
                action=action,
                subject=f"document:{document_id}",
                detail={**said, **(versions or {}).get(document_id, {})},
            )
            for document_id in ids
        ],
    )
