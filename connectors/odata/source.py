"""Entities pulled page by page, or by what changed since the last delta link."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import httpx

from connectors.odata.service import Service
from connectors.odata.settings import ByDelta, ByField, Source
from connectors.odata.values import from_wire, literal
from orderhub.connector import Bookmark, Interchange
from orderhub.errors import ConnectorProtocolError, ConnectorRefused
from orderhub.transport.batches import interchanges
from orderhub.transport.bookmarks import Position, lowered
from orderhub.transport.http import HttpRefused
from orderhub.transport.paging import Turn, check_progress
from orderhub.transport.records import Raw, at, digest, dump, plain, records_at

log = logging.getLogger(__name__)


class _Changes:
    """The position of a pull by delta link: the link of the last one, and what of this one was given out already."""

    def __init__(self, since: Bookmark) -> None:
        kept = since or {}
        self.link: str | None = kept.get("delta")
        self.next: str | None = None
        self._seen: set[str] = set(kept.get("seen") or ())

    def fresh(self, records: list[Raw]) -> list[Raw]:
        return [record for record in records if digest([record]) not in self._seen]

    def passed(self, records: list[Raw]) -> None:
        self._seen.update(digest([record]) for record in records)

    def finish(self) -> None:
        """Everything was given out: the next pull starts at the new link."""
        if self.next is not None:
            self.link, self._seen = self.next, set()

    def bookmark(self) -> dict[str, Any]:
        return {"delta": self.link, "seen": sorted(self._seen)}


class Pulling:
    """One source."""

    def __init__(self, source: Source, service: Service) -> None:
        self._source = source
        self._service = service

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """Interchanges of so many entities as the settings say, each a JSON list."""
        position = self._position(since)
        size = self._source.records_per_interchange
        yield from interchanges(stream, self._pages(position), size=size, progress=position)

    def waiting(self, since: Bookmark) -> bool:
        """Whether there is an entity that was not pulled yet."""
        position = self._position(since)
        return any(position.fresh(page) if position else page for page in self._pages(position))

    def look(self) -> int:
        """Ask for the first page; how many entities it has."""
        return len(next(self._pages(self._position(None))))

    def _position(self, since: Bookmark) -> Position | _Changes | None:
        match self._source.incremental:
            case ByField() as declared:
                return Position(since, declared.field, overlap=declared.overlap, ordered=False)
            case ByDelta():
                return _Changes(since)
            case _:
                return None

    def _pages(self, position: Position | _Changes | None) -> Iterator[list[Raw]]:
        changes = position if isinstance(position, _Changes) else None
        prefer = [f"odata.maxpagesize={self._source.page_size}"] if self._source.paging == "server" else []
        headers = {"Prefer": ", ".join([*prefer, *(["odata.track-changes"] if changes else [])])}
        params = self._params(position)
        seen: set[str] = set()
        turn = Turn(url=changes.link if changes else None)
        number = 0
        while True:
            check_progress(seen, turn)
            if turn.url is not None:
                answer = self._followed(turn.url, headers, changes, number)
            else:
                answer = self._service.get(self._source.set, {**params, **turn.params}, headers)
            number += 1
            records, further, delta = self._read(answer)
            if changes is not None and delta is not None:
                changes.next = delta
            yield records
            if further is not None:
                turn = Turn(url=further)
            elif (
                self._source.paging == "client"
                and len(records) >= self._source.page_size
                and turn.url is None
            ):
                turn = Turn(params={"$skip": str(number * self._source.page_size)})
            else:
                break
        if changes is not None and changes.next is None:
            raise ConnectorProtocolError(
                f"The service gives no delta link for {self._source.set}.",
                todo="Pull by a field (incremental: {by: field}), or ask for change tracking to be switched on there.",
            )

    def _followed(
        self, link: str, headers: dict[str, str], changes: _Changes | None, number: int
    ) -> httpx.Response:
        """A link of the service; a delta link that it no longer knows means that everything is read again."""
        try:
            return self._service.follow(link, headers)
        except HttpRefused as error:
            if changes is None or number > 0 or error.status not in (404, 410):
                raise
            log.warning(
                "the service no longer knows the delta link of %s, everything is read", self._source.set
            )
            return self._service.get(self._source.set, self._params(None), headers)

    def _params(self, position: Position | _Changes | None) -> dict[str, str]:
        source = self._source
        conditions = [f"({source.filter})"] if source.filter else []
        if (
            isinstance(position, Position)
            and position.since is not None
            and isinstance(source.incremental, ByField)
        ):
            field = source.incremental.field
            value = lowered(position.since, source.incremental.overlap)
            conditions.append(f"{field} ge {literal(value, self._type_of(field), self._service.version)}")
        params = {
            "$select": ",".join(source.select),
            "$expand": ",".join(source.expand),
            "$filter": " and ".join(conditions),
            "$orderby": source.orderby or "",
            "$top": str(source.page_size) if source.paging == "client" else "",
            "$format": "json" if self._service.version == "2" else "",
        }
        return {name: value for name, value in params.items() if value}

    def _type_of(self, field: str) -> str:
        entity = self._service.metadata.of_set(self._source.set)
        known = entity.properties.get(field) if entity is not None else None
        if known is None:
            raise ConnectorRefused(
                f"The service's {self._source.set} has no property {field!r}.",
                todo="Correct incremental.field.",
            )
        return known.type

    def _read(self, answer: httpx.Response) -> tuple[list[Raw], str | None, str | None]:
        """Entities, the address of the next page, the delta link. What was removed is left out: there is no document of it."""
        place = f"GET {self._source.set}"
        if self._service.version == "4":
            raws = records_at(answer.content, "value", place)
            body = plain(answer.content, place)
            gone = [at(one, "@removed") or at(one, "@odata\\.removed") for one in body.get("value") or []]
            kept = [raw for raw, removed in zip(raws, gone, strict=True) if not removed]
            further, delta = body.get("@odata.nextLink"), body.get("@odata.deltaLink")
        else:
            inner = at(plain(answer.content, place), "d")
            members = inner.get("results") if isinstance(inner, dict) else inner
            if not isinstance(members, list):
                raise ConnectorProtocolError(
                    f"The answer to {place} has no list of entities.", todo="Check version and set."
                )
            gone = [at(one, "__metadata.deleted") for one in members]
            kept = [dump(from_wire(one)) for one, removed in zip(members, gone, strict=True) if not removed]
            further, delta = (at(inner, name) for name in ("__next", "__delta"))
        if any(gone):
            log.info("%d entities of %s were removed there", sum(map(bool, gone)), self._source.set)
        return kept, further if isinstance(further, str) else None, delta if isinstance(delta, str) else None
