"""Words to find a document by: number, buyer, supplier, agreement, file. Kept as a tsvector, asked by beginnings of words.

Scripts without spaces (Han, kana, hangul) are kept as pairs of characters, so that any part of a name is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W_]+")
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
#: Longer words are cut: a lexeme has a limit of 2 kB, nobody types so much.
_WORD_LIMIT = 60
_WORDS_LIMIT = 60


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text.lower()):
        word = match.group()
        rest = 0
        for wide in _WIDE.finditer(word):
            if wide.start() > rest:
                yield word[rest : wide.start()][:_WORD_LIMIT]
            run = wide.group()
            if len(run) == 1:
                yield run
            for index in range(len(run) - 1):
                yield run[index : index + 2]
            rest = wide.end()
        if rest < len(word):
            yield word[rest:][:_WORD_LIMIT]


def vector(texts: Iterable[str | None]) -> str:
    """The text form of a tsvector over the words of these texts; a number with separators is kept joined too."""
    words: dict[str, None] = {}
    for given in texts:
        if not given:
            continue
        text = given[:500]
        parts = list(_words(text))
        words.update(dict.fromkeys(parts))
        if len(parts) > 1 and " " not in text and len(text) <= _WORD_LIMIT and not _WIDE.search(text):
            words["".join(parts)] = None
        if len(words) > _WORDS_LIMIT:
            break
    return " ".join(f"'{word}'" for word in words)


def query(text: str) -> str | None:
    """A tsquery of all the words, each as a beginning; None when the text holds no word."""
    words = list(dict.fromkeys(_words(text[:500])))[:12]
    if not words:
        return None
    return " & ".join(f"'{word}':*" for word in words)
