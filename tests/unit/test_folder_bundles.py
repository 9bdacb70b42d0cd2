"""Files of a folder that belong together: one interchange when all are there, moved together, and said when one is not."""

from __future__ import annotations

import io
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.folder.bundles import member_text
from connectors.folder.connector import FolderConnector
from orderhub.connector import Interchange, Settlement
from orderhub.connector_registry import registry
from orderhub.errors import ConfigError
from orderhub.formats.bundle import pack
from orderhub.testing import PortsForTests

Make = Callable[..., FolderConnector]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    return folder


@pytest.fixture
def make(inbox: Path) -> Make:
    def build(complete: Callable[[bytes], bool] = bool, **settings: Any) -> FolderConnector:
        given = {
            "path": str(inbox),
            "complete_when": "renamed",
            "bundle": ["head.csv", "line.csv"],
            **settings,
        }
        ports = PortsForTests(complete=complete, resources={"bundle": pack})
        connector = registry().create("folder", given, ports)
        assert isinstance(connector, FolderConnector)
        return connector

    return build


def pull(connector: FolderConnector) -> list[Interchange]:
    return list(connector.pull("tables", None))


def members(interchange: Interchange) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(interchange.data or b"")) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def put(inbox: Path, **files: str) -> None:
    for name, text in files.items():
        (inbox / f"{name}.csv").write_text(text)


def left(inbox: Path) -> list[str]:
    return sorted(path.name for path in inbox.iterdir() if path.is_file())


def kept(inbox: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (inbox / kind).glob("*/*"))


def test_all_members_are_one_interchange_and_move_together(inbox: Path, make: Make) -> None:
    put(inbox, head="h", line="l", readme="not ours")
    connector = make()
    [interchange] = pull(connector)
    assert (interchange.name, interchange.media_type) == ("tables.zip", "application/zip")
    assert members(interchange) == {"head.csv": b"h", "line.csv": b"l"}
    assert interchange.attributes["members"] == "head.csv, line.csv"
    assert [again.arrival for again in pull(make())] == [interchange.arrival]
    connector.settle(interchange, Settlement.ACCEPTED)
    make().settle(interchange, Settlement.ACCEPTED)
    assert (left(inbox), kept(inbox, "processed")) == (["readme.csv"], ["head.csv", "line.csv"])
    assert pull(make()) == []


def test_the_same_members_sent_again_are_the_same_bytes_and_another_arrival(inbox: Path, make: Make) -> None:
    connector = make()
    found = []
    for _ in range(2):
        put(inbox, line="l", head="h")
        [interchange] = pull(connector)
        found.append(interchange)
        connector.settle(interchange, Settlement.ACCEPTED)
    assert found[0].data == found[1].data
    assert found[0].arrival != found[1].arrival


def test_what_lacks_a_member_waits_and_is_then_said(inbox: Path, make: Make) -> None:
    put(inbox, head="h")
    assert pull(make()) == []
    [interchange] = pull(make(bundle_wait_seconds=0))
    assert interchange.data is None
    assert interchange.problem == "line.csv did not come within 0 s after head.csv."
    make().settle(interchange, Settlement.REFUSED)
    assert (left(inbox), kept(inbox, "refused")) == ([], ["head.csv"])


def test_a_member_that_is_still_written_is_waited_for(inbox: Path, make: Make) -> None:
    put(inbox, head="whole\n", line="l")
    connector = make(complete=lambda data: data.endswith(b"\n"), complete_when="stable", stable_seconds=0.05)
    assert pull(connector) == []
    put(inbox, line="whole too\n")
    [interchange] = pull(connector)
    assert members(interchange)["line.csv"] == b"whole too\n"


def test_markers_release_members_one_by_one(inbox: Path, make: Make) -> None:
    connector = make(complete_when="marker")
    put(inbox, head="h", line="l")
    (inbox / "head.csv.done").touch()
    assert pull(connector) == []
    (inbox / "line.csv.done").touch()
    [interchange] = pull(connector)
    connector.settle(interchange, Settlement.ACCEPTED)
    assert left(inbox) == []


