"""The intake sweeps the archive: a real archive, a real ledger."""

from __future__ import annotations

import io
import logging
import os
import time
from pathlib import Path

import pytest
from hub_harness import endpoints_for
from sqlalchemy import Engine

from orderhub.errors import LedgerUnavailable
from orderhub.intake.housekeeping import Housekeeping
from orderhub.intake.process import sweep
from orderhub.ledger.archive import Archive
from orderhub.security.keys import KeyRing

pytestmark = pytest.mark.integration


def until(condition: object, seconds: float = 15) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_original_without_a_row_is_removed_and_the_log_says_so(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reachable = endpoints_for("", tmp_path)
    archive = Archive(reachable.archive_url, KeyRing.from_text(reachable.archive_key))
    orphan = archive.store(io.BytesIO(b"a crash came before its row")).key
    fresh = archive.store(io.BytesIO(b"its row comes in a moment")).key
    old = time.time() - 7200
    os.utime(tmp_path / "archive" / orphan[:2] / orphan[2:4] / orphan, (old, old))
    caplog.set_level(logging.INFO)
    housekeeping = Housekeeping(lambda: sweep(engine, reachable), first_seconds=0.01)
    housekeeping.start()
    until(lambda: "archive swept: 1 left-overs removed" in caplog.text)
    housekeeping.stop()
    assert not archive.exists(orphan)
    assert archive.exists(fresh)
    assert orphan in caplog.text


def test_a_sweep_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    asked = []

    def fails_twice() -> list[str]:
        asked.append(1)
        if len(asked) == 1:
            raise LedgerUnavailable("The ledger is away.", todo="Wait.")
        if len(asked) == 2:
            raise ZeroDivisionError
        return []

    caplog.set_level(logging.INFO)
    housekeeping = Housekeeping(fails_twice, first_seconds=0.01, pause_seconds=0.01)
    housekeeping.start()
    until(lambda: "archive swept: 0" in caplog.text)
    housekeeping.stop()
    assert "The ledger is away" in caplog.text
