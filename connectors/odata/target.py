"""Entities created with all that belongs to them, each once in effect.

What is there under the hub's keys is looked up first, many at a time; the rest is created by one request each, or by $batch with
a change set each. What was sent and not answered is looked up again; when it is not there yet, it is unclear, and the hub asks
again later instead of sending it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.odata import batch
from connectors.odata.service import Service, error_text, refusal_text
from connectors.odata.settings import Target
from connectors.odata.values import Form, from_wire, literal
from orderhub.connector import LoadItem, Outcome, OutcomeState, Ports
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    OutcomeUnclear,
    PayloadRefused,
)
from orderhub.transport.http import HttpRefused
from orderhub.transport.payload import mark_of, payload, with_key
from orderhub.transport.records import at, dump, plain, put

log = logging.getLogger(__name__)

#: Keys per look-up; an address has a length.
_KEYS = 10


class Loading:
    """One target."""

    def __init__(self, target: Target, service: Service, ports: Ports) -> None:
        self._target = target
        self._service = service
        self._ports = ports

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """:raises ConnectorError: nothing of the call had an effect."""
        once = list({item.key: item for item in items}.values())
        done = self.find([item.key for item in once])
        entities: list[tuple[str, Any]] = []
        for item in once:
            if item.key not in done:
                made = self._entity(item)
                if isinstance(made, Outcome):
                    done[item.key] = made
                else:
                    entities.append((item.key, made))
        size = self._target.batch_size
        sent = False
        for start in range(0, len(entities), size):
            some = entities[start : start + size]
            try:
                done |= self._batch(some) if size > 1 else self._single(*some[0])
            except ConnectorError as error:
                if not sent:
                    raise
                log.warning("a load broke off after %d of %d entities: %s", start, len(entities), error)
                done |= {key: _unclear(key, error, "not sent: ") for key, _ in entities[start:]}
                break
            sent = True
        return [done[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What is there under these keys."""
        marks = {mark_of(key, self._target.key.length): key for key in keys}
        found: dict[str, Outcome] = {}
        names = list(marks)
        for start in range(0, len(names), _KEYS):
            for mark, reference in self._look_up(names[start : start + _KEYS]):
                key = marks.get(mark)
                if key is not None:
                    found.setdefault(key, Outcome(key=key, state=OutcomeState.UNCHANGED, reference=reference))
        return found

    def _look_up(self, marks: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        find = self._target.find
        condition = " or ".join(f"{find.field} eq {literal(mark, 'Edm.String', '4')}" for mark in marks)
        params = {"$filter": condition, "$select": ",".join(dict.fromkeys((find.field, find.reference)))}
        if self._service.version == "2":
            params["$format"] = "json"
        place = f"GET {find.set}"
        link: str | None = None
        while True:
            answer = self._service.follow(link) if link else self._service.get(find.set, params)
            body = plain(answer.content, place)
            inner = body if self._service.version == "4" else at(body, "d")
            rows = at(inner, "value" if self._service.version == "4" else "results")
            if not isinstance(rows, list):
                raise ConnectorProtocolError(
                    f"The answer to {place} has no list of entities.", todo="Check version and find.set."
                )
            for row in rows:
                reference = at(row, find.reference)
                yield str(at(row, find.field)), str(reference) if reference is not None else None
            further = at(inner, "@odata\\.nextLink" if self._service.version == "4" else "__next")
            if not isinstance(further, str) or further == link:
                return
            link = further

    def _entity(self, item: LoadItem) -> Any:
        """The entity as the service wants it, or the outcome that says why there is none."""
        target, service = self._target, self._service
        mark = mark_of(item.key, target.key.length)
        try:
            written = payload(self._ports, target.mapping, item.document, with_key(target.given, mark))
        except PayloadRefused as error:
            return Outcome(
                key=item.key,
                state=OutcomeState.REJECTED,
                code=error.code,
                reason=error.reason,
                field=error.field,
            )
        tree = plain(dump(written.tree), "the mapping")
        if target.key.path is not None and not put(tree, target.key.path, mark):
            raise ConnectorRefused(
                f"What the mapping {target.mapping} makes has no place {target.key.path} for the hub's key.",
                todo="Correct key.path, or let the mapping make what it leads to.",
            )
        form = Form(service.metadata, service.version, leave_out_unknown=target.leave_out_unknown)
        return form.wired(tree, service.metadata.of_set(target.set))

    def _single(self, key: str, entity: Any) -> dict[str, Outcome]:
        try:
            answer = self._service.post(self._target.set, dump(entity), "application/json")
        except OutcomeUnclear as error:
            return self._after([key], error)
        except HttpRefused as error:
            if error.status not in self._target.rejected:
                raise
            return {key: _rejected(key, refusal_text(error))}
        return {key: self._created(key, answer.content)}

    def _batch(self, some: Sequence[tuple[str, Any]]) -> dict[str, Outcome]:
        keys = [key for key, _ in some]
        body, media_type = batch.request(
            [entity for _, entity in some], self._target.set, self._service.version
        )
        try:
            answer = self._service.post("$batch", body, media_type)
            parts = batch.answers(answer, len(some), self._service.version)
        except OutcomeUnclear as error:
            return self._after(keys, error)
        except ConnectorProtocolError as error:
            return self._after(keys, OutcomeUnclear(error.what, todo=error.todo))
        done: dict[str, Outcome] = {}
        open_: list[str] = []
        why = "The answer to the $batch says nothing clear of it"
        for key, part in zip(keys, parts, strict=True):
            if part is not None and part.status < 300:
                done[key] = self._created(key, part.content)
            elif part is not None and part.status in self._target.rejected:
                done[key] = _rejected(key, f"{part.status}: {error_text(part.content, 'no reason given')}")
            else:
                open_.append(key)
                if part is not None:
                    why = f"Within the $batch it was answered with {part.status}: {error_text(part.content, '')}"
        if open_:
            done |= self._after(open_, OutcomeUnclear(f"{why}.", todo="The hub looks it up."))
        return done

    def _created(self, key: str, content: bytes) -> Outcome:
        reference = None
        try:
            body = plain(content, self._target.set) if content.strip() else None
            reference = at(
                body if self._service.version == "4" else from_wire(at(body, "d")), self._target.reference
            )
        except ConnectorProtocolError as error:
            log.warning("the answer to a creation has no reference: %s", error)
        return Outcome(
            key=key, state=OutcomeState.WRITTEN, reference=str(reference) if reference is not None else None
        )

    def _after(self, keys: Sequence[str], error: OutcomeUnclear) -> dict[str, Outcome]:
        """Lost answers: what is there now counts; what is not there may still be on its way."""
        found: Mapping[str, Outcome] = {}
        try:
            found = self.find(keys)
        except ConnectorError as later:
            log.info("looking up after a lost answer failed: %s", later)
        return {
            key: Outcome(key=key, state=OutcomeState.WRITTEN, reference=found[key].reference)
            if key in found
            else _unclear(key, error)
            for key in keys
        }


def _rejected(key: str, reason: str) -> Outcome:
    return Outcome(key=key, state=OutcomeState.REJECTED, code="ODATA_REJECTED", reason=reason)


def _unclear(key: str, error: ConnectorError, before: str = "") -> Outcome:
    return Outcome(key=key, state=OutcomeState.UNCLEAR, code=error.code, reason=f"{before}{error.what}")
