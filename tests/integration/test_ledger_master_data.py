"""Master data: the newest record counts, whatever the order in which records come to be accepted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from ledger_support import STAMP, arrive, load, order, rows, states, together, translate, validate
from sqlalchemy import Engine

from orderhub.documents import Document, StockLevel, Supplier
from orderhub.ledger import documents, leases, translations
from orderhub.ledger.engine import transaction
from orderhub.ledger.records import TranslatedDocument

pytestmark = pytest.mark.integration


def supplier(number: str, name: str) -> Supplier:
    return Supplier(number=number, name=name)


def come(engine: Engine, file: str, *found: Document, sha256: str | None = None) -> int:
    with transaction(engine) as connection:
        arrive(connection, file, sha256=sha256)
    return translate(engine, [made(place, each) for place, each in enumerate(found, 1)])


def made(place: int, document: Document) -> TranslatedDocument:
    return TranslatedDocument(ordinal=place, document=document, mapping=STAMP)


def holder(engine: Engine, number: str) -> tuple[int, int]:
    """Which interchange's record holds the number, and in which version."""
    [row] = rows(engine, "SELECT interchange_id, version FROM ledger.identity WHERE number = :n", n=number)
    return row.interchange_id, row.version


def test_a_changed_record_is_a_version_and_the_same_again_a_duplicate(engine: Engine) -> None:
    for file, name in (("mon", "Nord"), ("tue", "Nord GmbH"), ("wed", "Nord GmbH"), ("thu", "Nord")):
        last = come(engine, file, supplier("S1", name))
        verdict = validate(engine)
        assert not verdict.conflicts, file
        load(engine)
    assert states(engine) == {"S1": ["loaded", "loaded", "duplicate", "loaded"]}
    assert holder(engine, "S1") == (last, 3)
    keys = rows(engine, "SELECT idempotency_key FROM ledger.outbox")
    assert len(set(keys)) == 3, "what comes back to earlier content is an effect of its own"


def test_an_order_stays_a_conflict(engine: Engine) -> None:
    come(engine, "mon", order("A"))
    validate(engine)
    come(engine, "tue", order("A", quantity=2))
    assert len(validate(engine).conflicts) == 1


def test_a_newer_record_supersedes_one_that_was_not_loaded_yet(engine: Engine) -> None:
    come(engine, "mon", supplier("S1", "Nord"))
    validate(engine)
    come(engine, "tue", supplier("S1", "Nord GmbH"))
    validate(engine)
    assert states(engine) == {"S1": ["superseded", "accepted"]}
    assert [work.canonical for work in load(engine)] == [b'{"number":"S1","name":"Nord GmbH"}']


def test_files_of_one_batch_are_taken_in_their_order(engine: Engine) -> None:
    come(engine, "mon", supplier("S1", "Nord"), supplier("S2", "Süd"))
    come(engine, "tue", supplier("S1", "Nord GmbH"), supplier("S2", "Süd"))
    last = come(engine, "wed", supplier("S1", "Nord AG"))
    verdict = validate(engine)
    assert (len(verdict.accepted), len(verdict.duplicates), len(verdict.conflicts)) == (4, 1, 0)
    assert states(engine) == {"S1": ["superseded", "superseded", "accepted"], "S2": ["accepted", "duplicate"]}
    assert holder(engine, "S1") == (last, 3)
    assert len(load(engine)) == 2


def test_two_different_records_in_one_file_are_a_conflict(engine: Engine) -> None:
    come(engine, "mon", supplier("S1", "Nord"), supplier("S1", "Süd"), supplier("S1", "Nord"))
    verdict = validate(engine)
    assert (len(verdict.accepted), len(verdict.duplicates), len(verdict.conflicts)) == (1, 1, 1)
    come(engine, "tue", supplier("S1", "West"), supplier("S1", "Ost"))
    verdict = validate(engine)
    assert (len(verdict.accepted), len(verdict.duplicates), len(verdict.conflicts)) == (1, 0, 1)


def test_an_older_record_that_was_kept_back_does_not_come_over_a_newer_one(engine: Engine) -> None:
    first = come(engine, "mon", supplier("S1", "Nord"))
    validate(engine, bad=lambda number: True)
    second = come(engine, "tue", supplier("S1", "Nord GmbH"))
    validate(engine)
    load(engine)
    with transaction(engine) as connection:
        translations.translate_again(connection, [first], actor="test", reason="the suite was mended")
    translate(engine, [made(1, supplier("S1", "Nord"))])
    verdict = validate(engine)
    assert (verdict.accepted, verdict.duplicates, verdict.conflicts) == ([], {}, {})
    assert states(engine) == {"S1": ["superseded", "loaded", "superseded"]}
    assert holder(engine, "S1") == (second, 1)
    why = rows(
        engine, "SELECT reason FROM ledger.transition WHERE to_state = 'superseded' ORDER BY id DESC LIMIT 1"
    )
    assert why[0].reason == "a newer record is there"


def test_what_a_later_file_confirmed_is_newer_than_what_lies_between(engine: Engine) -> None:
    come(engine, "mon", supplier("S1", "Nord"))
    validate(engine)
    between = come(engine, "tue", supplier("S1", "Süd"))
    validate(engine, bad=lambda number: True)
    come(engine, "wed", supplier("S1", "Nord"), supplier("S2", "West"))
    assert len(validate(engine).duplicates) == 1
    with transaction(engine) as connection:
        translations.translate_again(connection, [between], actor="test", reason="the suite was mended")
    translate(engine, [made(1, supplier("S1", "Süd"))])
    assert validate(engine).accepted == []


def test_the_bytes_of_an_earlier_file_are_news_once_a_record_has_changed(engine: Engine) -> None:
    """A stock that was 5, then 4, is 5 again: the third file has the bytes of the first."""

    def level(quantity: int) -> StockLevel:
        return StockLevel(
            item_number="I1", location="L1", quantity=Decimal(quantity), unit="EA", as_of=dt.date(2026, 5, 1)
        )

    def settled() -> int | None:
        with transaction(engine) as connection:
            (claim,) = leases.claim_received(connection, "acme_orders", worker="t", limit=1)
            original = translations.settled_original(connection, claim)
            leases.give_back(connection, claim)
        return original

    first = come(engine, "mon", level(5), sha256="five")
    validate(engine)
    load(engine)
    with transaction(engine) as connection:
        arrive(connection, "again", sha256="five")
    assert settled() == first
    translate(engine, [made(1, level(5))])
    assert len(validate(engine).duplicates) == 1
    come(engine, "tue", level(4), sha256="four")
    validate(engine)
    with transaction(engine) as connection:
        arrive(connection, "wed", sha256="five")
    assert settled() is None
    translate(engine, [made(1, level(5))])
    assert len(validate(engine).accepted) == 1
    assert states(engine) == {"I1@L1": ["loaded", "duplicate", "superseded", "accepted"]}


def test_records_at_the_same_moment_end_with_the_newest(engine: Engine) -> None:
    come(engine, "mon", supplier("S1", "Nord"))
    come(engine, "tue", supplier("S1", "Nord GmbH"))
    with transaction(engine) as connection:
        batches = documents.make_batches(connection, "acme_orders", size=1)
    assert len(batches) == 2
    together(lambda number: validate(engine, worker=f"v{number}"), 2)
    validate(engine)
    (name,) = rows(
        engine,
        "SELECT d.canonical FROM ledger.identity i JOIN ledger.document d ON d.id = i.document_id",
    )
    assert b"Nord GmbH" in bytes(name.canonical)
    assert set(states(engine)["S1"]) <= {"accepted", "superseded"}
