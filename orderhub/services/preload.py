"""Imports what tasks need, once, in the process that forks the workers.

Great Expectations alone costs some 5 s and 280 MB to import; forked workers share it copy-on-write.
"""

from __future__ import annotations

import gc
import importlib
import logging
from collections.abc import Iterable

log = logging.getLogger(__name__)

#: What the stages import when they run.
HEAVY = (
    "pandas",
    "great_expectations",
    "sqlalchemy",
    "psycopg",
    "redis",
    "httpx",
    "cryptography.fernet",
    "orderhub.formats.edifact.dialect",
    "orderhub.formats.x12.dialect",
    "orderhub.formats.csv.dialect",
    "orderhub.formats.json.dialect",
    "orderhub.pull.stage",
    "orderhub.translate.stage",
    "orderhub.validate.stage",
    "orderhub.load.stage",
    "orderhub.acknowledge.stage",
    "orderhub.flows.runner",
    "orderhub.services.endpoints",
    "connectors.folder.connector",
    "connectors.warehouse.connector",
    "connectors.tryton.connector",
)


def preload(modules: Iterable[str] = HEAVY) -> list[str]:
    """Import the modules and return those that could be imported.

    One that is missing or broken is logged and left out: the task that needs it fails with its own, better error.
    """
    imported = []
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception:
            log.exception("Could not preload %s; the tasks that need it will say why.", name)
        else:
            imported.append(name)
    # what is alive now stays alive: the collector shall not touch (and so copy) its pages in every worker
    gc.collect()
    gc.freeze()
    return imported
