"""The Jinja environment: autoescape always on, texts through the catalogs, times and sizes for people."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, format_skeleton, format_timedelta
from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orderhub.web import i18n, words
from orderhub.web.marks import in_order

FOLDER = Path(__file__).parent
_ICONS: dict[str, str] = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))


def icon(name: str) -> Markup:
    """An icon as inline SVG, hidden from screen readers (a word always stands beside it)."""
    # The markup comes from icons.json, which is made at development time; no partner text gets here.
    shape = Markup(_ICONS[name])  # noqa: S704
    return Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(shape)


def size(count: int, language: i18n.Language) -> str:
    """A number of bytes for people: ``12.4 kB``."""
    value = float(count)
    units = ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    unit = units[0]
    pattern = "#,##0" if unit == "B" else "#,##0.#"
    return f"{format_decimal(value, format=pattern, locale=i18n.locale(language))} {unit}"


def relative(when: dt.datetime, language: i18n.Language) -> str:
    """How long ago, in words."""
    return format_timedelta(
        when - dt.datetime.now(dt.UTC), add_direction=True, locale=i18n.locale(language), threshold=0.99
    )


def time(when: dt.datetime | None, language: i18n.Language) -> Markup:
    """A ``<time>`` element: relative text, absolute on hover (the script turns it into the reader's time zone)."""
    if when is None:
        return Markup("")
    absolute = format_datetime(when.astimezone(dt.UTC), "medium", locale=i18n.locale(language)) + " UTC"
    return Markup('<time class="ago" datetime="{}" title="{}">{}</time>').format(
        when.astimezone(dt.UTC).isoformat(timespec="seconds"), absolute, relative(when, language)
    )


#: Skeletons (CLDR) of times on axes and in tables of figures; the script writes them in the reader's own time zone.
_CLOCKS = {"hour": ("Hm",), "day": ("Ed",), "date": ("MMMd",), "moment": ("MMMd", "Hm")}


def clock(when: dt.datetime, kind: str, language: i18n.Language) -> Markup:
    """A ``<time>`` element with a time or day instead of an age; UTC until the script turns it."""
    utc, locale = when.astimezone(dt.UTC), i18n.locale(language)
    shown = " ".join(format_skeleton(part, utc, locale=locale) for part in _CLOCKS[kind])
    return Markup('<time class="clock" data-clock="{}" datetime="{}">{}</time>').format(
        kind, utc.isoformat(timespec="seconds"), shown
    )


def duration(seconds: float) -> str:
    """How long something took, short: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def percent(value: float, language: i18n.Language, *, signed: bool = False) -> str:
    """A share; 100 % is only said when it is meant."""
    shown = value
    if not signed and 0.999 <= value < 1:
        shown = 0.999
    pattern = "+#,##0 %;-#,##0 %" if signed else "#,##0.0 %"
    return format_percent(shown, format=pattern, locale=i18n.locale(language))


def _finalize(value: Any) -> Any:
    """Every value that a template prints, before it is escaped; markup of our own stays as it is."""
    return in_order(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def environment(language: i18n.Language) -> Environment:
    """The environment of a language; templates are read once a process."""
    env = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    catalog = i18n.catalog(language)
    env.install_gettext_callables(catalog.gettext, catalog.ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by the i18n extension
    env.globals.update(icon=icon, look=words.look, words=words, language=language, languages=i18n.LANGUAGES)
    in_language: dict[str, Callable[..., Any]] = {
        "ago": lambda when: time(when, language),
        "size": lambda count: size(count, language),
        "clock": lambda when, kind: clock(when, kind, language),
        "duration": duration,
        "percent": lambda value: percent(value, language),
        "signed_percent": lambda value: percent(value, language, signed=True),
        "number": lambda value: format_decimal(value, locale=i18n.locale(language)),
    }
    env.filters.update(in_language)
    return env
