"""What arrives is recorded once, with its bookmark and its original, whatever it is called."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from ledger_support import FLOW, arrive, execute, order, receive, rows, states, translate
from sqlalchemy import Engine

from orderhub.findings import MAX_FINDINGS, Finding, Place, Severity
from orderhub.ledger import arrivals, bookmarks, documents, leases, translations
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import Arrival, TranslatedDocument, TranslationSummary, Verdict
from orderhub.ledger.states import InterchangeState
from orderhub.ledger.sweep import sweep_archive
from orderhub.security.keys import KeyRing

pytestmark = pytest.mark.integration


def test_a_file_that_could_not_be_read_and_now_can_is_received_again(engine: Engine) -> None:
    first = receive(engine, "a.edi", sha256=None, size=0, problem="is empty")
    execute(engine, "UPDATE ledger.interchange SET sha256 = NULL, settled_at = now()")
    with transaction(engine) as connection:
        (claim,) = leases.claim_received(connection, FLOW, worker="t")
        summary = TranslationSummary(state=InterchangeState.REFUSED)
        translations.finish_translation(connection, claim, summary)
    with transaction(engine) as connection:
        # still nothing to read: it stays what it is
        assert arrive(connection, "a.edi", problem="is empty").verdict is Verdict.KNOWN
    with transaction(engine) as connection:
        found = arrive(connection, "a.edi", sha256="bytes", size=9, archive_key="ab/cd")
    assert (found.id, found.verdict, found.settled) == (first, Verdict.NEW, False)
    row = "SELECT state, sha256, size, archive_key, problem FROM ledger.interchange"
    assert [tuple(each) for each in rows(engine, row)] == [("received", "bytes", 9, "ab/cd", None)]
    translate(engine, [order("A")])
    with transaction(engine) as connection:
        assert arrive(connection, "a.edi", sha256="bytes", archive_key="ab/cd").verdict is Verdict.KNOWN
    assert states(engine) == {"A": ["translated"]}


def test_the_same_arrival_is_known_and_what_is_unsettled_is_remembered(engine: Engine) -> None:
    with transaction(engine) as connection:
        first = arrive(connection, "one.edi", handle={"path": "in/one.edi"})
        again = arrive(connection, "one.edi")
        assert (first.verdict, again.verdict, again.id) == (Verdict.NEW, Verdict.KNOWN, first.id)
        (waiting,) = arrivals.unsettled(connection, FLOW)
        assert waiting.handle == {"path": "in/one.edi"}
        arrivals.mark_settled(connection, [first.id])
        assert arrivals.unsettled(connection, FLOW) == []
        assert arrive(connection, "one.edi").settled


def test_bookmark_and_arrival_come_and_go_together(engine: Engine) -> None:
    arrival = Arrival(company="c", flow=FLOW, connector="folder", stream="orders", name="a", arrival="a")
    with pytest.raises(ZeroDivisionError), transaction(engine) as connection:
        arrivals.record_arrival(connection, arrival, bookmark={"after": "a"})
        _ = 1 / 0
    with transaction(engine) as connection:
        assert bookmarks.get(connection, FLOW, "orders") is None
        arrivals.record_arrival(connection, arrival, bookmark={"after": "a"})
    with transaction(engine) as connection:
        assert bookmarks.get(connection, FLOW, "orders") == {"after": "a"}


def test_hostile_names_and_values_are_kept_readable(engine: Engine) -> None:
    name = "../../etc/\x00pass\udcffwd\n" + "x" * 5000
    with transaction(engine) as connection:
        recorded = arrive(connection, name, sha256="h")
        assert arrive(connection, name, sha256="h").id == recorded.id
        assert arrive(connection, name + "y", sha256="h").id != recorded.id
        (_, claim) = reversed(leases.claim_received(connection, FLOW, worker="t", limit=2))
        bad = Finding(
            code="X",
            severity=Severity.ERROR,
            message="NUL \x00 and \udcff",
            place=Place(excerpt="\x00"),
            value="\x00",
        )
        documents.insert_translated(
            connection,
            claim,
            [
                TranslatedDocument(ordinal=1, type="purchase_order", number="\x00 9", findings=[bad] * 1000),
                TranslatedDocument(ordinal=2, document=order("9" * 5000)),
                TranslatedDocument(ordinal=3, document=order("A\t\\N'; DROP TABLE x; --")),
            ],
        )
        translations.finish_translation(connection, claim, TranslationSummary(state=InterchangeState.PARTIAL))
    found = rows(engine, "SELECT number, state, finding_count, findings FROM ledger.document ORDER BY id")
    assert [row.state for row in found] == ["quarantined", "quarantined", "translated"]
    assert found[0].finding_count == 1000
    assert len(found[0].findings) == MAX_FINDINGS
    assert found[1].findings[0]["code"] == "LEDGER_IDENTITY_UNUSABLE"
    assert found[2].number == "A\t\\N'; DROP TABLE x; --"


def test_originals_without_a_row_are_swept_and_the_others_kept(engine: Engine, tmp_path: Path) -> None:
    archive = Archive(str(tmp_path), KeyRing.from_text(KeyRing.generate()))
    kept, orphan = archive.store(b"recorded"), archive.store(b"crashed before its row")
    receive(engine, "one.edi", sha256=kept.sha256, archive_key=kept.key)
    assert sweep_archive(engine, archive) == []
    assert sweep_archive(engine, archive, older_than=dt.timedelta(seconds=-5)) == [orphan.key]
    assert archive.read(kept.key) == b"recorded"