def test_a_member_that_cannot_be_used_refuses_all(inbox: Path, make: Make) -> None:
    (inbox / "line.csv").symlink_to("/etc/hostname")
    put(inbox, head="h")
    [interchange] = pull(make())
    assert interchange.data is None
    assert interchange.problem is not None
    assert "symbolic link" in interchange.problem
    make().settle(interchange, Settlement.REFUSED)
    assert kept(inbox, "refused") == ["head.csv", "line.csv"]
    put(inbox, head="h" * 8, line="l" * 8)
    [large] = pull(make(max_bytes=10))
    assert "16 bytes in all" in (large.problem or "")


def test_a_replaced_member_makes_another_arrival_and_is_not_moved_away(inbox: Path, make: Make) -> None:
    put(inbox, head="h", line="l")
    connector = make()
    [interchange] = pull(connector)
    (inbox / "new").write_text("newer")
    (inbox / "new").replace(inbox / "line.csv")
    connector.settle(interchange, Settlement.ACCEPTED)
    assert left(inbox) == ["line.csv"]
    put(inbox, head="h")
    [again] = pull(connector)
    assert members(again)["line.csv"] == b"newer"


def test_a_star_tells_bundles_apart_also_in_folders_below(inbox: Path, make: Make) -> None:
    settings: dict[str, Any] = {"bundle": ["head_*.csv", "line_*.csv"], "recursive": True}
    (inbox / "plant").mkdir()
    names = ("head_2", "line_2", "head_10", "line_10", "head_3", "plant/head_2", "plant/line_2")
    for second, name in enumerate(names, 1_000):
        put(inbox, **{name: name})
        os.utime(inbox / f"{name}.csv", (second, second))
    found = pull(make(**settings))
    assert [interchange.name for interchange in found] == ["tables_2.zip", "tables_10.zip", "plant_2.zip"]
    assert members(found[2]) == {"head_2.csv": b"plant/head_2", "line_2.csv": b"plant/line_2"}
    assert [each.name for each in pull(make(order="name", **settings))][:2] == [
        "tables_10.zip",
        "tables_2.zip",
    ]
    for interchange in found:
        make(**settings).settle(interchange, Settlement.ACCEPTED)
    assert left(inbox) == ["head_3.csv"]
    assert list((inbox / "plant").iterdir()) == []


def test_a_sender_may_pack_them_as_well(inbox: Path, make: Make) -> None:
    put(inbox, head="h", line="l", readme="not ours")
    (inbox / "sent.zip").write_bytes(pack([("head.csv", b"H"), ("line.csv", b"L")]))
    found = {each.name: members(each) for each in pull(make(patterns=["*.zip"]))}
    assert found == {
        "sent.zip": {"head.csv": b"H", "line.csv": b"L"},
        "tables.zip": {"head.csv": b"h", "line.csv": b"l"},
    }


@pytest.mark.parametrize(
    ("name", "pattern", "text"),
    [
        ("a.csv", "a.csv", ""),
        ("b.csv", "a.csv", None),
        ("a_1.csv", "a_*.csv", "1"),
        ("a_.csv", "a_*.csv", None),
        ("a_1.txt", "a_*.csv", None),
        ("aa", "a*a", None),
        ("a*b", "a*b", "*"),
    ],
)
def test_what_a_star_stands_for(name: str, pattern: str, text: str | None) -> None:
    assert member_text(name, pattern) == text


@pytest.mark.parametrize(
    "wrong",
    [
        ["a.csv"],
        ["a.csv", "a.csv"],
        ["a_*.csv", "b.csv"],
        ["*_*", "b_*"],
        ["x/a", "b"],
        ["a?", "b"],
        ["", "a"],
    ],
)
def test_a_bundle_that_cannot_be_told_is_refused(make: Make, wrong: list[str]) -> None:
    with pytest.raises(ConfigError, match="bundle"):
        make(bundle=wrong)


def test_two_workers_pull_one_bundle_as_one_arrival(inbox: Path, make: Make) -> None:
    put(inbox, head="h", line="l")
    arrivals: list[str] = []
    gate = threading.Barrier(2)

    def work() -> None:
        connector = make()
        found = pull(connector)
        gate.wait()
        for interchange in found:
            arrivals.append(interchange.arrival)
            connector.settle(interchange, Settlement.ACCEPTED)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(arrivals) == 2
    assert len(set(arrivals)) == 1
    # each is moved once; who comes second while the first holds the plain name gives it a mark
    assert sorted({name[:4] for name in kept(inbox, "processed")}) == ["head", "line"]
    assert len(kept(inbox, "processed")) == 2
