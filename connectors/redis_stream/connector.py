"""The Redis Streams connector. See README.md in this folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any, cast

import redis
from redis import exceptions as driver

from connectors.redis_stream import scripts
from connectors.redis_stream.client import as_hub_error, open_client, typed
from connectors.redis_stream.intake import interchange_of
from connectors.redis_stream.settings import RedisStreamSettings
from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Health,
    Interchange,
    LoadItem,
    Outcome,
    OutcomeState,
    Settlement,
)
from orderhub.errors import ConnectorError, HubError
from orderhub.transport.files.answers import check_name
from orderhub.transport.outgoing import outgoing

log = logging.getLogger(__name__)

Entry = tuple[bytes, dict[bytes, bytes]]


class RedisStreamConnector(Connector[RedisStreamSettings]):
    """Pulls through a consumer group: what was delivered stays pending until it is settled, and is given again first."""

    name = "redis_stream"
    capabilities = Capability.PULL | Capability.LOAD | Capability.FIND | Capability.REPLY
    settings_type = RedisStreamSettings
    _opened: redis.Redis | None = None

    def check(self) -> Health:
        """Whether the server answers and the key is a stream or free; makes nothing."""
        settings = self.settings
        try:
            with typed(self._place):
                client = self._client()
                kind = cast("bytes", client.type(settings.key)).decode()
                if kind == "none":
                    return Health(
                        ok=True, sentence=f"{self._place}: reached; the first message makes the stream."
                    )
                if kind != "stream":
                    return Health(ok=False, sentence=f"{self._place}: the key holds a {kind} and no stream.")
                groups = {group["name"].decode(): group for group in client.xinfo_groups(settings.key)}
                length = client.xlen(settings.key)
        except ConnectorError as error:
            return Health(ok=False, sentence=error.what)
        group = groups.get(settings.group)
        state = (
            f"{group['pending']} of them pending"
            if group
            else f"the first pull makes the group {settings.group}"
        )
        return Health(ok=True, sentence=f"{self._place}: reached, {length} entries, {state}.")

    # Pull

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """What is pending for the hub, then what other consumers of the group left for too long, then what is new."""
        settings = self.settings
        with typed(self._place):
            self._make_group()
            given: set[str] = set()
            for entries in self._batches():
                for entry, fields in entries:
                    name = entry.decode()
                    if name in given:
                        continue
                    given.add(name)
                    yield interchange_of(settings, name, fields)
                    if len(given) >= settings.max_messages:
                        return
            if settings.after == "trim":
                self._client().eval(scripts.TRIM, 1, settings.key)

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Whether something is new, pending for the hub, or left by another consumer."""
        settings = self.settings
        with typed(self._place):
            client = self._client()
            try:
                groups = client.xinfo_groups(settings.key)
            except driver.ResponseError as error:
                if "no such key" in str(error):
                    return False
                raise
            mine = next((group for group in groups if group["name"].decode() == settings.group), None)
            if mine is None:
                return bool(client.xlen(settings.key))
            newest = client.xrevrange(settings.key, count=1)
            if newest and _order(cast("bytes", newest[0][0])) > _order(mine["last-delivered-id"]):
                return True
            if not mine["pending"]:
                return False
            own = client.xpending_range(settings.key, settings.group, "-", "+", 1, settings.consumer)
            idle = int(settings.claim_after_seconds * 1000)
            return bool(own or client.xpending_range(settings.key, settings.group, "-", "+", 1, idle=idle))

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Acknowledge the entry; a refused one goes to the dead letters first, where the settings name them. Both in one step
        at the server, so that a second call does nothing."""
        settings = self.settings
        refused = settlement is Settlement.REFUSED and settings.dead_letter is not None
        keys = [settings.key, *([settings.dead_letter] if refused and settings.dead_letter else [])]
        reason = (interchange.problem or "refused by the hub") if refused else ""
        delete = "1" if settings.after == "delete" else "0"
        with typed(self._place):
            self._client().eval(
                scripts.SETTLE, len(keys), *keys, settings.group, interchange.handle["id"], reason, delete
            )

    def _batches(self) -> Iterator[list[Entry]]:
        settings, client = self.settings, self._client()
        after: bytes | str = "0"
        while entries := self._read(after):
            yield entries
            after = entries[-1][0]
        start: bytes | str = "0-0"
        while True:
            idle = int(settings.claim_after_seconds * 1000)
            found = client.xautoclaim(
                settings.key, settings.group, settings.consumer, idle, start, count=settings.batch
            )
            start = found[0]
            yield [entry for entry in found[1] if entry[0] is not None]
            # the server took these off the pending ones by itself: they were trimmed or deleted
            yield [(entry, {}) for entry in (found[2] if len(found) > 2 else [])]
            if start == b"0-0":
                break
        while entries := self._read(">"):
            yield entries

    def _read(self, after: bytes | str) -> list[Entry]:
        settings = self.settings
        answer = cast(
            "list[tuple[bytes, list[Entry]]]",
            self._client().xreadgroup(
                settings.group, settings.consumer, {settings.key: after}, count=settings.batch
            ),
        )
        return answer[0][1] if answer else []

    def _make_group(self) -> None:
        try:
            self._client().xgroup_create(self.settings.key, self.settings.group, id="0", mkstream=True)
        except driver.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    # Publish

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Add each document once per key: entry and mark of the key are one step at the server. When the connection is lost
        before the answers are there, what was sent is ``unclear`` and ``find`` knows.

        :raises ConnectorUnavailable: the server cannot be reached; nothing was sent.
        """
        if not items:
            return []
        outcomes: list[Outcome | None] = []
        with typed(self._place):
            client = self._client()
            client.ping()
            pipe = client.pipeline(transaction=False)
            for item in items:
                try:
                    out = outgoing(self.ports, self.settings.mapping, item)
                except ConnectorError:
                    raise
                except HubError as error:
                    outcomes.append(
                        Outcome(
                            key=item.key,
                            state=OutcomeState.REJECTED,
                            code=error.code,
                            reason=f"{error.what} {error.todo}",
                        )
                    )
                    continue
                outcomes.append(None)
                more = {
                    **out.headers,
                    self.settings.media_type_field: out.media_type,
                    self.settings.name_field: out.name,
                }
                pipe.eval(scripts.PUBLISH, 2, *self._publishing(item.key, out.data, more))
        try:
            answers: list[Any] = pipe.execute(raise_on_error=False)
        except driver.RedisError as error:
            reason = f"The connection was lost before the server answered: {error}."
            answers = [reason] * outcomes.count(None)
        told = iter(answers)
        done = [
            outcome or self._outcome(item.key, next(told))
            for item, outcome in zip(items, outcomes, strict=True)
        ]
        return self._unless_nothing_happened(done, answers)

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What was published under these keys, as long as ``remember_days`` says."""
        if not keys:
            return {}
        with typed(self._place):
            marks = cast("list[bytes | None]", self._client().mget([self._mark("key", key) for key in keys]))
        return {
            key: Outcome(key=key, state=OutcomeState.UNCHANGED, reference=mark.decode())
            for key, mark in zip(keys, marks, strict=True)
            if mark is not None
        }

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Add an answer once per key, and only one under each name."""
        check_name(name)
        more = {"idempotency-key": key, "type": "answer", self.settings.name_field: name}
        with typed(self._place):
            client = self._client()
            client.ping()
            try:
                answer: Any = client.eval(
                    scripts.PUBLISH,
                    3,
                    *self._publishing(key, data, more, mark_of_name=self._mark("name", name)),
                )
            except (driver.ConnectionError, driver.TimeoutError) as error:
                answer = f"The connection was lost before the server answered: {error}."
        return self._outcome(key, answer)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _publishing(
        self, key: str, data: bytes, more: dict[str, str], *, mark_of_name: str | None = None
    ) -> list[str | bytes]:
        """Keys and arguments of the script."""
        fields: list[str | bytes] = [self.settings.field or "data", data]
        for name, value in more.items():
            if name != fields[0]:
                fields += [name, value]
        keys = [self.settings.key, self._mark("key", key), *([mark_of_name] if mark_of_name else [])]
        return [*keys, str(int(self.settings.remember_days * 86_400)), *fields]

    def _outcome(self, key: str, answer: Any) -> Outcome:
        if isinstance(answer, driver.RedisError):
            return Outcome(key=key, state=OutcomeState.UNCLEAR, reason=f"The server answered: {answer}.")
        if isinstance(answer, str):
            return Outcome(key=key, state=OutcomeState.UNCLEAR, reason=answer)
        code, entry = int(answer[0]), bytes(answer[1]).decode()
        if code < 0:
            return Outcome(
                key=key,
                state=OutcomeState.REJECTED,
                code="REPLY_NAME_TAKEN",
                reason=f"Another answer of this name was published as {entry}.",
            )
        state = OutcomeState.WRITTEN if code else OutcomeState.UNCHANGED
        return Outcome(key=key, state=state, reference=entry)

    def _unless_nothing_happened(self, outcomes: list[Outcome], answers: Sequence[Any]) -> list[Outcome]:
        """The outcomes; where the server refused every one, its error instead: nothing of the call had an effect."""
        errors = [answer for answer in answers if isinstance(answer, driver.RedisError)]
        if errors and len(errors) == len(answers):
            raise as_hub_error(errors[0], self._place) from errors[0]
        return outcomes

    def _mark(self, kind: str, value: str) -> str:
        """Where is kept what was published; the braces keep it on the stream's own node of a cluster."""
        return f"{{{self.settings.key}}}:orderhub:{kind}:{hashlib.sha256(value.encode()).hexdigest()}"

    @property
    def _place(self) -> str:
        return f"stream {self.settings.key} of {self.settings.connection}"

    def _client(self) -> redis.Redis:
        if self._opened is None:
            self._opened = open_client(
                self.ports.credentials(self.settings.connection), self.settings.timeout_seconds
            )
        return self._opened


def _order(entry: bytes) -> tuple[int, int]:
    milliseconds, _, number = entry.decode().partition("-")
    return int(milliseconds), int(number or 0)
