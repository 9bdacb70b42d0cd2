"""The archive keeps originals whole, sealed and once; what is wrong with it has a type."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from orderhub.errors import ArchiveError
from orderhub.ledger.archive import (
    Archive,
    ArchiveFull,
    ArchiveKeyMissing,
    ArchiveMissing,
    ArchiveTampered,
    ArchiveUnavailable,
)
from orderhub.security.keys import KeyRing
from orderhub.security.sealing import CHUNK

KEY = KeyRing.generate()
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "with space" / "archive"


@pytest.fixture
def archive(folder: Path) -> Archive:
    return Archive(str(folder), KeyRing.from_text(KEY))


def file_of(folder: Path, key: str) -> Path:
    return folder / key[:2] / key[2:4] / key


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_is_stored_is_read_back(archive: Archive, folder: Path, size: int) -> None:
    data = os.urandom(size)
    stored = archive.store(data)
    assert stored.key == stored.sha256 == hashlib.sha256(data).hexdigest()
    assert (stored.size, stored.existed) == (size, False)
    assert archive.read(stored.key) == data
    assert file_of(folder, stored.key).stat().st_mode & 0o777 == 0o600


def test_a_stream_is_stored_like_its_bytes(archive: Archive) -> None:
    parts = [b"a" * 1000] * 1000
    assert archive.store(iter(parts)).key == archive.store(b"".join(parts)).key


def test_a_file_url_means_the_same_folder(archive: Archive, folder: Path) -> None:
    key = archive.store(b"UNB+UNOC").key
    assert Archive(folder.as_uri(), KeyRing.from_text(KEY)).read(key) == b"UNB+UNOC"


def test_the_plain_bytes_are_nowhere_in_the_folder(archive: Archive, folder: Path) -> None:
    archive.store(b"UNB+UNOC:3+4012345000009:14" * 100)
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"4012345000009" not in path.read_bytes()


def test_the_same_bytes_are_kept_once_whoever_stores_them(archive: Archive, folder: Path) -> None:
    data = os.urandom(100_000)
    with ThreadPoolExecutor(4) as pool:
        keys = {stored.key for stored in pool.map(lambda _: archive.store(data), range(8))}
    assert len(keys) == 1
    assert archive.store(data).existed
    assert [path.name for path in folder.rglob("*") if path.is_file()] == list(keys)


@pytest.mark.parametrize("place", [0, 5, 30, 100, -1])
def test_a_changed_byte_is_found(archive: Archive, folder: Path, place: int) -> None:
    key = archive.store(b"original" * 100).key
    path = file_of(folder, key)
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)
    with pytest.raises((ArchiveTampered, ArchiveKeyMissing)):
        archive.read(key)
    # the same bytes arriving again heal it
    assert not archive.store(b"original" * 100).existed
    assert archive.read(key) == b"original" * 100


@pytest.mark.parametrize("keep", [0, 3, 20, CHUNK + 60, 2 * CHUNK + 60, -1])
def test_a_cut_file_is_found(archive: Archive, folder: Path, keep: int) -> None:
    key = archive.store(os.urandom(2 * CHUNK + 100)).key
    path = file_of(folder, key)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArchiveTampered):
        archive.read(key)


def test_another_original_in_its_place_is_found(archive: Archive, folder: Path) -> None:
    one, two = archive.store(b"one").key, archive.store(b"two").key
    file_of(folder, one).write_bytes(file_of(folder, two).read_bytes())
    with pytest.raises(ArchiveTampered, match="another original"):
        archive.read(one)


def test_a_missing_file_is_a_typed_error(archive: Archive, folder: Path) -> None:
    key = archive.store(b"one").key
    file_of(folder, key).unlink()
    with pytest.raises(ArchiveMissing, match="Restore the archive"):
        archive.read(key)
    with pytest.raises(ArchiveMissing, match="no key"):
        archive.read("../../etc/passwd")


def test_keys_rotate(folder: Path) -> None:
    old, new = KEY, KeyRing.generate()
    key = Archive(str(folder), KeyRing.from_text(old)).store(b"one").key
    rotated = Archive(str(folder), KeyRing.from_text(f"{new}, {old}"))
    assert rotated.read(key) == b"one"
    later = rotated.store(b"two").key
    with pytest.raises(ArchiveKeyMissing, match="archive key"):
        Archive(str(folder), KeyRing.from_text(old)).read(later)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_no_room_is_a_typed_error_and_leaves_nothing(archive: Archive, folder: Path) -> None:
    archive.store(b"there is a folder now")
    with file_size_limit(100_000), pytest.raises(ArchiveFull, match="Make room") as caught:
        archive.store(os.urandom(400_000))
    assert caught.value.retryable
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def test_a_folder_that_is_a_file_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("not a folder")
    with pytest.raises(ArchiveUnavailable, match="Check that the folder"):
        Archive(str(tmp_path / "archive"), KeyRing.from_text(KEY)).store(b"one")


class FullFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Another kind of store, with no room left."""

    cachable = False

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_another_kind_of_store(tmp_path: Path) -> None:
    memory = Archive("memory://originals", KeyRing.from_text(KEY))
    stored = memory.store(b"one")
    assert memory.read(stored.key) == b"one"
    assert memory.store(b"one").key == stored.key
    assert memory.sweep(lambda keys: [], older_than=-HOUR) == [stored.key]
    with pytest.raises(ArchiveMissing):
        memory.read(stored.key)
    with pytest.raises(ArchiveFull):
        Archive("/originals", KeyRing.from_text(KEY), filesystem=FullFileSystem()).store(b"one")


def test_only_old_files_without_a_row_are_swept(archive: Archive, folder: Path) -> None:
    known, orphan, young, again = (
        archive.store(name.encode()).key for name in ("known", "orphan", "young", "again")
    )
    left = folder / "incoming" / "left-over"
    left.write_bytes(b"half")
    long_ago = dt.datetime.now().timestamp() - 7200
    for path in (file_of(folder, known), file_of(folder, orphan), file_of(folder, again), left):
        os.utime(path, (long_ago, long_ago))
    archive.store(b"again")  # found in place, its ledger row is about to come
    asked: list[str] = []

    def ledger(keys: Any) -> list[str]:
        asked.extend(keys)
        return [known]

    assert set(archive.sweep(ledger)) == {orphan, "left-over"}
    assert set(asked) == {known, orphan}
    assert all(archive.exists(key) for key in (known, young, again))


class SlowFileSystem(LocalFileSystem):  # type: ignore[misc]
    """The connection breaks while reading."""

    def open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        raise OSError(errno.EIO, "Input/output error")


def test_a_read_failure_is_a_typed_error(archive: Archive, folder: Path) -> None:
    key = archive.store(b"one").key
    with pytest.raises(ArchiveUnavailable) as caught:
        Archive(
            str(folder), KeyRing.from_text(KEY), filesystem=SlowFileSystem(skip_instance_cache=True)
        ).read(key)
    assert isinstance(caught.value, ArchiveError)
