"""Languages of the pages: catalogs in translations/*.po, read once, no build step.

The English text is the msgid. A language is chosen by ``?lang=``, else the cookie (which the page's script sets from
Airflow's own language), else Accept-Language, else English.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from starlette.requests import Request

FOLDER = Path(__file__).parent / "translations"
COOKIE = "orderhub_lang"


@dataclass(frozen=True, slots=True)
class Language:
    """``tag`` is what browsers say (BCP 47), ``catalog`` the file's name, ``label`` its own name for itself."""

    tag: str
    catalog: str
    label: str


LANGUAGES = (Language("en", "en", "English"), Language("zh-CN", "zh_CN", "简体中文"))
DEFAULT = LANGUAGES[0]


def N_(text: str) -> str:
    """Marks a text for the catalogs that is translated later, where it is shown."""
    return text


@cache
def catalog(language: Language) -> Translations:
    """The compiled catalog of a language; ``OSError`` or ``ValueError`` when its file is missing or broken."""
    with (FOLDER / f"{language.catalog}.po").open("rb") as source:
        messages = read_po(source, locale=language.catalog, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(compiled, domain="messages")


@cache
def locale(language: Language) -> Locale:
    """Babel's locale for numbers and dates."""
    return Locale.parse(language.catalog)


def match(wanted: str) -> Language | None:
    """The language for a tag as browsers and Airflow write it: ``zh``, ``zh-Hans-CN``, ``zh_CN``, ``en-GB``."""
    tag = wanted.strip().replace("_", "-").lower()
    if not tag:
        return None
    primary = tag.split("-")[0]
    if primary == "zh" and any(part in tag for part in ("-tw", "-hk", "-hant")):
        return None
    for language in LANGUAGES:
        if language.tag.lower().split("-")[0] == primary:
            return language
    return None


def accepted(header: str) -> Language | None:
    """The best language of an Accept-Language header (RFC 9110, 12.5.4)."""
    ranked: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")[:20]):
        tag, _, parameters = part.partition(";")
        weight = 1.0
        if "q=" in parameters:
            try:
                weight = float(parameters.split("q=")[1].strip())
            except ValueError:
                continue
        if weight > 0:
            ranked.append((-weight, position, tag))
    for _, _, tag in sorted(ranked):
        found = match(tag)
        if found is not None:
            return found
    return None


def negotiate(request: Request) -> Language:
    """The language of an answer."""
    return (
        match(request.query_params.get("lang", ""))
        or match(request.cookies.get(COOKIE, ""))
        or accepted(request.headers.get("accept-language", ""))
        or DEFAULT
    )
