"""What the intake does once an hour beside its work: the archive is swept."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from orderhub.errors import HubError

log = logging.getLogger(__name__)

#: Seconds between two sweeps. The first comes soon after the start, so that a hub that is restarted often sweeps too.
PAUSE = 3600.0
FIRST = 60.0


class Housekeeping:
    """Calls ``sweep`` in a thread of its own, every hour until ``stop``: a large archive must not hold up arrivals."""

    def __init__(
        self,
        sweep: Callable[[], Sequence[str]],
        *,
        pause_seconds: float = PAUSE,
        first_seconds: float = FIRST,
    ) -> None:
        self._sweep = sweep
        self._pause = pause_seconds
        self._first = first_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it; a sweep that is under way is waited for shortly, it may be cut off anywhere."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = self._first
        while not self._stop.wait(pause):
            self._once()
            pause = self._pause

    def _once(self) -> None:
        try:
            removed = self._sweep()
        except HubError as error:
            log.warning("the archive was not swept, the next try is in %.0f s: %s", self._pause, error)
        except Exception:
            # a defect here must not end the sweeps for good
            log.exception("the archive was not swept, the next try is in %.0f s", self._pause)
        else:
            log.info("archive swept: %d left-overs removed", len(removed))
            for name in removed:
                log.info("archive swept: %s had no interchange", name)
