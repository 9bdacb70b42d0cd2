"""Brings translations/*.po up to date with the texts in templates and code: ``python -m orderhub.web.catalogs``.

A development tool; the pages read the .po files as they are. New texts appear with an empty translation, unused ones
are dropped. A test fails while anything is missing.
"""

from __future__ import annotations

import io

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from orderhub.web.i18n import FOLDER, LANGUAGES

#: Without dates and people, so that the file changes only when a text does.
_HEADER = """# Orderhub's pages: {language.label}.
msgid ""
msgstr ""
"Language: {language.catalog}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"N_": None, "_": None, "gettext": None, "ngettext": (1, 2)}


def extract() -> Catalog:
    """All texts of the pages, as a template catalog."""
    template = Catalog(project="Orderhub", fuzzy=False)
    web = FOLDER.parent
    for _file, _line, text, comments, context in extract_from_dir(
        web,
        method_map=_METHODS,
        keywords=_KEYWORDS,
        options_map={"templates/**.html": {"trimmed": "true", "silent": "false"}},
    ):
        template.add(text, auto_comments=comments, context=context)
    for _line, text, comments, context in extract_from_file(
        "python", web.parent / "ledger" / "inbox_reasons.py", keywords=_KEYWORDS
    ):
        template.add(text, auto_comments=comments, context=context)
    return template


def update() -> None:
    """Write every language's catalog."""
    template = extract()
    for language in LANGUAGES:
        path = FOLDER / f"{language.catalog}.po"
        if path.exists():
            with path.open("rb") as source:
                catalog = read_po(source, locale=language.catalog)
        else:
            catalog = Catalog(locale=language.catalog, project="Orderhub", fuzzy=False)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        body = io.BytesIO()
        write_po(body, catalog, no_location=True, sort_output=True, omit_header=True, width=110)
        header = _HEADER.format(language=language, plural=catalog.plural_forms)
        path.write_text(header + body.getvalue().decode("utf-8").lstrip(), encoding="utf-8")


if __name__ == "__main__":
    update()
