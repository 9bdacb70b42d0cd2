"""The body of a post, from the network into the archive: in pieces, never all in memory, never more than was agreed."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import anyio.from_thread
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request

from orderhub.errors import HubError
from orderhub.ledger.archive import Archive, Stored

#: Bytes that are unpacked at once.
_PIECE = 256 * 1024
#: Bodies that are received at once; more wait, so that slow senders do not take the pages' threads.
MOST_AT_ONCE = 8


class BodyRefused(HubError):
    """The body of a post cannot be taken. ``status`` is the HTTP status that says so."""

    code: ClassVar[str] = "INTAKE_BODY"
    status: ClassVar[int] = 400


class BodyTooLarge(BodyRefused):
    """More bytes than the flow takes, as they were sent or when unpacked."""

    code: ClassVar[str] = "INTAKE_TOO_LARGE"
    status: ClassVar[int] = 413


class BodyTooSlow(BodyRefused):
    """It took longer than the flow waits."""

    code: ClassVar[str] = "INTAKE_TOO_SLOW"
    status: ClassVar[int] = 408


class BodyEmpty(BodyRefused):
    """Nothing was sent."""

    code: ClassVar[str] = "INTAKE_EMPTY"


class BodyBroken(BodyRefused):
    """It says gzip and is none, or was cut off."""

    code: ClassVar[str] = "INTAKE_BODY_BROKEN"


class Receiver:
    """Stores bodies. One per application."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._limiter: anyio.CapacityLimiter | None = None

    async def store(self, request: Request, *, most: int, seconds: float, packed: bool) -> Stored:
        """The body in the archive, synced. What is not stored whole leaves nothing behind.

        :param most: bytes, of what is stored.
        :param seconds: for the whole body.
        :param packed: it is gzip, and stored unpacked.
        :raises BodyRefused: too large, too slow, empty, broken.
        :raises ArchiveError: the archive cannot take it now.
        """
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            raise _too_large(most)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MOST_AT_ONCE)
        pieces = _pieces(request.stream().__aiter__(), most, time.monotonic() + seconds)
        if packed:
            pieces = _unpacked(pieces, most)
        return await anyio.to_thread.run_sync(self._archive.store, _not_empty(pieces), limiter=self._limiter)


def _pieces(stream: AsyncIterator[bytes], most: int, deadline: float) -> Iterator[bytes]:
    """What comes from the network, in the thread that stores it."""

    async def following() -> bytes | None:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 0)):
                return await anext(stream, None)
        except TimeoutError:
            # no OSError, which would be taken for the archive's
            raise BodyTooSlow("The body did not come in time.", todo="Send it again, faster.") from None
        except ClientDisconnect:
            raise BodyBroken("The connection ended within the body.", todo="Send it again.") from None

    size = 0
    while (piece := anyio.from_thread.run(following)) is not None:
        size += len(piece)
        if size > most:
            raise _too_large(most)
        if piece:
            yield piece


def _unpacked(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """gzip, unpacked piece by piece: a body that swells is cut off at the limit, whatever it claims to be."""
    unpacker = zlib.decompressobj(wbits=31)
    size = 0
    for piece in pieces:
        waiting = piece
        while waiting and not unpacker.eof:
            try:
                plain = unpacker.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise BodyBroken(
                    f"The body says gzip and is none: {error}.", todo="Correct Content-Encoding or the body."
                ) from error
            waiting = unpacker.unconsumed_tail
            size += len(plain)
            if size > most:
                raise _too_large(most)
            if plain:
                yield plain
        if unpacker.unused_data or (waiting and unpacker.eof):
            raise BodyBroken("Something follows the end of the gzip body.", todo="Send one gzip member.")
    if not unpacker.eof:
        raise BodyBroken("The gzip body ends too early.", todo="Send it again.")


def _not_empty(pieces: Iterator[bytes]) -> Iterator[bytes]:
    empty = True
    for piece in pieces:
        empty = False
        yield piece
    if empty:
        raise BodyEmpty("The body is empty.", todo="Send the document as the body of the request.")


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is too large; at most {most} bytes are taken.", todo="Send it in parts.")
