"""Opens what a command needs of the running hub, and closes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from orderhub.flows.registry import FlowRegistry
    from orderhub.ledger.records import DocumentPath
    from orderhub.stage import HubContext


def flows() -> FlowRegistry:
    """The project's flows; needs nothing running."""
    from orderhub.flows.registry import FlowRegistry
    from orderhub.services.settings import get_settings

    return FlowRegistry(get_settings().path("flows_folder"))


@contextmanager
def context() -> Iterator[HubContext]:
    """The context of the stages on the running services."""
    from orderhub.flows.context import open_context
    from orderhub.services import airflow_connections, endpoints
    from orderhub.services.settings import get_settings

    settings = get_settings()
    opened = open_context(
        settings, endpoints.load(settings), connections=airflow_connections.lookup(settings)
    )
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def ledger() -> Iterator[Engine]:
    """The ledger's database only."""
    from orderhub.ledger.engine import create_engine
    from orderhub.services import endpoints

    engine = create_engine(endpoints.load().database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def document_path(document: int) -> DocumentPath:
    """All that the ledger says of one document.

    :raises LedgerError: there is none with this id.
    """
    from orderhub.errors import LedgerError
    from orderhub.ledger import queries

    with ledger() as engine, engine.connect() as connection:
        path = queries.document_path(connection, document)
    if path is None:
        raise LedgerError(f"There is no document {document}.", todo="`orderhub document find` lists them.")
    return path


@contextmanager
def ledger_if_there() -> Iterator[Connection | None]:
    """A connection to the ledger for what is better known than not; ``None`` where the hub does not run or was never
    started."""
    from sqlalchemy import text

    from orderhub.errors import HubError
    from orderhub.ledger.engine import transaction

    with ExitStack() as stack:
        try:
            connection = stack.enter_context(transaction(stack.enter_context(ledger())))
            ready = connection.execute(text("SELECT to_regclass('ledger.artifact')")).scalar() is not None
        except HubError:
            yield None
            return
        yield connection if ready else None


def actor() -> str:
    """Who acts, for the ledger: the user of this terminal."""
    import getpass

    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in a container
        import os

        return f"cli:{os.getuid()}"
