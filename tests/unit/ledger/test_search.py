"""Words that documents are found by."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderhub.ledger import search


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PO-2024/17", {"po", "2024", "17", "po202417"}),
        ("Müller GmbH & Co.", {"müller", "gmbh", "co"}),
        ("华东轴承", {"华东", "东轴", "轴承"}),
        ("ABC轴", {"abc", "轴"}),
        ("", set()),
        ("'; DROP TABLE", {"drop", "table"}),
    ],
)
def test_words_of_a_text(text: str, words: set[str]) -> None:
    assert set(search.vector([text, None]).replace("'", "").split()) == words


def test_a_query_asks_for_beginnings_of_all_words() -> None:
    assert search.query("Müll 2024") == "'müll':* & '2024':*"
    assert search.query(" &|! ") is None


@settings(deadline=None)
@given(st.text(max_size=300))
def test_every_text_finds_itself_and_nothing_needs_escaping(text: str) -> None:
    vector, query = search.vector([text]), search.query(text)
    assert "\\" not in vector
    assert vector.count("'") % 2 == 0
    if query:
        words = vector.replace("'", "").split()
        for asked in query.replace("'", "").split(" & "):
            assert any(word.startswith(asked.removesuffix(":*")) for word in words)
