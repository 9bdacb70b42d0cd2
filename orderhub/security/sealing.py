"""Sealing of a byte stream: AES-256-GCM in chunks, so that neither side holds the whole.

Layout: ``OHA1``, one byte length of the key id, the key id, 16 bytes salt, then chunks of 256 KiB plain text (the last one
shorter, possibly empty), each with its 16-byte tag. The file's own key is HKDF-SHA256 of the ring's key and the salt; a
chunk's nonce is its number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár
2015), so chunks cannot be dropped, swapped or cut off unseen.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orderhub.security.keys import KeyRing

_MAGIC = b"OHA1"
_SALT = 16
_TAG = 16
CHUNK = 256 * 1024


class BrokenSeal(Exception):
    """The bytes are not what was sealed."""


class UnknownKey(Exception):
    """The ring has no key of the id that the file names; the id is the argument."""


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"orderhub archive").derive(key))


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _chunks(data: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Parts of exactly ``CHUNK`` bytes, and which is the last; there is always a last one."""
    buffer = bytearray()
    for part in data:
        buffer += part
        while len(buffer) > CHUNK:
            yield bytes(buffer[:CHUNK]), False
            del buffer[:CHUNK]
    yield bytes(buffer), True


def seal(data: Iterable[bytes], keys: KeyRing) -> Iterator[bytes]:
    """The sealed form of a byte stream, piece by piece."""
    key_id, salt = keys.current.encode(), secrets.token_bytes(_SALT)
    header = _MAGIC + bytes([len(key_id)]) + key_id + salt
    cipher = _cipher(keys.current_key, salt)
    yield header
    for number, (part, last) in enumerate(_chunks(data)):
        yield cipher.encrypt(_nonce(number, last), part, header)


def unseal(source: IO[bytes], keys: KeyRing) -> Iterator[bytes]:
    """The plain bytes, piece by piece, each verified before it is given out. Raises ``BrokenSeal``, ``UnknownKey``."""
    start = source.read(len(_MAGIC) + 1)
    if len(start) != len(_MAGIC) + 1 or start[:-1] != _MAGIC:
        raise BrokenSeal("it does not begin as a sealed file does")
    rest = source.read(start[-1] + _SALT)
    if len(rest) != start[-1] + _SALT:
        raise BrokenSeal("its header is cut off")
    key_id = rest[: start[-1]].decode("ascii", "replace")
    key = keys.get(key_id)
    if key is None:
        raise UnknownKey(key_id)
    cipher, header = _cipher(key, rest[start[-1] :]), start + rest
    number, part = 0, source.read(CHUNK + _TAG)
    while True:
        following = source.read(CHUNK + _TAG) if len(part) == CHUNK + _TAG else b""
        last = not following
        try:
            yield cipher.decrypt(_nonce(number, last), part, header)
        except InvalidTag as problem:
            raise BrokenSeal(f"chunk {number} fails its check") from problem
        if last:
            return
        number, part = number + 1, following
