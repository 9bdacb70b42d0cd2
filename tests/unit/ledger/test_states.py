"""The tables of allowed transitions are sound."""

from __future__ import annotations

from orderhub.ledger.states import (
    DOCUMENT_TRANSITIONS,
    INTERCHANGE_TRANSITIONS,
    DocumentState,
    InterchangeState,
)


def test_every_state_has_an_entry() -> None:
    assert set(DOCUMENT_TRANSITIONS) == set(DocumentState)
    assert set(INTERCHANGE_TRANSITIONS) == set(InterchangeState)


def test_only_superseded_is_final() -> None:
    final = {state for state, following in DOCUMENT_TRANSITIONS.items() if not following}
    assert final == {DocumentState.SUPERSEDED}


def test_what_was_discarded_comes_back_to_a_person_only() -> None:
    assert DOCUMENT_TRANSITIONS[DocumentState.DISCARDED] == {
        DocumentState.QUARANTINED,
        DocumentState.CONFLICT,
    }


def test_every_state_but_the_first_can_be_reached() -> None:
    reached = {state for following in DOCUMENT_TRANSITIONS.values() for state in following}
    assert set(DocumentState) - reached == {DocumentState.TRANSLATED}
    # a document without content begins in quarantine; nothing else begins anywhere but translated


def test_what_was_loaded_is_never_taken_back() -> None:
    assert DOCUMENT_TRANSITIONS[DocumentState.LOADED] == {DocumentState.LOADING}
    assert DocumentState.DISCARDED not in DOCUMENT_TRANSITIONS[DocumentState.ACCEPTED]
