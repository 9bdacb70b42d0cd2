"""ZIPs from strangers: what is whole is read, what is not is said, and nothing is unpacked to a disk."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from orderhub.errors import SourceError
from orderhub.flows.ports import ends_complete
from orderhub.formats import bundle
from orderhub.formats.bundle import BundleProblem, is_whole, open_bundle, pack, pack_folder
from orderhub.formats.detect import detect

MEMBERS = [("b.csv", b"x;y\n1;2\n" * 500), ("a.csv", "ü\n".encode())]


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def content(source: bytes | Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with open_bundle(source) as opened:
        for member in opened.members:
            with opened.open(member) as stream:
                found[member.name] = stream.read()
    return found


def refused(source: bytes) -> BundleProblem:
    with pytest.raises(BundleProblem) as caught:
        content(source)
    return caught.value


def test_the_same_members_give_the_same_bytes_whatever_their_order() -> None:
    assert pack(MEMBERS) == pack(reversed(MEMBERS))
    assert pack(MEMBERS) != pack([("b.csv", b"x"), MEMBERS[1]])
    assert content(pack(MEMBERS)) == dict(MEMBERS)


@pytest.mark.parametrize("name", ["", "a/b", "..\\b"])
def test_a_name_that_is_a_path_is_not_packed(name: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        pack([(name, b"x")])
    with pytest.raises(ValueError, match="different"):
        pack([("a", b"x"), ("a", b"y")])


def test_a_folder_is_packed_without_what_is_hidden(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        pack_folder(tmp_path)
    for name in ("a.csv", ".b.csv"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "below").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    assert content(pack_folder(tmp_path)) == {"a.csv": b"x"}


def test_names_are_names_wherever_a_member_says_it_belongs(tmp_path: Path) -> None:
    source = zipped(
        ("../../etc/one.csv", b"1"),
        ("C:\\temp\\two.csv", b"2"),
        ("/abs/three.csv", b"3"),
        ("__MACOSX/._one.csv", b"junk"),
        (".hidden", b"junk"),
        ("folder/", b""),
    )
    assert content(source) == {"one.csv": b"1", "two.csv": b"2", "three.csv": b"3"}
    path = tmp_path / "x.zip"
    path.write_bytes(source)
    assert content(path) == content(source)


def test_a_stream_can_go_back() -> None:
    with open_bundle(io.BytesIO(zipped(*MEMBERS))) as opened:
        (member,) = opened.fitting("b*.csv")
        with opened.open(member) as stream:
            assert stream.read(4) == b"x;y\n"
            stream.seek(0)
            assert stream.readline() == b"x;y\n"
        assert [member.name for member in opened.fitting("*.csv")] == ["a.csv", "b.csv"]
        assert opened.fitting("c.csv") == []


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zipped(("zeros.csv", b"0" * 20_000_000))
    assert len(bomb) < 60_000
    problem = refused(bomb)
    assert (problem.code, problem.member) == ("BUNDLE_TOO_LARGE", "zeros.csv")


def test_a_directory_that_lies_about_a_size_is_not_believed() -> None:
    source = zipped(("zeros.csv", b"0" * 20_000_000))
    end = source.rfind(b"PK\x05\x06")
    directory = source.rfind(b"PK\x01\x02", 0, end)
    lying = bytearray(source)
    lying[directory + 24 : directory + 28] = struct.pack("<I", 1000)
    assert refused(bytes(lying)).code in ("BUNDLE_TOO_LARGE", "BUNDLE_DAMAGED")


def test_too_many_members_and_a_directory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    many = zipped(*((f"{n}.csv", b"") for n in range(bundle.MAX_MEMBERS + 1)))
    assert refused(many).code == "BUNDLE_TOO_LARGE"
    end = many.rfind(b"PK\x05\x06")
    for claimed in (3, 0xFFFF):
        lying = bytearray(many)
        lying[end + 8 : end + 12] = struct.pack("<HH", claimed, claimed)
        assert refused(bytes(lying)).code in ("BUNDLE_TOO_LARGE", "BUNDLE_DAMAGED")


def test_a_directory_without_end_cannot_hide_behind_the_record_that_ends_the_archive() -> None:
    entry = (
        struct.pack("<4s4B4H3L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0)
        + b"abc"
    )
    directory = entry * 30_000
    # the number of members is the signature itself
    signed = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0x4B50, 0x0605, len(directory), 0, 0)
    # the figures of a ZIP64 count instead of the small ones
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 30_000, 30_000, len(directory), 0)
    wide += struct.pack("<4sLQL", b"PK\6\7", 0, len(directory), 1)
    wide += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), 0, 0)
    for end, said in ((signed, "directory of"), (wide, "ZIP64")):
        with pytest.raises(BundleProblem, match=said) as caught, open_bundle(directory + end):
            pass
        assert caught.value.code == "BUNDLE_TOO_LARGE"


def test_what_is_encrypted_doubled_empty_or_oddly_packed_is_said() -> None:
    plain = zipped(("a.csv", b"x" * 50))
    encrypted = bytearray(plain)
    for at in (plain.find(b"PK\x03\x04") + 6, plain.find(b"PK\x01\x02") + 8):
        encrypted[at] |= 1
    assert refused(bytes(encrypted)).code == "BUNDLE_ENCRYPTED"
    assert refused(zipped(("x/a.csv", b"1"), ("y/a.csv", b"2"))).code == "BUNDLE_MEMBER_TWICE"
    assert refused(zipped((".a", b"1"))).code == "BUNDLE_EMPTY"
    assert refused(zipped(("a.csv", b"1" * 100), method=zipfile.ZIP_LZMA)).code == "BUNDLE_DAMAGED"


def test_whatever_is_cut_or_flipped_is_a_problem_and_no_other_error() -> None:
    good = zipped(*MEMBERS)
    for cut in range(0, len(good), 7):
        assert refused(good[:cut]).code.startswith("BUNDLE_")
        assert not is_whole(good[:cut])
    assert is_whole(good)
    outcomes = set()
    for at in range(len(good)):
        for flip in (0x01, 0x80):
            bad = bytearray(good)
            bad[at] ^= flip
            try:
                content(bytes(bad))
            except BundleProblem as problem:
                outcomes.add(problem.code)
    assert "BUNDLE_DAMAGED" in outcomes


def test_a_zip_is_detected_and_known_to_be_whole_by_its_end() -> None:
    good = zipped(*MEMBERS)
    detected = detect(good[:4096], "orders.csv")
    assert detected is not None
    assert detected.format == "bundle"
    assert ends_complete(good, "orders.zip")
    assert not ends_complete(good[:-10], "orders.zip")
    commented = io.BytesIO(good)
    with zipfile.ZipFile(commented, "a") as archive:
        archive.comment = b"PK\x05\x06 is how I end"
    assert ends_complete(commented.getvalue())
