"""Keys of the HTTP intake: one belongs to one flow, is shown once, and kept only as a hash.

A key reads ``ohk_<public id>_<secret>``. The public id finds the row; the secret has 256 random bits, so that a plain SHA-256 of
it is enough.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, text

from orderhub.errors import LedgerError
from orderhub.ledger import audit
from orderhub.ledger.codec import clean

PREFIX = "ohk_"
_KEY = re.compile(r"ohk_([a-z0-9]{12})_([A-Za-z0-9_-]{43})\Z")
#: What an unknown key is compared with, so that it takes as long as a known one.
_NOBODY = "0" * 64
_COLUMNS = "id, flow, name, public_id, test, created_by, created_at, expires_at, revoked_by, revoked_at, last_used_at"


class IntakeKeyUnknown(LedgerError):
    """There is no such key."""

    code: ClassVar[str] = "LEDGER_INTAKE_KEY_UNKNOWN"


class KeyState(StrEnum):
    """Whether a key is good: it is, it ended by itself, or somebody ended it."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class IntakeKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. ``test``: whatever is posted with it is test. ``expires_at``: when it ends by itself, None
    for never."""

    id: int
    flow: str
    name: str
    public_id: str
    test: bool
    created_by: str
    created_at: dt.datetime
    expires_at: dt.datetime | None = None
    revoked_by: str | None = None
    revoked_at: dt.datetime | None = None
    last_used_at: dt.datetime | None = None

    def state(self, now: dt.datetime) -> KeyState:
        """What it is good for at a time; UTC-aware."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        ended = self.expires_at is not None and self.expires_at <= now
        return KeyState.EXPIRED if ended else KeyState.VALID


# one look at the clock: an end after so many days is exactly that much later than the beginning
_INSERT = text(
    f"""
    INSERT INTO ledger.intake_key (flow, name, public_id, secret_sha256, test, created_by, created_at, expires_at)
    SELECT :flow, :name, :public_id, :secret, CAST(:test AS boolean), :actor, made.at,
        made.at + make_interval(days => CAST(:days AS integer))
    FROM (SELECT clock_timestamp() AS at) AS made RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant
)
_FIND = text(
    f"""
    SELECT {_COLUMNS}, secret_sha256 FROM ledger.intake_key WHERE public_id = :public_id AND revoked_at IS NULL
        AND (expires_at IS NULL OR expires_at > clock_timestamp())
    """  # noqa: S608 - a constant
)
# once a minute is often enough to see which keys are in use
_USED = text(
    """
    UPDATE ledger.intake_key SET last_used_at = clock_timestamp()
    WHERE id = :id AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
    """
)
_LIST = text(
    f"SELECT {_COLUMNS} FROM ledger.intake_key WHERE CAST(:flow AS text) IS NULL OR flow = :flow ORDER BY id"  # noqa: S608 - a constant
)
_REVOKE = text(
    """
    UPDATE ledger.intake_key SET revoked_at = clock_timestamp(), revoked_by = :actor
    WHERE public_id = :public_id AND revoked_at IS NULL RETURNING id, flow
    """
)


def create(
    connection: Connection, flow: str, *, name: str, actor: str, test: bool = False, days: int | None = None
) -> tuple[IntakeKey, str]:
    """A new key, and the text that its owner sends. The text is nowhere kept.

    :param days: after so many it ends by itself; None: never.
    """
    public_id = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(12))
    secret = secrets.token_urlsafe(32)
    values = {
        "flow": flow,
        "name": clean(name),
        "public_id": public_id,
        "secret": _hash(secret),
        "test": test,
        "actor": actor,
        "days": days,
    }
    made = IntakeKey(**connection.execute(_INSERT, values).one()._mapping)
    audit.append(
        connection,
        actor=actor,
        action="intake_key.create",
        subject=f"flow:{flow}",
        detail={"key": public_id, "name": made.name, "test": test, "days": days},
    )
    return made, f"{PREFIX}{public_id}_{secret}"


def verify(connection: Connection, given: str) -> IntakeKey | None:
    """The key that was given, unless it is unknown, revoked or at its end. Takes the same time for every wrong secret."""
    parts = _KEY.match(given)
    if parts is None:
        return None
    row = connection.execute(_FIND, {"public_id": parts[1]}).one_or_none()
    expected = row.secret_sha256 if row is not None else _NOBODY
    if not hmac.compare_digest(_hash(parts[2]), expected) or row is None:
        return None
    connection.execute(_USED, {"id": row.id})
    return IntakeKey(**{name: value for name, value in row._mapping.items() if name != "secret_sha256"})


def listed(connection: Connection, flow: str | None = None) -> list[IntakeKey]:
    """All keys, or those of a flow, oldest first."""
    return [IntakeKey(**row._mapping) for row in connection.execute(_LIST, {"flow": flow})]


def revoke(connection: Connection, public_id: str, *, actor: str, reason: str) -> None:
    """End a key at once.

    :raises IntakeKeyUnknown: there is none of this name, or it was revoked before.
    """
    row = connection.execute(_REVOKE, {"public_id": clean(public_id), "actor": actor}).one_or_none()
    if row is None:
        raise IntakeKeyUnknown(
            f"There is no valid key {public_id[:40]!r}.", todo="`orderhub intake key list` shows the keys."
        )
    audit.append(
        connection,
        actor=actor,
        action="intake_key.revoke",
        subject=f"flow:{row.flow}",
        detail={"key": public_id, "reason": clean(reason)},
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
