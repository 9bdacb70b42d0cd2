"""What the intake does beside its work, in threads of its own: once an hour the archive is swept, once a minute the ages
of what is kept back are looked at, every few minutes the data docs follow what was validated and the connectors are asked
whether they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from orderhub.errors import HubError

log = logging.getLogger(__name__)

#: Seconds between two sweeps. The first comes soon after the start, so that a hub that is restarted often sweeps too.
PAUSE = 3600.0
FIRST = 60.0
#: Seconds between two looks at the ages in the inbox.
ALERTS_PAUSE = 60.0
ALERTS_FIRST = 10.0

#: Seconds between two looks whether the data docs are behind.
DOCS_PAUSE = 300.0
DOCS_FIRST = 120.0

#: Seconds between two checks of all connectors.
CHECKS_PAUSE = 900.0
CHECKS_FIRST = 180.0


class Chore:
    """Calls ``work`` in a thread of its own, again and again until ``stop``: what takes long must not hold up arrivals, and
    what fails is tried again the next time."""

    #: What was not done when it failed, for the log.
    undone = "a chore was not done"

    def __init__(
        self, work: Callable[[], object], *, pause_seconds: float, first_seconds: float, name: str
    ) -> None:
        self._work = work
        self._pause = pause_seconds
        self._first = first_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it; work that is under way is waited for shortly, it may be cut off anywhere."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        pause = self._first
        while not self._stop.wait(pause):
            self._once()
            pause = self._pause

    def _once(self) -> None:
        try:
            self._work()
        except HubError as error:
            log.warning("%s, the next try is in %.0f s: %s", self.undone, self._pause, error)
        except Exception:
            # a defect here must not end it for good
            log.exception("%s, the next try is in %.0f s", self.undone, self._pause)


class Housekeeping(Chore):
    """Sweeps the archive every hour."""

    undone = "the archive was not swept"

    def __init__(
        self,
        sweep: Callable[[], Sequence[str]],
        *,
        pause_seconds: float = PAUSE,
        first_seconds: float = FIRST,
    ) -> None:
        def work() -> None:
            removed = sweep()
            log.info("archive swept: %d left-overs removed", len(removed))
            for name in removed:
                log.info("archive swept: %s had no interchange", name)

        super().__init__(work, pause_seconds=pause_seconds, first_seconds=first_seconds, name="housekeeping")


class AgeAlerts(Chore):
    """Looks every minute whether something has been kept back for too long; ``tell`` reports each case once."""

    undone = "the ages in the inbox were not looked at"

    def __init__(
        self,
        tell: Callable[[], object],
        *,
        pause_seconds: float = ALERTS_PAUSE,
        first_seconds: float = ALERTS_FIRST,
    ) -> None:
        super().__init__(tell, pause_seconds=pause_seconds, first_seconds=first_seconds, name="age-alerts")


class DataDocs(Chore):
    """Builds the data docs when something was validated since the last time. ``newest`` gives the id of the newest
    validation, None when there is none."""

    undone = "the data docs were not built"

    def __init__(
        self,
        newest: Callable[[], int | None],
        build: Callable[[], object],
        *,
        pause_seconds: float = DOCS_PAUSE,
        first_seconds: float = DOCS_FIRST,
    ) -> None:
        built: list[int | None] = [None]

        def work() -> None:
            found = newest()
            if found != built[0]:
                build()
                built[0] = found

        super().__init__(work, pause_seconds=pause_seconds, first_seconds=first_seconds, name="data-docs")


class ConnectorChecks(Chore):
    """Asks all connectors now and then whether they work, so that the page of connectors knows before somebody asks."""

    undone = "the connectors were not asked whether they work"

    def __init__(
        self,
        check: Callable[[], object],
        *,
        pause_seconds: float = CHECKS_PAUSE,
        first_seconds: float = CHECKS_FIRST,
    ) -> None:
        super().__init__(
            check, pause_seconds=pause_seconds, first_seconds=first_seconds, name="connector-checks"
        )
