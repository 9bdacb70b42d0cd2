"""What people do with cases: take, assign, release, note, retry, discard, restore, resolve.

Every action says what its user saw (``Seen``: id and version). A case that somebody else changed since is passed over and
named; the others are acted on. Everything is written to the audit in the same transaction.

Lock order, here and in the stages: interchanges, effects, documents, cases, each by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Connection, Engine, Row, text

from orderhub.errors import LedgerError
from orderhub.ledger import audit, documents, effects, in_doubt, translations
from orderhub.ledger.codec import clean
from orderhub.ledger.engine import retrying
from orderhub.ledger.inbox import CaseFilter, CaseKind, CaseState, Seen, seen

#: Cases per transaction, so that nobody waits long for the end of one.
CHUNK = 500
#: So many cases at most are acted on by one call for a whole reason or flow.
AT_ONCE = 10_000
NOTE_LIMIT = 4000


class CaseChanged(LedgerError):
    """Somebody or something else changed the case after it was looked at."""

    code: ClassVar[str] = "INBOX_CASE_CHANGED"


class PassedOver(msgspec.Struct, frozen=True):
    """A case that was left as it is, and why."""

    case: int
    why: str


class Acted(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did. ``flows`` have work now; ``more`` says that there are further cases than were taken at once."""

    cases: list[int]
    passed_over: list[PassedOver] = []
    flows: list[str] = []
    more: bool = False

    def required(self) -> Acted:
        """The same; raises ``CaseChanged`` when nothing at all was done."""
        if not self.cases and self.passed_over:
            raise CaseChanged(self.passed_over[0].why, todo="Look at it again; nothing was changed.")
        return self


