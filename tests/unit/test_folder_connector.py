"""Files as strangers leave them: each kind has its outcome, none is lost, none leads out of the folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from growing_file import Clock, growing

from connectors.folder import connector as folder_connector
from connectors.folder import tree
from connectors.folder.connector import FolderConnector
from orderhub.connector import Interchange, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError, ConnectorRefused, ConnectorUnavailable
from orderhub.testing import PortsForTests
from orderhub.transport.files import names

Make = Callable[..., FolderConnector]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox: Path) -> Make:
    def build(complete: Callable[[bytes], bool] = bool, **settings: Any) -> FolderConnector:
        given = {"path": str(inbox), "complete_when": "renamed", **settings}
        connector = registry().create("folder", given, PortsForTests(complete=complete))
        assert isinstance(connector, FolderConnector)
        return connector

    return build


def pulled(connector: FolderConnector) -> dict[str, Interchange]:
    return {interchange.name: interchange for interchange in connector.pull("orders", None)}


def settle_all(connector: FolderConnector) -> None:
    for interchange in connector.pull("orders", None):
        bad = interchange.problem is not None
        connector.settle(interchange, Settlement.REFUSED if bad else Settlement.ACCEPTED)


def kept(inbox: Path, kind: str = "processed") -> list[str]:
    """What stands in processed/<date>/ or refused/<date>/."""
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
    "percent and bar": b"100%|a|b.edi",
    "backslash": b"a\\..\\b.edi",
    "spaces": b"  two  ",
    "glob": b"[*?]{a}",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_names_are_pulled_shown_safely_and_kept_exactly(inbox: Path, make: Make, name: bytes) -> None:
    path = inbox / os.fsdecode(name)
    path.write_bytes(b"one")
    connector = make()
    [interchange] = connector.pull("orders", None)
    assert interchange.data == b"one"
    assert interchange.name.encode()
    assert "\n" not in interchange.name
    assert "\x1b" not in interchange.name
    assert "\u202e" not in interchange.name
    assert interchange.arrival.isascii()
    through_the_ledger = msgspec.json.decode(
        msgspec.json.encode(msgspec.structs.replace(interchange, data=None)), type=Interchange
    )
    make().settle(through_the_ledger, Settlement.ACCEPTED)
    assert [os.fsencode(moved.name) for moved in (inbox / "processed").glob("*/*")] == [name]
    assert [left.name for left in inbox.iterdir()] == ["processed"]
    # the same name again finds its place beside the first
    path.write_bytes(b"two")
    settle_all(connector)
    assert {moved.read_bytes() for moved in (inbox / "processed").glob("*/*")} == {b"one", b"two"}


def test_things_that_are_no_files_are_refused_and_put_away(inbox: Path, make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for the hub")
    (inbox / "link.edi").symlink_to(secret)
    (inbox / "inner.edi").symlink_to("good.edi")
    (inbox / "dangling.edi").symlink_to("nowhere")
    (inbox / "folder.edi").mkdir()
    (inbox / "folder.edi" / "file").write_bytes(b"x")
    os.mkfifo(inbox / "pipe.edi")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(inbox)  # a socket's path is short
        try:
            listener.bind("socket.edi")
        finally:
            os.chdir(here)
        (inbox / "good.edi").write_bytes(b"good")
        connector = make(patterns=["*.edi"])
        found = pulled(connector)
    bad = {name: interchange.problem for name, interchange in found.items() if interchange.data is None}
    assert found["good.edi"].data == b"good"
    assert "symbolic link" in (bad["link.edi"] or "")
    assert "symbolic link" in (bad["inner.edi"] or "")
    assert "symbolic link" in (bad["dangling.edi"] or "")
    assert "folder" in (bad["folder.edi"] or "")
    assert "pipe" in (bad["pipe.edi"] or "")
    assert "socket" in (bad["socket.edi"] or "")
    settle_all(connector)
    assert kept(inbox, "refused") == sorted(bad)
    assert kept(inbox) == ["good.edi"]
    assert secret.read_bytes() == b"not for the hub"
    assert pulled(connector) == {}


def test_folders_of_people_are_left_alone_when_any_name_will_do(inbox: Path, make: Make) -> None:
    (inbox / "archive").mkdir()
    (inbox / "archive" / "old.edi").write_bytes(b"old")
    assert pulled(make()) == {}
    assert pulled(make(recursive=True)).keys() == {"archive/old.edi"}


def test_files_below_are_pulled_and_settled_through_no_link(inbox: Path, make: Make, tmp_path: Path) -> None:
    (inbox / "a" / "b").mkdir(parents=True)
    (inbox / "a" / "b" / "x.edi").write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "y.edi").write_bytes(b"y")
    (inbox / "a" / "link").symlink_to(outside)
    connector = make(recursive=True, patterns=["*.edi"])
    [interchange] = connector.pull("orders", None)
    assert interchange.name == "a/b/x.edi"
    # somebody swaps the folder for a link before it is settled
    (inbox / "a" / "b").rename(tmp_path / "moved")
    (inbox / "a" / "b").symlink_to(outside)
    (outside / "x.edi").write_bytes(b"other")
    with pytest.raises(ConnectorRefused):
        connector.settle(interchange, Settlement.ACCEPTED)
    assert (outside / "x.edi").exists()


def test_a_processed_folder_that_is_a_link_is_not_followed(inbox: Path, make: Make, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (inbox / "processed").symlink_to(outside)
    (inbox / "x.edi").write_bytes(b"x")
    connector = make()
    assert not connector.check().ok
    [interchange] = connector.pull("orders", None)
    with pytest.raises(ConnectorRefused, match="cannot be moved"):
        connector.settle(interchange, Settlement.ACCEPTED)
    assert list(outside.iterdir()) == []
    assert (inbox / "x.edi").exists()


def test_an_empty_file_is_given_time_and_then_refused(inbox: Path, make: Make) -> None:
    (inbox / "empty.edi").touch()
    assert pulled(make(complete_when="stable", stable_seconds=0, incomplete_after_seconds=60)) == {}
    connector = make(complete_when="stable", stable_seconds=0, incomplete_after_seconds=0)
    assert pulled(connector)["empty.edi"].problem == "empty.edi is empty."
    assert "empty" in (pulled(make())["empty.edi"].problem or "")
    settle_all(connector)
    assert kept(inbox, "refused") == ["empty.edi"]


def test_an_open_envelope_is_given_time_and_then_taken_as_it_is(inbox: Path, make: Make) -> None:
    (inbox / "half.edi").write_bytes(b"UNB+half")
    closed = lambda data: data.endswith(b"UNZ")  # noqa: E731 - a port of one line
    settings = {"complete_when": "stable", "stable_seconds": 0}
    assert pulled(make(closed, **settings)) == {}
    assert pulled(make(closed, **settings, incomplete_after_seconds=0))["half.edi"].data == b"UNB+half"
    (inbox / "half.edi").write_bytes(b"UNB+half+UNZ")
    assert pulled(make(closed, **settings))["half.edi"].data == b"UNB+half+UNZ"


def test_a_growing_file_is_taken_only_when_it_rests(
    inbox: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox / "growing.edi"
    connector = make(complete_when="stable", stable_seconds=0.05)
    with growing(path) as patient:
        monkeypatch.setattr(folder_connector, "time", patient)
        for _ in range(3):
            assert pulled(connector) == {}
    whole = path.read_bytes()
    assert pulled(connector)["growing.edi"].data == whole


@pytest.mark.parametrize(
    "settings",
    [{"stable_seconds": 0.4}, {"stable_seconds": 0, "incomplete_after_seconds": 0.4}],
    ids=["whole as it seems", "open"],
)
def test_a_writer_that_pauses_on_a_share_with_a_slow_clock(
    inbox: Path, make: Make, settings: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file looks as old as can be, and still it is watched for the seconds that were asked for."""
    path = inbox / "paused.csv"
    path.write_bytes(b"a;b\n1;")

    def go_on() -> None:
        with path.open("ab") as file:
            file.write(b"2\n")

    clock = Clock(go_on)
    monkeypatch.setattr(folder_connector, "time", clock)
    connector = make(
        lambda data: data.endswith(b"\n") or "incomplete_after_seconds" not in settings,
        complete_when="stable",
        **settings,
    )
    assert pulled(connector) == {}
    assert clock.monotonic() == pytest.approx(0.4), "the seconds that were asked for, and no more"
    clock.meanwhile = bool
    assert pulled(connector)["paused.csv"].data == b"a;b\n1;2\n"


