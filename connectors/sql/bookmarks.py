"""What was pulled already, small enough for a bookmark."""

from __future__ import annotations

import base64
import bisect
import datetime as dt
import hashlib
from collections import deque
from collections.abc import Sequence
from decimal import MAX_PREC, Decimal, localcontext
from typing import Any

import msgspec

from connectors.sql.values import tagged, untagged
from orderhub.connector import Bookmark
from orderhub.errors import ConnectorRefused

#: So many rows within the overlap are known one by one; of more, the older ones are given again.
MOST_IN_WINDOW = 10_000
#: So many keys that are not whole numbers can be known.
MOST_KEYS = 50_000
_DIGEST = 8


def _mark(values: Sequence[Any]) -> bytes:
    text = msgspec.json.encode([tagged(value) for value in values])
    return hashlib.blake2b(text, digest_size=_DIGEST).digest()


class Window:
    """The last position, and which rows within ``overlap`` before it were pulled."""

    def __init__(self, overlap: float, since: Bookmark) -> None:
        self.overlap = overlap
        self.position: tuple[Any, ...] | None = None
        self.partial = False
        self._rows: deque[tuple[Any, bytes]] = deque()
        self._known: set[bytes] = set()
        if since is not None and "position" in since:
            self.position = tuple(untagged(value) for value in since["position"])
            self.partial = bool(since.get("partial"))
            seen = base64.b85decode(since.get("seen", ""))
            self._known = {seen[start : start + _DIGEST] for start in range(0, len(seen), _DIGEST)}
        self._old = set(self._known)
        self._begun_at = self.position[0] if self.position else None
        self._passed = False

    @property
    def floor(self) -> Any:
        """From where rows are read again; None at the very first."""
        return None if self.position is None else self._back(self.position[0])

    def unseen(self, positions: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Which of these were not pulled yet."""
        return [_mark(one) not in self._known for one in positions]

    def keep_seen(self, positions: Sequence[tuple[Any, ...]]) -> list[bool]:
        """As ``unseen``; those that were pulled before are remembered with their watermark."""
        kept = []
        for one in positions:
            if not self._passed and self._begun_at is not None and one[0] > self._begun_at:
                self._passed = True
                self._old.clear()  # what did not come by now was changed since, or fell out of the window
            mark = _mark(one)
            known = mark in self._known
            if known and mark in self._old:
                self._old.discard(mark)
                self._rows.append((one[0], mark))
            kept.append(not known)
        return kept

    @property
    def looks_back(self) -> bool:
        """Whether what comes next may have been given before: not once a row lies behind the old position."""
        return bool(self.overlap) and self._begun_at is not None and not self._passed

    def take(self, positions: Sequence[tuple[Any, ...]]) -> None:
        """These were given, in the order of the database."""
        last = positions[-1]
        if self.position is None or last[0] >= self.position[0]:
            self.position = tuple(last)
        if not self.overlap:
            return
        floor = self.floor
        fresh: list[tuple[Any, bytes]] = []
        for number in range(len(positions) - 1, -1, -1):
            one = positions[number]
            if one[0] < floor:
                break  # those before it are older
            fresh.append((one[0], _mark(one)))
        fresh.reverse()
        self._rows += fresh
        self._known.update(mark for _, mark in fresh)
        self._shrink(floor)

    def dump(self) -> Bookmark:
        """As ``since`` has it."""
        if self.position is None:
            return None
        kept = b"".join(mark for _, mark in self._rows) + b"".join(sorted(self._old))
        return {
            "by": "watermark",
            "position": [tagged(value) for value in self.position],
            "seen": base64.b85encode(kept).decode("ascii"),
            "partial": self.partial,
        }

    def _shrink(self, floor: Any) -> None:
        while self._rows and self._rows[0][0] < floor:
            self._known.discard(self._rows.popleft()[1])
        self.partial = len(self._rows) > MOST_IN_WINDOW
        while len(self._rows) > MOST_IN_WINDOW:
            self._known.discard(self._rows.popleft()[1])

    def _back(self, value: Any) -> Any:
        if not self.overlap:
            return value
        if isinstance(value, dt.datetime):
            return value - dt.timedelta(seconds=self.overlap)
        if isinstance(value, dt.date):
            return value - dt.timedelta(days=-(-self.overlap // 86_400))
        if isinstance(value, int):
            return value - int(self.overlap)
        if isinstance(value, Decimal):
            # a number of 38 digits must not be rounded up, and what lies below be passed over
            with localcontext(prec=MAX_PREC):
                return value - Decimal(repr(self.overlap))
        raise ConnectorRefused(
            "A watermark that is neither a time nor a number cannot have an overlap.",
            todo="Write overlap: 0, or name a column that is a time or a number.",
        )


class KnownKeys:
    """Keys that were pulled: whole numbers as ranges, others by a mark each."""

    def __init__(self, since: Bookmark) -> None:
        given = (since or {}) if (since or {}).get("by") == "keys" else {}
        self._starts: list[int] = [start for start, _ in given.get("ranges", [])]
        self._ends: list[int] = [end for _, end in given.get("ranges", [])]
        marks = base64.b85decode(given.get("marks", ""))
        self._marks = {marks[at : at + _DIGEST] for at in range(0, len(marks), _DIGEST)}

    def __contains__(self, key: tuple[Any, ...]) -> bool:
        number = _whole(key)
        if number is None:
            return _mark(key) in self._marks
        at = bisect.bisect_right(self._starts, number) - 1
        return at >= 0 and number <= self._ends[at]

    def add(self, key: tuple[Any, ...]) -> None:
        """:raises ConnectorRefused: these are more than a bookmark can hold."""
        number = _whole(key)
        if number is None:
            self._marks.add(_mark(key))
        elif key not in self:
            at = bisect.bisect_right(self._starts, number)
            joins_left = at > 0 and self._ends[at - 1] == number - 1
            joins_right = at < len(self._starts) and self._starts[at] == number + 1
            if joins_left and joins_right:
                self._ends[at - 1] = self._ends.pop(at)
                self._starts.pop(at)
            elif joins_left:
                self._ends[at - 1] = number
            elif joins_right:
                self._starts[at] = number
            else:
                self._starts.insert(at, number)
                self._ends.insert(at, number)
        if len(self._marks) > MOST_KEYS or len(self._starts) > MOST_KEYS:
            raise ConnectorRefused(
                f"More than {MOST_KEYS} keys (or gaps between them) are too many to know one by one.",
                todo="Read this table by a watermark column or an outbox.",
            )

    def dump(self) -> Bookmark:
        """As ``since`` has it."""
        return {
            "by": "keys",
            "ranges": [list(pair) for pair in zip(self._starts, self._ends, strict=True)],
            "marks": base64.b85encode(b"".join(sorted(self._marks))).decode("ascii"),
        }


def _whole(key: tuple[Any, ...]) -> int | None:
    [value, *more] = key
    if more or isinstance(value, bool):
        return None
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int) else None
