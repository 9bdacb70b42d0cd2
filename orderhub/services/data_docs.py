"""Where the data docs are, and the process that builds them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from orderhub.errors import ServiceError
from orderhub.services import folder as data_folders
from orderhub.services.settings import Settings

#: Seconds; a build takes five of them, most for the import of Great Expectations.
LONGEST = 300.0


class DataDocsFailed(ServiceError):
    """The data docs could not be built; what is there stays as it is."""

    code: ClassVar[str] = "DATA_DOCS_FAILED"


def data_docs_folder(settings: Settings) -> Path:
    """The site's folder in the data folder; it may not be there yet."""
    return data_folders.choose(settings).path / "data_docs"


def build_apart() -> None:
    """Build the site in a process of its own, which takes Great Expectations' memory with it when it ends.

    :raises DataDocsFailed: with the end of what it said.
    """
    command = (sys.executable, "-m", "orderhub.cli.main", "quality", "build")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    except subprocess.TimeoutExpired as error:
        raise DataDocsFailed(
            f"The data docs were not ready after {LONGEST:.0f} s.", todo="Run `orderhub quality build`."
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[-500:]
        raise DataDocsFailed(
            f"The data docs could not be built: {said}", todo="Run `orderhub quality build`."
        )
