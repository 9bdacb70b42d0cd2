"""Documents written one by one, each once in effect.

Every document is looked up before it is sent, where the settings say how. What was sent and not answered is looked up once
more; when it is not there yet, it is unclear, and the hub asks again later instead of sending it again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

from connectors.rest.asking import Requests, SaidNo
from connectors.rest.settings import Find, Target
from orderhub.connector import LoadItem, Outcome, OutcomeState, Ports
from orderhub.documents import Document
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    OutcomeUnclear,
    PayloadRefused,
)
from orderhub.transport.http import HttpRefused
from orderhub.transport.payload import payload, with_key
from orderhub.transport.records import at, dump, plain, put, records_at

log = logging.getLogger(__name__)


class Loading:
    """One target."""

    def __init__(self, target: Target, requests: Requests, ports: Ports) -> None:
        self._target = target
        self._requests = requests
        self._ports = ports

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """:raises ConnectorError: nothing of the call had an effect."""
        done: dict[str, Outcome] = {}
        for item in items:
            if item.key in done:
                continue
            try:
                done[item.key] = self._one(item)
            except ConnectorError as error:
                if not any(outcome.state in _EFFECTS for outcome in done.values()):
                    raise
                log.warning("a load broke off after %d documents: %s", len(done), error)
                for rest in items:
                    done.setdefault(rest.key, _unclear(rest.key, error, "not sent: "))
        return [done[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What is there under these keys."""
        found = {key: self._found(key) for key in dict.fromkeys(keys)}
        return {key: outcome for key, outcome in found.items() if outcome is not None}

    def look(self) -> None:
        """Look for something that is not there."""
        if self._target.find is not None:
            self._found("orderhub-check")

    def _one(self, item: LoadItem) -> Outcome:
        found = self._found(item.key)
        if found is not None:
            return found
        try:
            body, media_type = self._body(item.document, item.key)
        except PayloadRefused as error:
            return Outcome(
                key=item.key,
                state=OutcomeState.REJECTED,
                code=error.code,
                reason=error.reason,
                field=error.field,
            )
        values = {"key": item.key, "header_key": _header(item.key)}
        try:
            answer = self._requests.write(self._target, values, body, media_type)
        except OutcomeUnclear as error:
            return self._after(item.key, error)
        except HttpRefused as error:
            if error.status not in self._target.rejected:
                raise
            return self._refused(item.key, f"{error.status}: {error.said}")
        except SaidNo as error:
            return self._refused(item.key, error.said)
        except ConnectorProtocolError as error:
            # the answer to a write that was executed, perhaps, cannot be read
            return self._after(item.key, OutcomeUnclear(error.what, todo=error.todo))
        return Outcome(key=item.key, state=OutcomeState.WRITTEN, reference=self._reference(answer.content))

    def _after(self, key: str, error: OutcomeUnclear) -> Outcome:
        """A lost answer: what is there now counts; what is not there may still be on its way."""
        try:
            found = self._found(key)
        except ConnectorError as later:
            log.info("looking up %s after a lost answer failed: %s", key, later)
            found = None
        if found is not None:
            return Outcome(key=key, state=OutcomeState.WRITTEN, reference=found.reference)
        return _unclear(key, error)

    def _refused(self, key: str, reason: str) -> Outcome:
        """A refusal because it is there already (409) is none."""
        found = self._found(key)
        return found or Outcome(key=key, state=OutcomeState.REJECTED, code="REST_REJECTED", reason=reason)

    def _found(self, key: str) -> Outcome | None:
        find = self._target.find
        if find is None:
            return None
        answer = self._requests.ask(find, {"key": key}, accept=find.absent)
        if answer.status_code in find.absent:
            return None
        place = f"{find.method} {find.path}"
        records = [plain(record, place) for record in records_at(answer.content, find.records, place)]
        # a server may compare loosely (capitals, patterns); the key counts as a whole
        same = [record for record in records if at(record, find.key) == key]
        if not same:
            return None
        several = f"{len(same)} of them are there." if len(same) > 1 else None
        return Outcome(
            key=key,
            state=OutcomeState.UNCHANGED,
            reference=_name(same[0], find, self._target),
            reason=several,
        )

    def _body(self, document: Document, key: str) -> tuple[bytes, str]:
        target = self._target
        written = payload(self._ports, target.mapping, document, with_key(target.given, key))
        if target.key is None and target.body is None:
            return written.data, written.media_type
        tree = written.tree
        if target.key is not None:
            tree = plain(dump(tree), "the mapping")  # a copy: the mapping's own tree stays
            if not put(tree, target.key, key):
                raise ConnectorRefused(
                    f"What the mapping {target.mapping} makes has no place for the key {target.key}.",
                    todo="Let the mapping make an object there, or leave out `key`.",
                )
        if target.body is None:
            return dump(tree), "application/json"
        return self._requests.wrapped(target.body, {"document": tree, "key": key}), "application/json"

    def _reference(self, content: bytes) -> str | None:
        if self._target.reference is None or not content.strip():
            return None
        try:
            value = at(plain(content, self._target.path), self._target.reference)
        except ConnectorProtocolError as error:
            log.warning("the answer to a write has no reference: %s", error)
            return None
        return str(value) if value is not None else None


_EFFECTS = (OutcomeState.WRITTEN, OutcomeState.UNCLEAR)


def _unclear(key: str, error: ConnectorError, before: str = "") -> Outcome:
    return Outcome(key=key, state=OutcomeState.UNCLEAR, code=error.code, reason=f"{before}{error.what}")


def _name(record: Any, find: Find, target: Target) -> str | None:
    value = at(record, find.reference or target.reference or "")
    return str(value) if isinstance(value, str | int) else None


def _header(key: str) -> str:
    """The key as a header takes it; a key with other letters, or a long one, by its digest."""
    if key.isascii() and key.isprintable() and len(key) <= 200:
        return key
    return hashlib.sha256(key.encode()).hexdigest()
