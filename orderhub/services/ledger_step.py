"""The start's step that brings the ledger's and the warehouse's tables to the newest version."""

from __future__ import annotations

from orderhub.ledger import migrate
from orderhub.services import endpoints


def main() -> None:
    """Migrate the hub's database."""
    migrate.upgrade(endpoints.load().database_url)


if __name__ == "__main__":
    main()