def test_temporary_names_are_not_looked_at(inbox: Path, make: Make) -> None:
    for name in (".hidden", "a.tmp", "a.part", "a.filepart", "a.partial", "a.crdownload", "a~"):
        (inbox / name).write_bytes(b"x")
    assert pulled(make()) == {}
    (inbox / "a.part").rename(inbox / "a.edi")
    assert pulled(make()).keys() == {"a.edi"}


def test_a_huge_file_is_refused_without_being_read(inbox: Path, make: Make) -> None:
    with (inbox / "huge.edi").open("wb") as file:
        file.truncate(5 * 1024**3)
    (inbox / "fits.edi").write_bytes(b"x" * 1000)
    connector = make(max_bytes=1000)
    found = pulled(connector)
    assert found["fits.edi"].data is not None
    assert found["huge.edi"].data is None
    assert "5368709120 bytes" in (found["huge.edi"].problem or "")
    settle_all(connector)
    assert kept(inbox, "refused") == ["huge.edi"]


def test_files_that_vanish_or_are_replaced_while_they_are_pulled(inbox: Path, make: Make) -> None:
    for number in range(3):
        (inbox / f"{number}.edi").write_bytes(b"%d" % number)
    pulling = make(order="name").pull("orders", None)
    assert next(pulling).name == "0.edi"
    (inbox / "1.edi").unlink()
    (inbox / "new").write_bytes(b"replaced")
    (inbox / "new").rename(inbox / "2.edi")
    assert list(pulling) == []
    assert pulled(make())["2.edi"].data == b"replaced"


