"""What was posted to the hub's API: recorded as an interchange at once, once per idempotency key."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, Engine, text

from orderhub.connector import Interchange
from orderhub.errors import LedgerError
from orderhub.ledger import arrivals
from orderhub.ledger.archive import Archive, Stored
from orderhub.ledger.engine import transaction
from orderhub.ledger.intake_keys import IntakeKey
from orderhub.ledger.records import Arrival
from orderhub.ledger.states import Environment

#: The connector that posts belong to; an index of the ledger names it too.
CONNECTOR = "http_intake"


class IdempotencyConflict(LedgerError):
    """An idempotency key came again with something else."""

    code: ClassVar[str] = "LEDGER_IDEMPOTENCY_CONFLICT"


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody posts, its bytes in the archive. ``endpoint`` is the name in the address."""

    flow: str
    stream: str
    endpoint: str
    agreement: str
    company: str
    environment: Environment
    name: str
    media_type: str
    stored: Stored
    idempotency_key: str | None = None


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """The stored answer. ``again``: it was posted before under the same idempotency key."""

    interchange: int
    sha256: str
    size: int
    test: bool
    received_at: dt.datetime
    again: bool = False


class PostedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a post. ``state`` is the ledger's."""

    type: str
    number: str
    state: str
    findings: int


class PostState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a post so far; ``documents`` are the newest of each message, at most a thousand."""

    interchange: int
    state: str
    problem: str | None
    sha256: str | None
    size: int
    test: bool
    received_at: dt.datetime
    findings: int
    documents: list[PostedDocument]


# One after the other per flow and idempotency key: two that come at the same time are one.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 7))")
_BEFORE = text(
    """
    SELECT i.id, i.sha256, i.size, i.environment, i.received_at FROM ledger.intake_post AS p
    JOIN ledger.interchange AS i ON i.id = p.interchange_id
    WHERE p.flow = :flow AND p.idempotency_key = :idempotency_key
    """
)
_INSERT = text(
    """
    INSERT INTO ledger.intake_post (interchange_id, flow, key_id, idempotency_key)
    VALUES (:interchange, :flow, :key, CAST(:idempotency_key AS text))
    """
)
_RECEIVED_AT = text("SELECT received_at FROM ledger.interchange WHERE id = :id")
_STATE = text(
    """
    SELECT i.id, i.state, i.problem, i.sha256, i.size, i.environment, i.received_at, i.finding_count
    FROM ledger.intake_post AS p JOIN ledger.interchange AS i ON i.id = p.interchange_id
    WHERE p.interchange_id = :id AND p.key_id = :key
    """
)
_DOCUMENTS = text(
    """
    SELECT DISTINCT ON (ordinal) type, number, state, finding_count AS findings FROM ledger.document
    WHERE interchange_id = :id ORDER BY ordinal, generation DESC LIMIT 1000
    """
)
_WAITING = text(
    """
    SELECT id, name, arrival, archive_key, media_type FROM ledger.interchange
    WHERE connector = 'http_intake' AND connection = :endpoint AND settled_at IS NULL AND id > :after
    ORDER BY id LIMIT :limit
    """
)
_SETTLE = text(
    """
    UPDATE ledger.interchange SET settled_at = clock_timestamp()
    WHERE connector = 'http_intake' AND connection = :endpoint AND arrival = :arrival AND settled_at IS NULL
    """
)


def record(connection: Connection, key: IntakeKey, post: Post) -> Posted:
    """Record a post, once per flow and idempotency key.

    :raises IdempotencyConflict: the same idempotency key was used for other bytes, or for test and production.
    """
    if post.idempotency_key is not None:
        connection.execute(_LOCK, {"what": f"{post.flow}/{post.idempotency_key}"})
        values = {"flow": post.flow, "idempotency_key": post.idempotency_key}
        before = connection.execute(_BEFORE, values).one_or_none()
        if before is not None:
            if (before.sha256, before.environment) != (post.stored.sha256, post.environment.value):
                raise IdempotencyConflict(
                    f"The idempotency key {post.idempotency_key!r} was used before for something else "
                    f"(interchange {before.id}).",
                    todo="Use a new key for every new request, and the same one only to repeat a request as it was.",
                )
            return Posted(
                interchange=before.id,
                sha256=before.sha256,
                size=before.size,
                test=before.environment == "test",
                received_at=before.received_at,
                again=True,
            )
    arrival = Arrival(
        company=post.company,
        environment=post.environment,
        agreement=post.agreement,
        flow=post.flow,
        connector=CONNECTOR,
        connection=post.endpoint,
        stream=post.stream,
        name=post.name,
        arrival=f"post/{uuid.uuid4()}",
        sha256=post.stored.sha256,
        size=post.stored.size,
        archive_key=post.stored.key,
        media_type=post.media_type,
        attributes={
            "key": key.public_id,
            **({"idempotency_key": post.idempotency_key} if post.idempotency_key else {}),
        },
    )
    recorded = arrivals.record_arrival(connection, arrival)
    connection.execute(
        _INSERT,
        {
            "interchange": recorded.id,
            "flow": post.flow,
            "key": key.id,
            "idempotency_key": post.idempotency_key,
        },
    )
    return Posted(
        interchange=recorded.id,
        sha256=post.stored.sha256,
        size=post.stored.size,
        test=post.environment is Environment.TEST,
        received_at=connection.execute(_RECEIVED_AT, {"id": recorded.id}).scalar_one(),
    )


def state(connection: Connection, key: IntakeKey, interchange: int) -> PostState | None:
    """What became of a post; None when it was not posted with this key."""
    row = connection.execute(_STATE, {"id": interchange, "key": key.id}).one_or_none()
    if row is None:
        return None
    return PostState(
        interchange=row.id,
        state=row.state,
        problem=row.problem,
        sha256=row.sha256,
        size=row.size,
        test=row.environment == "test",
        received_at=row.received_at,
        findings=row.finding_count,
        documents=[
            PostedDocument(**one._mapping) for one in connection.execute(_DOCUMENTS, {"id": interchange})
        ],
    )


class Posts:
    """What the connector ``http_intake`` pulls: posts that are recorded and not settled yet."""

    def __init__(self, engine: Engine, archive: Archive) -> None:
        self._engine = engine
        self._archive = archive

    def reached(self) -> int:
        """A number that proves that the ledger answers.

        :raises LedgerUnavailable: it does not.
        """
        with transaction(self._engine) as connection:
            return int(connection.execute(text("SELECT 1")).scalar_one())

    def waiting(self, endpoint: str) -> bool:
        """Whether there are any."""
        values = {"endpoint": endpoint, "after": 0, "limit": 1}
        with transaction(self._engine) as connection:
            return connection.execute(_WAITING, values).first() is not None

    def unsettled(self, endpoint: str) -> Iterator[Interchange]:
        """All of them, oldest first, with their bytes."""
        after = 0
        while True:
            values = {"endpoint": endpoint, "after": after, "limit": 100}
            with transaction(self._engine) as connection:
                rows = connection.execute(_WAITING, values).all()
            if not rows:
                return
            for row in rows:
                after = row.id
                yield Interchange(
                    name=row.name,
                    arrival=row.arrival,
                    data=self._archive.read(row.archive_key),
                    media_type=row.media_type,
                )

    def settle(self, endpoint: str, arrival: str) -> None:
        """The flow has it. Repeatable."""
        with transaction(self._engine) as connection:
            connection.execute(_SETTLE, {"endpoint": endpoint, "arrival": arrival})
