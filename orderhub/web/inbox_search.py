"""What a person asked the inbox for: read from the address, written back into links. Nonsense in it is ignored."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import QueryParams

from orderhub.ledger.inbox import CaseFilter, CaseState, Reason

SIZE = 50
MORE = 100
LARGEST = 1000
_LONGEST = 400
_VALUES = 50
VIEWS = ("", "senders", "discarded")
#: Stands for nobody among the owners.
NOBODY = "-"


@dataclass(frozen=True, slots=True)
class InboxSearch:
    """``view`` is the list of cases (empty), of unknown senders, or of what was discarded. ``owner`` holds names and
    ``-`` for what nobody took; ``reason`` is written as ``Reason`` writes itself."""

    q: str = ""
    state: tuple[str, ...] = ()
    flow: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    reason: str = ""
    overdue: bool = False
    view: str = ""
    size: int = SIZE

    @classmethod
    def parse(cls, query: QueryParams) -> InboxSearch:
        def many(name: str) -> tuple[str, ...]:
            values = [_usable(value) for value in query.getlist(name)]
            return tuple(dict.fromkeys(value for value in values if value))[:_VALUES]

        reason = _usable(query.get("reason", ""))
        size = query.get("size", "")
        view = query.get("view", "")
        return cls(
            q=_usable(query.get("q", "")).strip(),
            state=tuple(state for state in many("state") if state in set(CaseState)),
            flow=many("flow"),
            partner=many("partner"),
            owner=many("owner"),
            reason=reason if Reason.parse(reason) else "",
            overdue=query.get("overdue", "") == "1",
            view=view if view in VIEWS else "",
            size=min(LARGEST, max(SIZE, int(size[:9]))) if size.isascii() and size.isdigit() else SIZE,
        )

    @classmethod
    def of_address(cls, address: str) -> InboxSearch:
        """The search of a query string, as ``address`` writes it."""
        return cls.parse(QueryParams(parse_qsl(address.lstrip("?")[:8000], keep_blank_values=True)))

    @property
    def narrowed(self) -> bool:
        return bool(
            self.q or self.state or self.flow or self.partner or self.owner or self.reason or self.overdue
        )

    def where(self, *, seen_at: dt.datetime | None = None) -> CaseFilter:
        """The same for the ledger."""
        return CaseFilter(
            states=self.state,
            flows=self.flow,
            agreements=self.partner,
            owners=tuple(one for one in self.owner if one != NOBODY),
            unowned=NOBODY in self.owner,
            reason=Reason.parse(self.reason) if self.reason else None,
            text=self.q,
            overdue=self.overdue,
            discarded=self.view == "discarded",
            seen_at=seen_at,
        )

    def query(self, **changes: Any) -> str:
        """The query string of this search with changes; a change of anything but the size goes back to the first size."""
        if "size" not in changes:
            changes |= {"size": SIZE}
        changed = replace(self, **changes)
        pairs: list[tuple[str, str]] = []
        for item in fields(changed):
            value = getattr(changed, item.name)
            if isinstance(value, tuple):
                pairs += [(item.name, one) for one in value]
            elif isinstance(value, bool):
                pairs += [(item.name, "1")] if value else []
            elif value and (item.name != "size" or value != SIZE):
                pairs.append((item.name, str(value)))
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def address(self) -> str:
        """The query string of exactly this search."""
        return self.query(size=self.size)


def _usable(text: str) -> str:
    """Text that can be asked of the database: no NUL, no half of a surrogate pair, not endless."""
    return text[:_LONGEST].replace("\0", "").encode("utf-8", "replace").decode("utf-8")