def test_a_file_replaced_before_it_is_settled_stays_and_is_a_new_arrival(inbox: Path, make: Make) -> None:
    (inbox / "x.edi").write_bytes(b"first")
    connector = make()
    [first] = connector.pull("orders", None)
    (inbox / "y").write_bytes(b"second")
    (inbox / "y").rename(inbox / "x.edi")
    connector.settle(first, Settlement.ACCEPTED)
    assert kept(inbox) == []
    [second] = connector.pull("orders", None)
    assert second.data == b"second"
    assert second.arrival != first.arrival


def test_a_file_swapped_for_a_pipe_after_the_look_is_not_waited_for(inbox: Path) -> None:
    (inbox / "x.edi").write_bytes(b"x")
    with tree.open_root(inbox) as root:
        first = tree.look(root, (), "x.edi")
        assert first is not None
        (inbox / "x.edi").unlink()
        os.mkfifo(inbox / "x.edi")
        with pytest.raises(tree.NotRegular):
            tree.read(root, first, limit=10)
        (inbox / "x.edi").unlink()
        (inbox / "x.edi").symlink_to("/etc/hostname")
        with pytest.raises(tree.NotRegular):
            tree.read(root, first, limit=10)


def test_two_workers_on_one_folder(inbox: Path, make: Make) -> None:
    """Both may see a file; they name its arrival the same, and settling it twice moves it once."""
    for number in range(20):
        (inbox / f"{number}.edi").write_bytes(b"x")
    first, second = make(), make()
    mine, theirs = pulled(first), pulled(second)
    assert {i.arrival for i in mine.values()} == {i.arrival for i in theirs.values()}
    threads = [
        threading.Thread(target=lambda c=c, f=f: [c.settle(i, Settlement.ACCEPTED) for i in f.values()])
        for c, f in ((first, mine), (second, theirs))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept(inbox)) == 20
    assert pulled(first) == {}


def test_a_marker_of_an_earlier_file_does_not_release_a_later_one(inbox: Path, make: Make) -> None:
    (inbox / "x.done").touch()
    os.utime(inbox / "x.done", (1, 1))
    (inbox / "x.edi").write_bytes(b"half")
    connector = make(complete_when="marker")
    assert pulled(connector) == {}
    (inbox / "x.done").touch()
    (inbox / "x.csv").write_bytes(b"waits for the same marker")
    (inbox / "x.done").touch()
    assert pulled(connector).keys() == {"x.edi", "x.csv"}
    [csv, edi] = sorted(pulled(connector).values(), key=lambda interchange: interchange.name)
    connector.settle(edi, Settlement.ACCEPTED)
    assert (inbox / "x.done").exists()
    connector.settle(csv, Settlement.ACCEPTED)
    assert not (inbox / "x.done").exists()


