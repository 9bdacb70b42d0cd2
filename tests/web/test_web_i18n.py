"""Every text of the pages is in the catalogs, and translated."""

from __future__ import annotations

import re

import pytest
from babel.messages.pofile import read_po

from orderhub.web import catalogs, i18n

ENGLISH, CHINESE = i18n.LANGUAGES
#: The same in every language.
UNCHANGED = {"API"}


def test_catalogs_hold_every_text_and_no_other() -> None:
    texts = {message.id for message in catalogs.extract() if message.id}
    assert len(texts) > 150
    for language in i18n.LANGUAGES:
        with (i18n.FOLDER / f"{language.catalog}.po").open("rb") as source:
            kept = {message.id for message in read_po(source, locale=language.catalog) if message.id}
        assert kept == texts, f"run: python -m orderhub.web.catalogs ({language.catalog})"


def test_every_text_has_a_chinese_translation_with_the_same_places() -> None:
    with (i18n.FOLDER / "zh_CN.po").open("rb") as source:
        catalog = read_po(source, locale="zh_CN")
    for message in catalog:
        if not message.id:
            continue
        given = message.id if isinstance(message.id, tuple) else (message.id,)
        translated = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in translated:
            assert text, f"no translation of {given[0]!r}"
            assert text != given[0] or text in UNCHANGED
            assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", given[0]))
            assert not message.fuzzy


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh", CHINESE),
        ("zh-Hans-SG", CHINESE),
        ("zh-TW", None),
        ("de-DE,zh;q=0.2,en;q=0.5", ENGLISH),
        ("fr", None),
        ("en;q=0, zh;q=0.1", CHINESE),
        ("en;q=x,,;", None),
        ("", None),
    ],
)
def test_accept_language(header: str, expected: i18n.Language | None) -> None:
    assert i18n.accepted(header) == expected
