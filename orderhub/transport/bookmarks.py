"""Where an incremental pull goes on: the highest value of a field, and which records at that height were seen.

A server may write a record with an older time after a newer one was pulled (clocks differ, transactions end late). So a pull
asks again for an overlap, and leaves out the records that it has seen, by their bytes: nothing is lost and nothing comes twice.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import Any

from orderhub.connector import Bookmark
from orderhub.errors import ConnectorProtocolError
from orderhub.transport.records import Raw, at, digest, moment, plain

Height = Decimal | dt.datetime | str
#: Digests that a bookmark keeps. Beyond it the oldest are forgotten, and their records may come again, which is harmless.
MOST_SEEN = 5_000
#: Numbers that are written as texts, as OData V2 writes its decimals.
_NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?\Z", re.ASCII)


class Position:
    """The position of one pull: started from a bookmark, moved by the records that are given out.

    :param field: dotted path of the field whose highest value is the position.
    :param overlap: how far below the highest value a record may still turn up: seconds for times, units for numbers.
    :param ordered: whether records come ordered by the field. Else the position is raised by ``finish`` alone.
    """

    def __init__(self, bookmark: Bookmark, field: str, *, overlap: float, ordered: bool) -> None:
        kept = bookmark or {}
        self._field = field
        self._overlap = overlap
        self._ordered = ordered
        self.since: str | int | float | None = kept.get("value")
        self._value: Any = self.since
        self._highest: Any = self.since
        self._seen: dict[str, Any] = dict(kept.get("seen") or {})

    def fresh(self, records: Iterable[Raw]) -> list[Raw]:
        """The records that were not given out before."""
        return [record for record in records if digest([record]) not in self._seen]

    def passed(self, records: Iterable[Raw]) -> None:
        """These records are given out. One without a value in the field does not move the position.

        :raises ConnectorProtocolError: none of them has a usable value in the field.
        """
        without: list[Any] = []
        moved = False
        for record in records:
            value = at(plain(record, "the records"), self._field)
            height = height_of(value)
            self._seen[digest([record])] = _kept(value) if height is not None else None
            if height is None:
                without.append(value)
                continue
            moved = True
            if self._highest is None or not _below(height, self._highest):
                self._highest = _kept(value)
        if without and not moved:
            raise ConnectorProtocolError(
                f"The records have {without[0]!r} in {self._field!r}, where the pull goes on by the highest value.",
                todo="Name a field that records have: a time, a date or a number.",
            )
        if self._ordered:
            self._value = self._highest

    def finish(self) -> None:
        """Everything there was has been given out."""
        self._value = self._highest

    def bookmark(self) -> dict[str, Any]:
        """As plain JSON."""
        floor = lowered(self._value, self._overlap) if self._value is not None else None
        if floor is not None:
            self._seen = {
                name: value for name, value in self._seen.items() if not _below(height_of(value), floor)
            }
        while len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return {"value": self._value, "seen": dict(self._seen)}


def height_of(value: Any) -> Height | None:
    """A value in a form that can be compared; None for what cannot be a position."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value))
    if isinstance(value, str):
        return Decimal(value) if _NUMBER.match(value) else moment(value) or value
    return None


def lowered(value: Any, overlap: float) -> Any:
    """The value, less the overlap, in the form it came in. A text that is neither a number nor a time stays as it is."""
    if not overlap or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value - int(overlap)
    if isinstance(value, float):
        return value - overlap
    if isinstance(value, str) and _NUMBER.match(value):
        return _less(value, overlap)
    instant = moment(value) if isinstance(value, str) else None
    if instant is None or not isinstance(value, str):
        return value
    try:
        lower = instant - dt.timedelta(seconds=overlap)
    except OverflowError:
        return value
    return like(value, lower)


def _less(number: str, overlap: float) -> str:
    """A number that is written as a text, less the overlap, with as many places; one that is filled up with zeros stays so."""
    whole, point, places = number.partition(".")
    by = Decimal(repr(overlap)) if point else Decimal(int(overlap))
    # as many digits as a text of this form has, so that nothing is rounded
    with localcontext(prec=100):
        less = (Decimal(number) - by).quantize(Decimal(1).scaleb(-len(places)), ROUND_FLOOR)
    text = format(less, "f")
    return text.zfill(len(number)) if whole.startswith("0") and len(whole) > 1 else text


def like(sample: str, instant: dt.datetime) -> str:
    """A moment written as a sample is: as a date (then the day before counts too), with ``T`` or a blank, with ``Z`` or not."""
    sample = sample.strip()
    if len(sample) <= 10:
        return instant.date().isoformat()
    separator = "T" if "T" in sample else " "
    text = instant.isoformat(separator, "auto" if "." in sample else "seconds")
    if sample.endswith("Z"):
        return text.replace("+00:00", "Z")
    zoned = dt.datetime.fromisoformat(sample).tzinfo is not None
    return text if zoned else text.removesuffix("+00:00")


def _below(one: Height | None, other: Any) -> bool:
    limit = height_of(other)
    if type(one) is not type(limit):
        # a field that changes its kind has no order; what was seen stays seen
        return False
    return one < limit  # type: ignore[operator]  # of one type, as just seen


def _kept(value: Any) -> Any:
    """A number with a point is kept as the float just below it: asked from there, nothing is skipped."""
    return math.nextafter(float(value), -math.inf) if isinstance(value, Decimal) else value
