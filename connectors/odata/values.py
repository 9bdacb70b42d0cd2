"""Values between the hub's JSON (exact decimals, ISO dates) and that of OData V2 and V4."""

from __future__ import annotations

import datetime as dt
import logging
import re
from decimal import Decimal
from typing import Any

from connectors.odata.metadata import EntityType, Metadata
from orderhub.transport.records import moment

log = logging.getLogger(__name__)

_TICKS = re.compile(r"/Date\((-?\d{1,17})([+-]\d{1,4})?\)/\Z")
#: With at least one part: PT alone is Portugal, and Portuguese.
_TIME = re.compile(r"PT(?=\d)(?:(\d{1,2})H)?(?:(\d{1,2})M)?(?:(\d{1,2})(?:\.\d+)?S)?\Z")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MIDNIGHT = dt.time(0)


class Form:
    """How a service wants its entities.

    :param leave_out_unknown: leave out what $metadata does not know; else it stays, and the service says what it thinks of it.
    """

    def __init__(self, metadata: Metadata, version: str, *, leave_out_unknown: bool = False) -> None:
        self._metadata = metadata
        self._version = version
        self._leave_out = leave_out_unknown

    def wired(self, tree: Any, entity: EntityType | None) -> Any:
        """An entity, or a list of them, in that form."""
        if isinstance(tree, list):
            return [self.wired(one, entity) for one in tree]
        if not isinstance(tree, dict) or entity is None:
            return tree
        unknown = [name for name in tree if name not in entity.leads_to and name not in entity.properties]
        if unknown and self._leave_out:
            log.info("%s has no %s; left out", entity.name, ", ".join(unknown))
        kept = {name: value for name, value in tree.items() if not (self._leave_out and name in unknown)}
        return {name: self._member(name, value, entity) for name, value in kept.items()}

    def _member(self, name: str, value: Any, entity: EntityType) -> Any:
        if name in entity.leads_to:
            inner = value["results"] if isinstance(value, dict) and "results" in value else value
            wired = self.wired(inner, self._metadata.next_type(entity, name))
            return {"results": wired} if self._version == "2" and isinstance(wired, list) else wired
        known = entity.properties.get(name)
        if known is None or value is None:
            return value
        if known.type in self._metadata.types:
            return self.wired(value, self._metadata.types[known.type])
        return _scalar(value, known.type, self._version)


def _scalar(value: Any, kind: str, version: str) -> Any:
    match kind:
        case "Edm.String" | "Edm.Guid":
            return value if isinstance(value, str) else _digits(value)
        case "Edm.Decimal" | "Edm.Int64" if version == "2":
            return value if isinstance(value, str) else _digits(value)
        case "Edm.Decimal" | "Edm.Int64" | "Edm.Int32" | "Edm.Int16" | "Edm.Byte" if isinstance(value, str):
            try:
                number = Decimal(value)
            except ArithmeticError:
                return value
            return int(number) if number == number.to_integral_value() and kind != "Edm.Decimal" else number
        case "Edm.DateTime" | "Edm.DateTimeOffset" if version == "2":
            instant = _instant(value)
            return f"/Date({(instant - _EPOCH) // dt.timedelta(milliseconds=1)})/" if instant else value
        case "Edm.DateTimeOffset":
            instant = _instant(value)
            return instant.isoformat().replace("+00:00", "Z") if instant else value
        case "Edm.Date":
            return value.isoformat()[:10] if isinstance(value, dt.date) else value
        case _:
            return value


def from_wire(value: Any) -> Any:
    """A V2 value in plain form: without the service's own links, lists as lists, dates in ISO form (a time of midnight is a
    date), decimals as the texts that V2 has them in, which lose no digit."""
    match value:
        case {"__deferred": _}:
            return None
        case {"results": list(members)} if len(value) <= 3:
            return [from_wire(one) for one in members]
        case dict():
            kept = {name: inner for name, inner in value.items() if name != "__metadata"}
            return {
                name: from_wire(inner)
                for name, inner in kept.items()
                if not (isinstance(inner, dict) and "__deferred" in inner)
            }
        case list():
            return [from_wire(one) for one in value]
        case str():
            return _plain_text(value)
        case _:
            return value


def literal(value: Any, kind: str, version: str) -> str:
    """A value within $filter."""
    if kind in ("Edm.String", "Edm.Guid", "") or (isinstance(value, str) and not kind.startswith("Edm.")):
        return "'" + str(value).replace("'", "''") + "'"
    if kind in ("Edm.DateTime", "Edm.DateTimeOffset"):
        instant = _instant(value)
        if instant is not None:
            text = instant.astimezone(dt.UTC).replace(tzinfo=None).isoformat()
            if version == "2":
                return f"datetime'{text}'" if kind == "Edm.DateTime" else f"datetimeoffset'{text}Z'"
            return f"{text}Z"
    text = str(value)
    # a bookmark is a value of the other side's; as a number or a date it has these letters only
    if not re.fullmatch(r"[0-9A-Za-z:.+-]{1,64}", text):
        return "'" + text.replace("'", "''") + "'"
    return f"{text}M" if kind == "Edm.Decimal" and version == "2" else text


def _plain_text(text: str) -> str:
    if ticks := _TICKS.match(text):
        try:
            instant = _EPOCH + dt.timedelta(milliseconds=int(ticks[1]))
        except OverflowError:
            return text
        if instant.timetz().replace(tzinfo=None) == _MIDNIGHT and not ticks[2]:
            return instant.date().isoformat()
        return instant.isoformat().replace("+00:00", "Z")
    if text.startswith("PT") and (parts := _TIME.match(text)):
        return ":".join(f"{int(part or 0):02d}" for part in parts.groups())
    return text


def _instant(value: Any) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, _MIDNIGHT, dt.UTC)
    return moment(value) if isinstance(value, str) else None


def _digits(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return str(value)
    return value.isoformat() if isinstance(value, dt.date) else value
