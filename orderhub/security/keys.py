"""Keys of the archive: a ring with one current key, older ones kept for reading.

A key is 32 random bytes. Rotation: put a new key in front of the old one; new originals are sealed with the first key,
every key of the ring can be read.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Mapping

from orderhub.errors import ConfigError

_KEY_BYTES = 32
_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")


def _derived_id(key: bytes) -> str:
    """The id of a key that was given without one: it says which key it is and nothing about it."""
    return hashlib.sha256(b"orderhub archive key id" + key).hexdigest()[:12]


def _problem(what: str) -> ConfigError:
    return ConfigError(
        what,
        todo="Give the archive key as base64 of 32 bytes, or as id:base64; several are parted by commas.",
    )


def _decode(text: str) -> bytes:
    try:
        key = base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
    except (binascii.Error, ValueError) as problem:
        raise _problem("An archive key is not base64.") from problem
    if len(key) != _KEY_BYTES:
        raise _problem(f"An archive key has {len(key)} bytes, not {_KEY_BYTES}.")
    return key


class KeyRing:
    """Key ids to 32-byte keys, one of them current. ``repr`` shows ids, never a key."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise _problem(f"The current archive key {current!r} is not among the keys.")
        for key_id, key in keys.items():
            if not _ID.fullmatch(key_id):
                raise _problem(f"The archive key id {key_id!r} has characters that an id cannot have.")
            if len(key) != _KEY_BYTES:
                raise _problem(f"The archive key {key_id} has {len(key)} bytes, not {_KEY_BYTES}.")
        self._keys = dict(keys)
        self.current = current

    def __repr__(self) -> str:
        return f"KeyRing(ids={sorted(self._keys)}, current={self.current!r})"

    def get(self, key_id: str) -> bytes | None:
        """The key of that id."""
        return self._keys.get(key_id)

    @property
    def current_key(self) -> bytes:
        """The key that new originals are sealed with."""
        return self._keys[self.current]

    @classmethod
    def from_text(cls, text: str) -> KeyRing:
        """From settings: ``id:base64`` pairs parted by commas or white space, the first one current; a bare base64 key
        (standard or URL-safe alphabet) has an id derived from its hash. Raises ``ConfigError``."""
        keys: dict[str, bytes] = {}
        first = ""
        for part in re.split(r"[\s,]+", text.strip()):
            if not part:
                continue
            key_id, found, encoded = part.rpartition(":")
            key = _decode(encoded)
            if not found:
                key_id = _derived_id(key)
            keys[key_id] = key
            first = first or key_id
        if not keys:
            raise _problem("There is no archive key.")
        return cls(keys, first)

    @staticmethod
    def generate() -> str:
        """A fresh key in the text form, with its id."""
        key = secrets.token_bytes(_KEY_BYTES)
        return f"{_derived_id(key)}:{base64.urlsafe_b64encode(key).decode()}"
