"""Files on OpenSSH as strangers leave them, and what happens to them meanwhile: nothing is lost, nothing is half, nothing leads out
of the folder."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from growing_file import growing
from servers.cutting_proxy import cutting_proxy
from servers.file_servers import sshd  # noqa: F401 - a fixture
from servers.hostile_sftp import hostile_sftp
from servers.sshd import Sshd

from connectors.sftp.connector import SftpConnector
from connectors.sftp.settings import SftpSettings
from orderhub.connector import Credentials, Interchange, Settlement
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests
from orderhub.transport.files import server as file_server

Make = Callable[..., SftpConnector]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox: Path, sshd: Sshd) -> Iterator[Make]:  # noqa: F811 - the fixture
    made: list[SftpConnector] = []

    def build(
        credentials: Credentials | None = None, complete: Callable[[bytes], bool] = bool, **settings: Any
    ) -> SftpConnector:
        given = {
            "connection": "partner",
            "path": str(inbox),
            "complete_when": "renamed",
            "retry": {"attempts": 3, "first_seconds": 0.01},
            **settings,
        }
        ports = PortsForTests(credentials={"partner": credentials or sshd.credentials()}, complete=complete)
        made.append(SftpConnector(SftpSettings.model_validate(given), ports))
        return made[-1]

    yield build
    for connector in made:
        connector.close()


def pulled(connector: SftpConnector) -> dict[str, Interchange]:
    return {interchange.name: interchange for interchange in connector.pull("orders", None)}


def settle_all(connector: SftpConnector) -> None:
    for interchange in connector.pull("orders", None):
        bad = interchange.problem is not None
        connector.settle(interchange, Settlement.REFUSED if bad else Settlement.ACCEPTED)


def kept(inbox: Path, kind: str = "processed") -> list[str]:
    return sorted(path.name for path in (inbox / kind).glob("*/*"))


HOSTILE = {
    "newline": b"a\nb.edi",
    "escape sequence": b"\x1b[2Jx.edi",
    "two dots": b"a..edi..",
    "right to left": "inv\u202eidc.exe".encode(),
    "not UTF-8": b"\xff\xfe\x80.edi",
    "longest": b"x" * 251 + b".edi",
    "longest, three bytes each": ("单" * 83 + ".edi").encode(),
    "dash": b"-rf",
    "shell": b"$(touch pwned);`id`|&'\".edi",
    "formula": b'=HYPERLINK("http:evil","x").csv',
    "backslash": b"a\\..\\b.edi",
    "glob": b"[*?]{a}",
}


def test_hostile_names_are_pulled_shown_safely_and_kept_exactly(inbox: Path, make: Make) -> None:
    for name in HOSTILE.values():
        (inbox / os.fsdecode(name)).write_bytes(b"one " + name)
    connector = make()
    found = list(connector.pull("orders", None))
    assert {interchange.data for interchange in found} == {b"one " + name for name in HOSTILE.values()}
    for interchange in found:
        assert interchange.name.encode()
        assert not set(interchange.name) & set("\n\x1b\u202e")
        assert interchange.arrival.isascii()
        kept_by_ledger = msgspec.json.encode(msgspec.structs.replace(interchange, data=None))
        make().settle(msgspec.json.decode(kept_by_ledger, type=Interchange), Settlement.ACCEPTED)
    assert [left.name for left in inbox.iterdir()] == ["processed"]
    assert sorted(map(os.fsencode, kept(inbox))) == sorted(HOSTILE.values())
    # the same names again find their place beside the first ones
    for name in HOSTILE.values():
        (inbox / os.fsdecode(name)).write_bytes(b"two")
    settle_all(connector)
    assert len(kept(inbox)) == 2 * len(HOSTILE)


def test_names_that_no_file_has_are_refused_and_never_used(tmp_path: Path, make: Make) -> None:
    """A server may list what it likes."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "good.edi").write_bytes(b"good")
    (tmp_path / "secret").write_bytes(b"12345")
    names = [
        b"x/../../secret",
        b"/etc/passwd",
        b"a/b.edi",
        b"nul\0.edi",
        b"",
        b"x" * 5000 + b".edi",
        b"gone.edi",
    ]
    with hostile_sftp(tmp_path / "served", names) as server:
        for after in ("move", "delete", "leave"):
            connector = make(server.credentials(), path="/", after=after)
            found = list(connector.pull("orders", None))
            assert [one.data for one in found if one.data is not None] == [b"good"]
            refused = [one for one in found if one.data is None]
            assert len(refused) == len(names) - 1, [one.name for one in refused]
            assert all("nothing was done with it" in (one.problem or "") for one in refused)
            assert max(len(one.name) for one in refused) < 1200
            for one in refused:
                connector.settle(one, Settlement.REFUSED)
            assert set(server.opened) <= {b"/good.edi", b"/gone.edi"}
            connector.close()
        assert (tmp_path / "secret").exists()
        (tmp_path / "served" / "good.edi").unlink()
        waits = make(server.credentials(), path="/", ignore=["gone.edi"])
        assert not waits.waiting("orders", None), "what is never taken keeps nobody awake"


