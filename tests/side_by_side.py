"""Tests in several processes at once (``pytest -n 2``, by pytest-xdist): which go together, in what order, and which go alone.

A file stays in one process, so that what it starts is started once. All files with ``airflow`` in their name share one: they
use the same running stack, in a row, and come first because they take longest. A test marked ``alone`` measures time that
others would take from it: while it runs, the other processes wait.
"""

from __future__ import annotations

import fcntl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler.protocol import Scheduling

#: Name of the group of tests that share a started Airflow, and what the names of their files have in them.
AIRFLOW = "airflow"
#: The folder of the tests that start nothing, or little.
UNIT = "unit"


def group_of(file: str) -> str:
    """Whose tests run in one process, in a row: the file's own, or those of all files about the running Airflow."""
    return AIRFLOW if AIRFLOW in Path(file).name else file


def may_share_airflow(item: pytest.Item) -> bool:
    """Whether a test belongs to those that use the running Airflow."""
    return group_of(str(item.path)) == AIRFLOW


def in_a_row(items: list[pytest.Item]) -> None:
    """Put the tests of files that share a running Airflow before the others, and those without servers behind them.

    So the files that are dealt out last are short ones, and no process works on alone for long.
    """
    items.sort(key=lambda item: (not may_share_airflow(item), UNIT in item.path.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Deal out files, in the order of the collection, unless another way is asked for by ``--dist``."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(super()._split_scope(nodeid))

    config.option.loadscopereorder = False
    return ByFile(config, log)


@contextmanager
def _held(path: Path, how: int) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait until this test may run. Who wants to be alone holds the door, so that nobody slips in before.

    :param folder: the processes' own, the same for all of them.
    """
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with (folder / "room").open("w") as room:
        with _held(folder / "door", fcntl.LOCK_EX):
            fcntl.flock(room, how)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Outside of the test's time-out: waiting is not its fault."""
    cache = getattr(item.config, "cache", None)
    if not hasattr(item.config, "workerinput") or cache is None:
        return (yield)
    with turn(cache.mkdir("side_by_side"), alone=item.get_closest_marker("alone") is not None):
        return (yield)
