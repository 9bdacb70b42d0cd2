"""What a person asked a list for: read from the address, written back into links. Nonsense in it is ignored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from orderhub.web.i18n import N_

#: Names of ranges to their length; the word is what the menu shows.
RANGES: dict[str, tuple[dt.timedelta, str]] = {
    "1h": (dt.timedelta(hours=1), N_("Last hour")),
    "24h": (dt.timedelta(days=1), N_("Last 24 hours")),
    "7d": (dt.timedelta(days=7), N_("Last 7 days")),
    "30d": (dt.timedelta(days=30), N_("Last 30 days")),
}
SORTS = ("-received", "received", "-updated", "updated", "number", "-number")
PAGE_SIZE = 50
MAX_TEXT = 200
MAX_CURSOR = 1000
MAX_VALUES = 50


@dataclass(frozen=True, slots=True)
class Search:
    """Filters, order and place of a list. Times are dates of UTC days; ``after`` and ``before`` are cursors. ``run`` is the
    scheduler's own name of a run, which its pages link with."""

    q: str = ""
    state: tuple[str, ...] = ()
    flow: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    run: str = ""
    range: str = ""
    since: dt.date | None = None
    until: dt.date | None = None
    sort: str = SORTS[0]
    after: str = ""
    before: str = ""

    @classmethod
    def parse(cls, query: QueryParams) -> Search:
        def many(name: str) -> tuple[str, ...]:
            values = [_usable(value) for value in query.getlist(name)]
            return tuple(dict.fromkeys(value for value in values if value))[:MAX_VALUES]

        sort = query.get("sort", "")
        chosen = query.get("range", "")
        return cls(
            q=_usable(query.get("q", "")).strip(),
            state=many("state"),
            flow=many("flow"),
            partner=many("partner"),
            type=many("type"),
            run=_usable(query.get("run", "")),
            range=chosen if chosen in RANGES else "",
            since=_date(query.get("since", "")),
            until=_date(query.get("until", "")),
            sort=sort if sort in SORTS else SORTS[0],
            after=query.get("after", "")[:MAX_CURSOR],
            before=query.get("before", "")[:MAX_CURSOR],
        )

    @property
    def narrowed(self) -> bool:
        """Whether anything but order and place was asked for."""
        return bool(
            self.q
            or self.state
            or self.flow
            or self.partner
            or self.type
            or self.run
            or self.range
            or self.since
            or self.until
        )

    @property
    def received_from(self) -> dt.datetime | None:
        if self.range:
            return dt.datetime.now(dt.UTC) - RANGES[self.range][0]
        return dt.datetime.combine(self.since, dt.time(), dt.UTC) if self.since else None

    @property
    def received_before(self) -> dt.datetime | None:
        """The end of the last day, exclusive."""
        if self.range or self.until is None or self.until == dt.date.max:
            return None
        return dt.datetime.combine(self.until + dt.timedelta(days=1), dt.time(), dt.UTC)

    def query(self, **changes: Any) -> str:
        """The query string of this search with changes; a change of anything but the place goes to the first page."""
        if not changes.keys() & {"after", "before"}:
            changes |= {"after": "", "before": ""}
        changed = replace(self, **changes)
        pairs: list[tuple[str, str]] = []
        for item in fields(changed):
            value = getattr(changed, item.name)
            if item.name == "sort" and value == SORTS[0]:
                continue
            if isinstance(value, tuple):
                pairs += [(item.name, one) for one in value]
            elif value:
                pairs.append((item.name, str(value)))
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def address(self) -> str:
        """The query string of exactly this search."""
        return self.query(after=self.after, before=self.before)

    def chosen(self) -> Mapping[str, tuple[str, ...]]:
        return {"state": self.state, "flow": self.flow, "partner": self.partner, "type": self.type}


def _usable(text: str) -> str:
    """Text that can be asked of the database: no NUL, no half of a surrogate pair, not endless."""
    return text[:MAX_TEXT].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        return None
