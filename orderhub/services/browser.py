"""Finds a Chromium for the browser tests, and installs it where that can be done without asking anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from orderhub.errors import ServiceError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of a Chromium; ``ORDERHUB__CHROMIUM`` names one that is not on the path."""
    named = os.environ.get("ORDERHUB__CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


def ensure() -> str:
    """The path of a Chromium; root on Debian or Ubuntu gets one through apt-get.

    :raises ServiceError: there is none, with the command that installs it.
    """
    found = find()
    if found is not None:
        return found
    command = "apt-get update && apt-get install --yes --no-install-recommends chromium"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sys.stderr.write(f"The browser tests need Chromium; running: {command}\n")
        done = subprocess.run(["sh", "-c", command], check=False, stdout=subprocess.DEVNULL)
        found = find()
        if done.returncode == 0 and found is not None:
            return found
    raise ServiceError(
        "The browser tests need Chromium, and there is none on this machine.",
        todo=f"As root: {command}. Or name one in ORDERHUB__CHROMIUM.",
    )


if __name__ == "__main__":
    try:
        ensure()
    except ServiceError as error:
        sys.exit(str(error))
