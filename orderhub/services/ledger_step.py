"""The start's step that brings the ledger's and the warehouse's tables to the newest version."""

from __future__ import annotations

import importlib
import importlib.util

from orderhub.services import endpoints


def main() -> None:
    """Migrate the hub's database."""
    if importlib.util.find_spec("orderhub.ledger.migrate") is None:
        return
    # imported here by name: services start this step, they do not depend on the ledger otherwise
    try:
        importlib.import_module("orderhub.ledger.migrate").upgrade(endpoints.load().database_url)
    except NotImplementedError:
        return


if __name__ == "__main__":
    main()
