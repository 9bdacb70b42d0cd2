"""One running stack for many tests, as long as tests in a row may want it: see the fixture ``stack``."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack

import pytest
from side_by_side import may_share_airflow

from orderhub.services.stack import Stack


class SharedStack:
    """Started when the first test asks. After ``end`` the next one who asks starts another."""

    def __init__(self, start: Callable[[], AbstractContextManager[Stack]]) -> None:
        self._start = start
        self._open = ExitStack()
        self._running: Stack | None = None

    def get(self) -> Stack:
        if self._running is None:
            self._running = self._open.enter_context(self._start())
        return self._running

    def end(self) -> None:
        self._running = None
        self._open.close()


SHARED_STACK = pytest.StashKey[SharedStack]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """An idle Airflow takes time from everything else: it ends with the last test that may want it."""
    yield
    shared = item.config.stash.get(SHARED_STACK, None)
    wanted = nextitem is not None and (nextitem.path == item.path or may_share_airflow(nextitem))
    if shared is not None and not wanted:
        shared.end()
