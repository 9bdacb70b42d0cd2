"""Starts the process that a driver runs in: ``python -m connectors.sql.sessions.start``.

pyarrow imports NumPy, and with the first array pandas, only to see that the values are none of their objects. Here they never
are; without the two a process is ready after a tenth of a second of work instead of more than one.
"""

from __future__ import annotations

import importlib.abc
import sys
from typing import Any


class Without(importlib.abc.MetaPathFinder):
    """Makes the import of these packages fail at once, as if they were not installed."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """:raises ModuleNotFoundError: it is one of them."""
        if fullname in self._names:
            raise ModuleNotFoundError(f"the process of a driver does without {fullname}", name=fullname)


if __name__ == "__main__":
    sys.meta_path.insert(0, Without("numpy", "pandas"))
    from connectors.sql.sessions.worker import main

    main()