def test_an_unreadable_file_is_refused_with_its_reason() -> None:
    """As an ordinary user, for root reads everything."""
    program = (
        "import os, sys, json\n"
        "from connectors.folder.connector import FolderConnector\n"
        "from connectors.folder.settings import FolderSettings\n"
        "from orderhub.testing import PortsForTests\n"
        "os.setuid(65534) if os.getuid() == 0 else None\n"
        "c = FolderConnector(FolderSettings(path=sys.argv[1], complete_when='renamed'), PortsForTests())\n"
        "print(json.dumps({i.name: i.problem for i in c.pull('orders', None)}))\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        inbox = Path(folder)
        inbox.chmod(0o755)
        (inbox / "locked.edi").write_bytes(b"x")
        (inbox / "locked.edi").chmod(0)
        (inbox / "open.edi").write_bytes(b"x")
        (inbox / "open.edi").chmod(0o644)
        ran = subprocess.run(
            [sys.executable, "-c", program, folder], capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stderr
    said = msgspec.json.decode(ran.stdout)
    assert said == {"locked.edi": "locked.edi may not be read by the hub's user.", "open.edi": None}


def test_what_the_hub_has_is_deleted_and_the_rest_is_put_away(inbox: Path, make: Make) -> None:
    (inbox / "good.edi").write_bytes(b"good")
    (inbox / "link.edi").symlink_to("good.edi")
    connector = make(after="delete")
    settle_all(connector)
    assert [path.name for path in inbox.iterdir()] == ["refused"]
    assert kept(inbox, "refused") == ["link.edi"]
    (inbox / "x.edi").write_bytes(b"first")
    [first] = connector.pull("orders", None)
    (inbox / "y").write_bytes(b"other")
    (inbox / "y").rename(inbox / "x.edi")
    connector.settle(first, Settlement.ACCEPTED)
    assert (inbox / "x.edi").read_bytes() == b"other", "replaced since"
    [other] = connector.pull("orders", None)
    # a crash between claiming and deleting
    mark = f"{other.handle['modified_ns']:x}-{other.handle['inode']:x}"
    (inbox / "x.edi").rename(inbox / f".orderhub-taken-{mark}")
    assert pulled(make(after="delete", ignore=[])) == {}
    for _ in range(2):
        connector.settle(other, Settlement.ACCEPTED)
    assert [path.name for path in inbox.iterdir()] == ["refused"]


def test_a_large_folder_is_pulled_in_rounds_and_in_order(
    inbox: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_connector, "ROUND", 10)
    for number in range(35):
        (inbox / f"{number:02}.edi").write_bytes(b"x")
        os.utime(inbox / f"{number:02}.edi", (10_000 - number // 3, 10_000 - number // 3))
    for settings in (
        {},
        {"order": "name"},
        {"after": "leave"},
        {"complete_when": "stable", "stable_seconds": 0},
    ):
        found = [one.name for one in make(**settings).pull("orders", None)]
        assert len(found) == len(set(found)) == 35, settings
        if not settings:
            assert found == sorted(found, key=lambda name: (-(int(name[:2]) // 3), name))
    settle_all(make())
    assert len(kept(inbox)) == 35


_LISTING = """
import re, sys
from pathlib import Path
from connectors.folder.connector import FolderConnector
from connectors.folder.settings import FolderSettings
from orderhub.testing import PortsForTests

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

connector = FolderConnector(FolderSettings(path=sys.argv[1], complete_when="renamed"), PortsForTests())
before = peak()
pulling = connector.pull("orders", None)
first = [next(pulling).name for _ in range(3)]
pulling.close()
print(*first, peak() - before)
"""


@pytest.mark.slow
def test_a_folder_of_a_hundred_thousand_files_is_listed_within_bounded_memory(inbox: Path) -> None:
    here = os.open(inbox, os.O_RDONLY)
    for number in range(100_000):
        os.close(os.open(f"order_{number:06}.edi", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here))
    os.close(here)
    for number in range(3):
        (inbox / f"order_09999{number}.edi").write_bytes(b"x")
        os.utime(inbox / f"order_09999{number}.edi", (1000 + number, 1000 + number))
    ran = subprocess.run(
        [sys.executable, "-c", _LISTING, str(inbox)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    *first, megabytes = ran.stdout.split()
    assert first == [f"order_09999{number}.edi" for number in range(3)]
    assert float(megabytes) < 25


def test_a_folder_that_is_not_there_or_is_a_file(inbox: Path, make: Make, tmp_path: Path) -> None:
    missing = make(path=str(tmp_path / "missing"))
    with pytest.raises(ConnectorUnavailable, match="does not exist"):
        list(missing.pull("orders", None))
    (tmp_path / "file").touch()
    with pytest.raises(ConnectorRefused):
        list(make(path=str(tmp_path / "file")).pull("orders", None))
    assert not make(path=str(tmp_path / "file")).check().ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "../up"},
        {"path": ""},
        {"processed": "a/b"},
        {"processed": ".."},
        {"processed": "same", "refused": "same"},
        {"markers": ["done"]},
        {"complete_when": "whenever"},
        {"max_byte": 1},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(make: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong)) if len(wrong) == 1 else "two folders"):
        make(**wrong)


def test_a_moved_name_stays_within_what_a_file_system_takes() -> None:
    for name in ("x" * 255, "单" * 85, "a." + "y" * 253, ".hidden"):
        assert len(os.fsencode(names.distinct(name, "mark"))) <= names.NAME_MAX