_READ = text(
    """
    SELECT id, kind, state, interchange_id, document_id, outbox_id, flow, open, closed_as, owner, version
    FROM ledger.inbox_case WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id
    """
)
_HELD = text(
    """
    SELECT id FROM ledger.inbox_case
    WHERE interchange_id = ANY(CAST(:interchanges AS bigint[])) AND open AND code = 'INTERCHANGE_HELD'
      AND kind = 'document' AND NOT id = ANY(CAST(:known AS bigint[]))
    ORDER BY id
    """
)
_LOCK = text(
    """
    SELECT id, kind, state, interchange_id, document_id, outbox_id, flow, open, closed_as, owner, version
    FROM ledger.inbox_case WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE
    """
)
_LOCK_INTERCHANGES = text(
    "SELECT id FROM ledger.interchange WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE"
)
_LOCK_DOCUMENTS = text(
    "SELECT id FROM ledger.document WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)
_LAST = text(
    """
    SELECT actor, action, at FROM ledger.audit
    WHERE subject IN ('case:' || CAST(:case AS text), 'document:' || CAST(:document AS text),
        'interchange:' || CAST(:interchange AS text))
    ORDER BY seq DESC LIMIT 1
    """
)
_OWN = text(
    """
    UPDATE ledger.inbox_case SET owner = :owner, version = version + 1, changed_at = clock_timestamp()
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)


def _locked(
    connection: Connection, wanted: Sequence[Seen], *, open: bool = True
) -> tuple[list[Row[Any]], list[PassedOver]]:
    """Lock cases, and before them what they are about; those that fit what was seen, and the others."""
    wanted = list({one.id: one for one in wanted}.values())
    ids = [one.id for one in wanted]
    rows = connection.execute(_READ, {"ids": ids}).all()
    connection.execute(_LOCK_INTERCHANGES, {"ids": sorted({row.interchange_id for row in rows})})
    about = [row.document_id for row in rows if row.document_id is not None]
    effects.lock(connection, about)
    connection.execute(_LOCK_DOCUMENTS, {"ids": about})
    found = {row.id: row for row in connection.execute(_LOCK, {"ids": ids})}
    good, bad = [], []
    for one in wanted:
        row = found.get(one.id)
        if row is None:
            bad.append(PassedOver(one.id, f"There is no case {one.id} in the inbox."))
        elif row.open is not open or (one.version is not None and row.version != one.version):
            bad.append(PassedOver(one.id, _changed(connection, row)))
        else:
            good.append(row)
    return good, bad


def _changed(connection: Connection, row: Row[Any]) -> str:
    """Who did what to the case, as far as it is known."""
    values = {"case": row.id, "document": row.document_id, "interchange": row.interchange_id}
    last = connection.execute(_LAST, values).one_or_none()
    now = f"open ({row.state})" if row.open else f"closed ({row.closed_as})"
    by = f"; last: {last.action} by {last.actor} at {last.at:%Y-%m-%d %H:%M} UTC" if last else ""
    return f"Case {row.id} has changed: it is {now}{by}."


def _note_down(
    connection: Connection, rows: Sequence[Row[Any]], actor: str, action: str, detail: dict[str, Any]
) -> None:
    audit.append_all(
        connection,
        [
            audit.Entry(
                actor=actor, action=action, subject=f"case:{row.id}", detail=detail | {"was": row.owner}
            )
            for row in rows
        ],
    )


def take(connection: Connection, wanted: Sequence[Seen], *, actor: str) -> Acted:
    """Make yourself the owner."""
    return assign(connection, wanted, actor=actor, owner=actor, action="inbox.take")


def assign(
    connection: Connection, wanted: Sequence[Seen], *, actor: str, owner: str, action: str = "inbox.assign"
) -> Acted:
    """Make somebody the owner."""
    owner = clean(owner.strip())[:200]
    if not owner:
        raise LedgerError("Nobody was named.", todo="Name who looks after it, or release it.")
    rows, bad = _locked(connection, wanted)
    connection.execute(_OWN, {"ids": [row.id for row in rows], "owner": owner})
    _note_down(connection, rows, actor, action, {"owner": owner})
    return Acted(cases=[row.id for row in rows], passed_over=bad)


def release(connection: Connection, wanted: Sequence[Seen], *, actor: str) -> Acted:
    """Give cases back to the owner of their flow."""
    rows, bad = _locked(connection, wanted)
    connection.execute(_OWN, {"ids": [row.id for row in rows], "owner": None})
    _note_down(connection, rows, actor, "inbox.release", {})
    return Acted(cases=[row.id for row in rows], passed_over=bad)


_NOTE = text("INSERT INTO ledger.inbox_note (case_id, actor, text) VALUES (:case, :actor, :text)")


def note(connection: Connection, case_id: int, *, actor: str, text: str) -> Acted:
    """Write something down about a case, for whoever looks at it next; notes stay."""
    said = clean(text.strip())
    if not said or len(said) > NOTE_LIMIT:
        raise LedgerError(f"A note has 1 to {NOTE_LIMIT} characters.", todo="Write it shorter, or at all.")
    rows, bad = _locked_any(connection, case_id)
    if rows:
        connection.execute(_NOTE, {"case": case_id, "actor": clean(actor), "text": said})
        _note_down(connection, rows, actor, "inbox.note", {"text": said})
    return Acted(cases=[row.id for row in rows], passed_over=bad)


def _locked_any(connection: Connection, case_id: int) -> tuple[list[Row[Any]], list[PassedOver]]:
    rows = list(connection.execute(_LOCK, {"ids": [case_id]}).all())
    return rows, [] if rows else [PassedOver(case_id, f"There is no case {case_id} in the inbox.")]


def retry(connection: Connection, wanted: Sequence[Seen], *, actor: str, reason: str = "") -> Acted:
    """Try again with what is there now: messages and files are translated again with the present mapping, effects in doubt
    are looked up at once. With a message go those of its file that are kept back only because of it (all or nothing)."""
    known = [one.id for one in wanted]
    rows = connection.execute(_READ, {"ids": known}).all()
    files = sorted({row.interchange_id for row in rows if row.kind == CaseKind.DOCUMENT.value})
    held = connection.execute(_HELD, {"interchanges": files, "known": known}).scalars()
    good, bad = _locked(connection, [*wanted, *(Seen(int(each)) for each in held)])
    waiting = [row for row in good if row.state == CaseState.WAITING.value]
    bad += [PassedOver(row.id, f"Case {row.id} waits for an approval, not for a repair.") for row in waiting]
    good = [row for row in good if row.state != CaseState.WAITING.value]
    messages, whole, doubtful = _by_kind(good)
    documents.retry(connection, [row.document_id for row in messages], actor=actor, reason=reason)
    translations.translate_again(
        connection, [row.interchange_id for row in whole], actor=actor, reason=reason
    )
    in_doubt.look_up_now(connection, [row.outbox_id for row in doubtful])
    _note_down(connection, doubtful, actor, "effect.look_up", {"reason": reason})
    return _acted(good, bad)


def retry_file(connection: Connection, interchange_id: int, *, actor: str, reason: str = "") -> Acted:
    """Translate a whole file again, every message of it that was not discarded."""
    moved = translations.translate_again(connection, [interchange_id], actor=actor, reason=reason)
    if not moved:
        raise CaseChanged(
            f"File {interchange_id} waits for its translation already, or is not there.",
            todo="Look at it again; nothing was changed.",
        )
    flow = connection.execute(_FLOW, {"id": interchange_id}).scalar_one()
    return Acted(cases=[], flows=[str(flow)])


_FLOW = text("SELECT flow FROM ledger.interchange WHERE id = :id")


def discard(connection: Connection, wanted: Sequence[Seen], *, actor: str, reason: str) -> Acted:
    """Give cases up, with a reason. A message is not loaded; of a file only the case is closed. Both can be brought back
    by ``restore``. What waits for an approval or is in doubt cannot be given up here."""
    if not reason.strip():
        raise LedgerError("Something is discarded only with a reason.", todo="Give it in a few words.")
    good, bad = _locked(connection, wanted)
    fixed = [row for row in good if row.state in (CaseState.WAITING.value, CaseState.IN_DOUBT.value)]
    for row in fixed:
        todo = (
            "is decided by its approval" if row.state == CaseState.WAITING.value else "must be resolved first"
        )
        bad.append(PassedOver(row.id, f"Case {row.id} {todo}; it cannot be discarded."))
    good = [row for row in good if row not in fixed]
    messages, whole, _ = _by_kind(good)
    documents.discard(connection, [row.document_id for row in messages], actor=actor, reason=reason)
    connection.execute(_CLOSE, {"ids": [row.id for row in whole]})
    audit.append_all(connection, _of_files(whole, actor, "interchange.discard", reason))
    return _acted(good, bad)


_CLOSE = text(
    """
    UPDATE ledger.inbox_case
    SET open = false, closed_as = 'discarded', version = version + 1, changed_at = clock_timestamp()
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)
_OPEN_AGAIN = text(
    """
    SELECT ledger.inbox_put_interchange(i) FROM ledger.interchange AS i
    WHERE i.id = ANY(CAST(:ids AS bigint[])) AND i.state IN ('refused', 'read', 'partial')
    """
)


def restore(connection: Connection, wanted: Sequence[Seen], *, actor: str, reason: str = "") -> Acted:
    """Bring discarded cases back."""
    good, bad = _locked(connection, wanted, open=False)
    other = [row for row in good if row.closed_as != "discarded"]
    bad += [PassedOver(row.id, _changed(connection, row)) for row in other]
    good = [row for row in good if row.closed_as == "discarded"]
    messages, whole, _ = _by_kind(good)
    documents.restore(connection, [row.document_id for row in messages], actor=actor, reason=reason)
    connection.execute(_OPEN_AGAIN, {"ids": [row.interchange_id for row in whole]})
    audit.append_all(connection, _of_files(whole, actor, "interchange.restore", reason))
    return _acted(good, bad)


def resolve(
    connection: Connection, one: Seen, *, there: bool, actor: str, reason: str, reference: str = ""
) -> Acted:
    """Decide an effect in doubt by hand; see ``orderhub.ledger.in_doubt``."""
    good, bad = _locked(connection, [one])
    if good and good[0].outbox_id is None:
        raise CaseChanged(f"Case {one.id} is no effect in doubt.", todo="Retry or discard it instead.")
    for row in good:
        in_doubt.resolve(
            connection, row.outbox_id, there=there, actor=actor, reason=reason, reference=reference
        )
    return _acted(good, bad)


def _by_kind(rows: Sequence[Row[Any]]) -> tuple[list[Row[Any]], list[Row[Any]], list[Row[Any]]]:
    """Cases about messages, about whole files, about effects."""
    split = {kind: [row for row in rows if row.kind == kind.value] for kind in CaseKind}
    return split[CaseKind.DOCUMENT], split[CaseKind.INTERCHANGE], split[CaseKind.EFFECT]


def _of_files(rows: Sequence[Row[Any]], actor: str, action: str, reason: str) -> list[audit.Entry]:
    return [
        audit.Entry(
            actor=actor, action=action, subject=f"interchange:{row.interchange_id}", detail={"reason": reason}
        )
        for row in rows
    ]


def _acted(rows: Sequence[Row[Any]], bad: list[PassedOver]) -> Acted:
    return Acted(
        cases=[row.id for row in rows], passed_over=bad, flows=sorted({str(row.flow) for row in rows})
    )


def for_all(
    engine: Engine,
    where: CaseFilter,
    act: Callable[[Connection, list[Seen]], Acted],
    *,
    owners: Mapping[str, str] | None = None,
    at_once: int = AT_ONCE,
) -> Acted:
    """Act on every case that fits, in transactions of ``CHUNK`` cases; at most ``at_once`` of them."""
    chosen = retrying(engine, lambda connection: seen(connection, where, owners=owners, limit=at_once + 1))
    more, chosen = len(chosen) > at_once, chosen[:at_once]
    # in the order they were done; those that went with others of their file need no second time
    done: dict[int, None] = {}
    bad: list[PassedOver] = []
    flows: set[str] = set()
    for start in range(0, len(chosen), CHUNK):
        part = [one for one in chosen[start : start + CHUNK] if one.id not in done]
        if not part:
            continue
        acted = _in_one(engine, act, part)
        done |= dict.fromkeys(acted.cases)
        bad += acted.passed_over
        flows |= set(acted.flows)
    return Acted(cases=list(done), passed_over=bad, flows=sorted(flows), more=more)


def _in_one(engine: Engine, act: Callable[[Connection, list[Seen]], Acted], part: list[Seen]) -> Acted:
    return retrying(engine, lambda connection: act(connection, part))
