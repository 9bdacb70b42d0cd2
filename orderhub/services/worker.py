"""A process that runs flows without a scheduler, once or again and again, on the services that the settings name."""

from __future__ import annotations

import argparse
import logging
import sys
import time

import msgspec

from orderhub.errors import HubError, LedgerUnavailable
from orderhub.flows.context import open_context
from orderhub.flows.registry import FlowRegistry
from orderhub.flows.runner import run_flow
from orderhub.services import endpoints
from orderhub.services.settings import get_settings

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> int:
    """``python -m orderhub.services.worker FLOW…``: runs on the services that the settings name; results as JSON lines."""
    parser = argparse.ArgumentParser(
        prog="orderhub.services.worker", description="Run flows without a scheduler."
    )
    parser.add_argument("flows", nargs="+", metavar="FLOW")
    parser.add_argument("--repeat", action="store_true", help="go on until stopped")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two runs")
    parser.add_argument(
        "--lease-seconds", type=float, default=120, help="how long a dead process holds its work"
    )
    given = parser.parse_args(arguments)

    settings = get_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    failed = False
    try:
        registry = FlowRegistry(settings.path("flows_folder"))
        ctx = open_context(settings, endpoints.load(settings), lease_seconds=given.lease_seconds)
        try:
            while True:
                for name in given.flows:
                    try:
                        result = run_flow(ctx, registry.get(name), trigger="command")
                    except LedgerUnavailable as error:
                        if not given.repeat:
                            raise
                        # its session ended as a run began or was over: what is left open the next one takes up
                        log.warning("%s: %s", name, error)
                        continue
                    failed = failed or bool(result.problems)
                    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
                sys.stdout.flush()
                if not given.repeat:
                    break
                time.sleep(given.pause)
        finally:
            ctx.close()
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
