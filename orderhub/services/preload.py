"""Heavy imports, done once in the process that Airflow's executor forks its workers from.

Great Expectations takes 5 s and 280 MB to import. After a fork that is paid and shared. The caller adds its own modules.
Nothing here opens a connection, a thread or a file that a forked process would have to share.
"""

from __future__ import annotations

import importlib
import logging

from orderhub.errors import HubError

log = logging.getLogger(__name__)

#: Imported in this order. What tasks use, and what takes noticeable time to import.
HEAVY = (
    "great_expectations",
    "pandas",
    "sqlalchemy",
    "psycopg",
    "lxml.etree",
    "httpx",
    "redis",
    "fsspec",
    "cryptography.hazmat.primitives.ciphers.aead",
    "ruamel.yaml",
)


def preload(modules: tuple[str, ...] = HEAVY) -> list[str]:
    """Import them; the names that could be imported. A module that is missing is logged and left to the task that needs
    it, which then reports it with the flow and the document at hand."""
    imported: list[str] = []
    for name in modules:
        try:
            importlib.import_module(name)
        except (ImportError, HubError) as error:
            log.warning("Not preloaded: %s (%s)", name, error)
        else:
            imported.append(name)
    return imported