def test_symbolic_links_are_not_followed(inbox: Path, make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for the hub")
    outside = tmp_path / "outside"
    outside.mkdir()
    (inbox / "link.edi").symlink_to(secret)
    (inbox / "inner.edi").symlink_to("good.edi")
    (inbox / "folder.edi").mkdir()
    os.mkfifo(inbox / "pipe.edi")
    (inbox / "good.edi").write_bytes(b"good")
    connector = make(patterns=["*.edi"])
    found = pulled(connector)
    bad = {name: one.problem or "" for name, one in found.items() if one.data is None}
    assert found["good.edi"].data == b"good"
    assert "symbolic link" in bad["link.edi"]
    assert "symbolic link" in bad["inner.edi"]
    assert "folder" in bad["folder.edi"]
    assert "pipe" in bad["pipe.edi"]
    # a folder to move to that is a link leads nowhere
    (inbox / "processed").symlink_to(outside)
    with pytest.raises(ConnectorRefused, match="real folder"):
        connector.settle(found["good.edi"], Settlement.ACCEPTED)
    (inbox / "processed").unlink()
    settle_all(connector)
    assert kept(inbox, "refused") == sorted(bad)
    assert kept(inbox) == ["good.edi"]
    assert secret.read_bytes() == b"not for the hub"
    assert list(outside.iterdir()) == []


def test_a_connection_that_is_cut_in_the_middle(inbox: Path, make: Make, sshd: Sshd) -> None:  # noqa: F811
    """At any place of a transfer: every file is given once, whole."""
    contents = {f"{number:03}.edi": os.urandom(3_000 + 400 * number) for number in range(60)}
    contents["big.edi"] = os.urandom(3_000_000)
    for name, data in contents.items():
        (inbox / name).write_bytes(data)
    with cutting_proxy(sshd.port) as proxy:
        for cut in (4_000, 30_000, 150_000, 700_000, 2_000_000, 3_500_000):
            connector = make(sshd.credentials(port=proxy.port), order="name")
            before = proxy.cuts
            proxy.cut_after_bytes_received(cut)
            found = [(one.name, one.data) for one in connector.pull("orders", None)]
            assert proxy.cuts == before + 1
            assert found == sorted(contents.items()), cut


def test_a_connection_that_is_cut_again_and_again_is_an_error_that_passes(
    inbox: Path,
    make: Make,
    sshd: Sshd,  # noqa: F811 - the fixture
) -> None:
    (inbox / "big.edi").write_bytes(bytes(2_000_000))
    with cutting_proxy(sshd.port) as proxy:
        connector = make(sshd.credentials(port=proxy.port))
        proxy.cut_after_bytes_received(200_000, *[200_000] * 20)
        with pytest.raises(ConnectorUnavailable):
            list(connector.pull("orders", None))
        proxy.cut_after_bytes_received(None)
        assert pulled(connector)["big.edi"].data == bytes(2_000_000)


def test_settling_goes_through_cuts(inbox: Path, make: Make, sshd: Sshd) -> None:  # noqa: F811
    for after in ("move", "delete"):
        with cutting_proxy(sshd.port) as proxy:
            connector = make(sshd.credentials(port=proxy.port), after=after)
            for number in range(6):
                (inbox / f"{number}.edi").write_bytes(b"%d" % number)
            for number, interchange in enumerate(list(connector.pull("orders", None))):
                proxy.cut_after_pieces_sent(2 * number)
                for _ in range(3):
                    try:
                        connector.settle(interchange, Settlement.ACCEPTED)
                        break
                    except ConnectorUnavailable:
                        continue
                proxy.cut_after_pieces_sent(None)
                connector.settle(interchange, Settlement.ACCEPTED)
        left = sorted(path.name for path in inbox.iterdir())
        assert left == ["processed"], left
    assert len(kept(inbox)) == 6


def test_a_file_replaced_within_the_second_stays_and_is_a_new_arrival(inbox: Path, make: Make) -> None:
    """Same name, same size, same second: only the bytes tell."""
    for after in ("move", "delete"):
        (inbox / "x.edi").write_bytes(b"first")
        connector = make(after=after)
        [first] = connector.pull("orders", None)
        seconds = (inbox / "x.edi").stat().st_mtime
        (inbox / "y").write_bytes(b"other")
        os.utime(inbox / "y", (seconds, seconds))
        (inbox / "y").rename(inbox / "x.edi")
        connector.settle(first, Settlement.ACCEPTED)
        assert kept(inbox) == []
        [second] = connector.pull("orders", None)
        assert second.data == b"other"
        assert second.arrival != first.arrival
        (inbox / "x.edi").unlink()


def test_a_growing_file_is_taken_only_when_it_rests(
    inbox: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox / "growing.edi"
    connector = make(complete_when="stable", stable_seconds=0.05)
    with growing(path) as patient:
        monkeypatch.setattr(file_server, "time", patient)
        for _ in range(3):
            assert pulled(connector) == {}
    whole = path.read_bytes()
    assert pulled(connector)["growing.edi"].data == whole


def test_an_open_envelope_is_given_time_and_then_taken_as_it_is(inbox: Path, make: Make) -> None:
    (inbox / "half.edi").write_bytes(b"UNB+half")
    (inbox / "empty.edi").touch()
    closed = lambda data: data.endswith(b"UNZ")  # noqa: E731 - a port of one line
    settings = {"complete_when": "stable", "stable_seconds": 0, "complete": closed}
    assert pulled(make(**settings)) == {}
    found = pulled(make(**settings, incomplete_after_seconds=0))
    assert found["half.edi"].data == b"UNB+half"
    assert found["empty.edi"].problem == "empty.edi is empty."
    os.utime(inbox / "half.edi", (1, 1))  # by the server's clock it is old, and still it is watched
    start = time.monotonic()
    assert pulled(make(**settings, incomplete_after_seconds=0.5))["half.edi"].data == b"UNB+half"
    assert time.monotonic() - start > 0.4
    (inbox / "half.edi").write_bytes(b"UNB+half+UNZ")
    assert pulled(make(**settings))["half.edi"].data == b"UNB+half+UNZ"


def test_a_file_that_is_too_large_is_not_read(inbox: Path, make: Make) -> None:
    with (inbox / "huge.edi").open("wb") as file:
        file.truncate(5 * 1024**3)
    connector = make(max_bytes=1000)
    assert "5368709120 bytes" in (pulled(connector)["huge.edi"].problem or "")
    settle_all(make(max_bytes=1000, after="delete"))
    assert kept(inbox, "refused") == ["huge.edi"], "what the hub does not have is not deleted"


def test_markers_that_are_shared_or_too_old(inbox: Path, make: Make) -> None:
    (inbox / "x.done").touch()
    os.utime(inbox / "x.done", (1, 1))
    (inbox / "x.edi").write_bytes(b"half")
    connector = make(complete_when="marker")
    assert pulled(connector) == {}
    assert not connector.waiting("orders", None)
    (inbox / "x.csv").write_bytes(b"waits for the same marker")
    (inbox / "x.done").touch()
    assert connector.waiting("orders", None)
    found = pulled(connector)
    assert found.keys() == {"x.edi", "x.csv"}
    connector.settle(found["x.edi"], Settlement.ACCEPTED)
    assert (inbox / "x.done").exists()
    connector.settle(found["x.csv"], Settlement.ACCEPTED)
    assert sorted(path.name for path in inbox.iterdir()) == ["processed"]


def test_files_that_are_left_are_given_once_whatever_their_times_say(inbox: Path, make: Make) -> None:
    connector = make(after="leave")
    bookmark = None
    seen: list[str] = []

    def pull_on() -> list[str]:
        nonlocal bookmark
        names = []
        for one in connector.pull("orders", bookmark):
            names.append(one.name)
            bookmark = msgspec.json.decode(msgspec.json.encode(one.bookmark))
        seen.extend(names)
        return names

    for number in range(30):
        (inbox / f"{number}.edi").write_bytes(b"x")
    assert len(pull_on()) == 30
    assert not connector.waiting("orders", bookmark)
    assert pull_on() == []
    (inbox / "old.edi").write_bytes(b"kept its old time")
    os.utime(inbox / "old.edi", (1_000_000, 1_000_000))
    assert connector.waiting("orders", bookmark)
    assert pull_on() == ["old.edi"]
    (inbox / "3.edi").unlink()
    (inbox / "new.edi").write_bytes(b"new")
    assert "new.edi" in pull_on()
    assert pull_on() == []
    assert not connector.waiting("orders", bookmark)
    assert len(msgspec.json.encode(bookmark)) < 3000


def test_a_large_folder_is_pulled_in_rounds_and_in_order(
    inbox: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_server, "ROUND", 10)
    for number in range(35):
        (inbox / f"{number:02}.edi").write_bytes(b"x")
        os.utime(inbox / f"{number:02}.edi", (10_000 - number // 3, 10_000 - number // 3))
    connector = make()
    found = [one.name for one in connector.pull("orders", None)]
    assert found == sorted(found, key=lambda name: (-(int(name[:2]) // 3), name))
    assert len(set(found)) == 35
    settle_all(connector)
    assert len(kept(inbox)) == 35


def test_what_a_crash_left_of_an_answer_is_removed_when_it_is_old(inbox: Path, make: Make) -> None:
    old, young, other = ".A_b.edi.0123abcd.part", ".A_c.edi.0123abcd.part", ".mine.part"
    for name in (old, young, other):
        (inbox / name).write_bytes(b"half")
    for name in (old, other):
        os.utime(inbox / name, (time.time() - 7200,) * 2)
    make().reply("A_d.edi", b"whole", "key")
    assert sorted(path.name for path in inbox.iterdir()) == sorted([young, other, "A_d.edi"])


_LISTING = """
import re, sys, time
from pathlib import Path
import msgspec
from connectors.sftp.connector import SftpConnector
from connectors.sftp.settings import SftpSettings
from orderhub.connector import Credentials
from orderhub.testing import PortsForTests

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

credentials = msgspec.json.decode(sys.argv[2], type=Credentials)
settings = SftpSettings(connection="partner", path=sys.argv[1], complete_when="renamed")
connector = SftpConnector(settings, PortsForTests(credentials={"partner": credentials}))
assert connector.check().ok
before, start = peak(), time.monotonic()
assert connector.waiting("orders", None)
waited = time.monotonic() - start
pulling = connector.pull("orders", None)
first = [next(pulling).name for _ in range(3)]
pulling.close()
print(msgspec.json.encode([first, peak() - before, waited, time.monotonic() - start]).decode())
connector.close()
"""


@pytest.mark.slow
def test_a_folder_of_a_hundred_thousand_files_is_listed_within_bounded_memory(
    inbox: Path,
    sshd: Sshd,  # noqa: F811 - the fixture
) -> None:
    here = os.open(inbox, os.O_RDONLY)
    for number in range(100_000):
        os.close(os.open(f"order_{number:06}.edi", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here))
    os.close(here)
    for number in range(3):
        (inbox / f"order_09999{number}.edi").write_bytes(b"x")
        os.utime(inbox / f"order_09999{number}.edi", (1000 + number, 1000 + number))
    ran = subprocess.run(
        [sys.executable, "-c", _LISTING, str(inbox), msgspec.json.encode(sshd.credentials())],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    first, megabytes, waited, both = msgspec.json.decode(ran.stdout)
    assert first == [f"order_09999{number}.edi" for number in range(3)]
    assert megabytes < 40, "names, sizes and times of one round, not of all files"
    assert waited < both / 3, "whether something waits is known long before the folder is listed to its end"


def test_many_files_come_in_order_with_their_own_bytes(inbox: Path, make: Make) -> None:
    contents = {
        f"{number:04}.edi": hashlib.sha256(b"%d" % number).digest() * (1 + number % 50)
        for number in range(500)
    }
    contents |= {"large_1.edi": os.urandom(20_000_000), "large_2.edi": os.urandom(17_000_000)}
    for name, data in contents.items():
        (inbox / name).write_bytes(data)
    found = [(one.name, one.data) for one in make(order="name").pull("orders", None)]
    assert found == sorted(contents.items())
