"""A ZIP from a stranger, read with care.

Nothing is ever unpacked to a disk: a member is a name and a stream. Names are only compared, limits are checked against
what the directory of the archive says before anything is read, and kept while it is read, because the directory may lie.
"""

from __future__ import annotations

import fnmatch
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import msgspec

MAX_MEMBERS = 1_000
MAX_MEMBER_BYTES = 512 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024
#: Unpacked to packed. Order files shrink to a tenth, at best to a hundredth; a bomb to a thousandth and less.
MAX_RATIO = 300
#: Below this size no ratio is suspicious: a short file of one repeated character.
RATIO_FROM = 1024 * 1024

_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")
_END = b"PK\x05\x06"
#: What stands before it in a ZIP64; its figures count instead of those at the end.
_END_64 = b"PK\x06\x07"
#: The record that ends a ZIP: 22 bytes and a comment of at most 65,535.
_END_WITHIN = 22 + 65_535
#: The longest directory of an archive, in bytes.
_DIRECTORY = 1024 * 1024
_METHODS = frozenset((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
#: What the parts of the standard library raise on damaged input, and it says so nowhere.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,
    UnicodeError,
    ValueError,
    IndexError,
    OverflowError,
)


class BundleProblem(Exception):
    """Why a bundle cannot be used. ``code`` and the texts make the finding; ``member`` is the one to blame."""

    def __init__(self, code: str, what: str, todo: str, member: str | None = None) -> None:
        self.code = code
        self.what = what
        self.todo = todo
        self.member = member
        super().__init__(f"{code}: {what}")


class Member(msgspec.Struct, frozen=True):
    """One file of the bundle: its plain name, and its size unpacked in bytes as the archive states it."""

    name: str
    size: int
    entry: str


def is_bundle(head: bytes) -> bool:
    """Whether bytes begin as a ZIP does."""
    return head.startswith(_SIGNATURES)


def is_whole(data: bytes) -> bool:
    """Whether a ZIP has the record that ends it, so that it is not still being written."""
    start = max(0, len(data) - _END_WITHIN)
    end = data.rfind(_END, start)
    while end >= 0:
        # the comment behind the record may hold the signature as well
        comment = int.from_bytes(data[end + 20 : end + 22], "little")
        if end + 22 <= len(data) and end + 22 + comment == len(data):
            return True
        end = data.rfind(_END, start, end + 3)
    return False


class Bundle:
    """An open bundle. ``members`` stand in the order of their names; ``left_out`` are hidden files and those of the
    systems that packed it (``__MACOSX``), which nobody meant to send."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: list[Member] = []
        self.left_out: list[str] = []
        self._total = 0
        self._list()

    def fitting(self, pattern: str) -> list[Member]:
        """The members whose name is this one, or fits it as a shell pattern."""
        same = [member for member in self.members if member.name == pattern]
        return same or [member for member in self.members if fnmatch.fnmatchcase(member.name, pattern)]

    @contextmanager
    def open(self, member: Member) -> Iterator[BinaryIO]:
        """The content of a member as a stream that can go back to its start.

        :raises BundleProblem: it is damaged, or larger than stated or allowed (also while it is read).
        """
        try:
            stream = self._archive.open(member.entry)
        except (*_BROKEN, RuntimeError) as error:
            raise _damaged(member, error) from error
        with stream:
            yield io.BufferedReader(_Limited(stream, member), 1 << 18)

    def _list(self) -> None:
        entries = [entry for entry in self._archive.infolist() if not entry.is_dir()]
        if len(entries) > MAX_MEMBERS:
            raise BundleProblem(
                "BUNDLE_TOO_LARGE",
                f"The archive has {len(entries)} members; at most {MAX_MEMBERS} are taken.",
                "Ask the sender to split it.",
            )
        found: dict[str, Member] = {}
        for entry in entries:
            path = PurePosixPath(entry.filename.replace("\\", "/"))
            name = path.name
            if not name or name.startswith(".") or "__MACOSX" in path.parts:
                self.left_out.append(entry.filename[:200])
                continue
            self._check(entry, name)
            if name in found:
                raise BundleProblem(
                    "BUNDLE_MEMBER_TWICE",
                    f"The archive has two members named {name!r}.",
                    "Ask the sender which of them is meant.",
                    name,
                )
            found[name] = Member(name, entry.file_size, entry.filename)
        if not found:
            raise BundleProblem("BUNDLE_EMPTY", "The archive has no file.", "Ask the sender for it again.")
        self.members = [found[name] for name in sorted(found)]

    def _check(self, entry: zipfile.ZipInfo, name: str) -> None:
        if entry.flag_bits & 0x1:
            raise BundleProblem(
                "BUNDLE_ENCRYPTED",
                f"The member {name} is encrypted, and no password was agreed.",
                "Ask the sender for an archive without a password.",
                name,
            )
        if entry.compress_type not in _METHODS:
            raise BundleProblem(
                "BUNDLE_DAMAGED",
                f"The member {name} is compressed by a method that is not read ({entry.compress_type}).",
                "Ask the sender for an ordinary ZIP.",
                name,
            )
        self._total += entry.file_size
        suspicious = entry.file_size > RATIO_FROM and entry.file_size > MAX_RATIO * max(
            1, entry.compress_size
        )
        if entry.file_size > MAX_MEMBER_BYTES or self._total > MAX_TOTAL_BYTES or suspicious:
            raise BundleProblem(
                "BUNDLE_TOO_LARGE",
                f"The member {name} would have {entry.file_size} bytes unpacked from {entry.compress_size} (limits: "
                f"{MAX_MEMBER_BYTES} a member, {MAX_TOTAL_BYTES} together, {MAX_RATIO} times its packed size).",
                "Nothing of it was unpacked. Ask the sender what it is, or for smaller files.",
                name,
            )


class _Limited(io.RawIOBase):
    """A member's stream that gives no more than the archive stated."""

    def __init__(self, stream: IO[bytes], member: Member) -> None:
        self._stream = stream
        self._member = member
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            self._at = self._stream.seek(offset, whence)
        except _BROKEN as error:
            raise _damaged(self._member, error) from error
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io hands in a memoryview
        try:
            chunk = self._stream.read(len(buffer))
        except _BROKEN as error:
            raise _damaged(self._member, error) from error
        self._at += len(chunk)
        if self._at > self._member.size:
            raise BundleProblem(
                "BUNDLE_TOO_LARGE",
                f"The member {self._member.name} is larger than the archive says ({self._member.size} bytes).",
                "Ask the sender for the archive again.",
                self._member.name,
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def open_bundle(source: BinaryIO | bytes | Path) -> Iterator[Bundle]:
    """Open a ZIP; nothing but its directory is read before a member is.

    :raises BundleProblem: it is none, damaged, encrypted, or beyond the limits.
    """
    if isinstance(source, Path):
        with source.open("rb") as opened, open_bundle(opened) as bundle:
            yield bundle
        return
    stream = io.BytesIO(source) if isinstance(source, (bytes, bytearray)) else source
    try:
        _check_directory(stream)
        archive = zipfile.ZipFile(stream)
    except _BROKEN as error:
        raise BundleProblem(
            "BUNDLE_DAMAGED",
            f"The archive cannot be opened ({_said(error)}).",
            "Ask the sender for it again.",
        ) from error
    with archive:
        yield Bundle(archive)


def _check_directory(stream: BinaryIO) -> None:
    """Before the directory is read as a whole: how large does the archive's end say that it is? Without a look at it,
    millions of empty entries would fill the memory."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _END_WITHIN))
    tail = stream.read(_END_WITHIN)
    stream.seek(0)
    # the very record that the standard library will take: anybody can write the signature into other fields
    end = len(tail) - 22 if tail[-22:-18] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        return  # the reader will say that it is none
    if tail[max(0, end - 20) : end].startswith(_END_64):
        raise BundleProblem(
            "BUNDLE_TOO_LARGE",
            "The archive is a ZIP64, which is made for more members and bytes than are taken here.",
            "Ask the sender for an ordinary ZIP, or to split it.",
        )
    entries, length = struct.unpack("<HL", tail[end + 10 : end + 16])
    if entries > MAX_MEMBERS or length > _DIRECTORY:
        raise BundleProblem(
            "BUNDLE_TOO_LARGE",
            f"The archive says that it has {entries} members in a directory of {length} bytes; at most {MAX_MEMBERS} in "
            f"{_DIRECTORY} are taken.",
            "Ask the sender what it is, or to split it.",
        )


def _damaged(member: Member, error: Exception) -> BundleProblem:
    return BundleProblem(
        "BUNDLE_DAMAGED",
        f"The member {member.name} cannot be unpacked ({_said(error)}).",
        "Ask the sender for the archive again.",
        member.name,
    )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:120] if str(error) else type(error).__name__
