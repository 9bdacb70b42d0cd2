"""Real parts for the tests, started once per session and only when a test asks for them.

``database``       an empty-of-data, migrated database of the test's own (URL)
``empty_database`` a database without any table (URL)
``valkey_url``     Valkey, emptied before the test (URL)
``erp``            a Tryton server with the sample master data (``endpoints.erp_*``)
``stack``          everything, Airflow and intake too, on free ports; shared by the files with ``airflow`` in their name

Tryton's environment and a prepared data folder (databases initialised, master data written) are kept in the project's
data folder between runs, so that only the first run pays for them.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psycopg
import pytest
import redis
from peers import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - pytest finds its hooks here
from psycopg import sql
from servers.free_ports import free_port
from shared_stack import SHARED_STACK, SharedStack, pytest_runtest_teardown  # noqa: F401 - as above
from short_folders import short_folder
from side_by_side import in_a_row, pytest_runtest_protocol, pytest_xdist_make_scheduler  # noqa: F401 - as above

import connectors  # noqa: F401 - first, for the folder tests/unit/connectors has its name
from orderhub.ledger import migrate
from orderhub.services import folder as data_folders
from orderhub.services import leftovers
from orderhub.services.endpoints import Endpoints
from orderhub.services.settings import Settings, load_settings
from orderhub.services.stack import Stack
from orderhub.services.tryton import install as erp_install
from orderhub.testing import matrix
from orderhub.testing.matrix import pytest_runtest_logreport, pytest_terminal_summary  # noqa: F401 - as above

if TYPE_CHECKING:
    from servers.rabbitmq import RabbitMq

PROJECT = Path(__file__).resolve().parents[1]
ALL_PARTS = frozenset({"postgres", "valkey", "ledger", "erp", "airflow-tables", "airflow", "intake"})
#: No test cuts the machine's power: what a process wrote outlives its end without it.
NO_FSYNC = "fsync = off"
_numbers = itertools.count(1)

# The same examples in every run, however long one takes: what is refused here is refused because of a change.
# ``pytest --hypothesis-profile=default`` looks for others.
hypothesis.settings.register_profile(
    "orderhub", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("orderhub")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Contract tests say what they are; files that share a running Airflow stand in a row."""
    matrix.pytest_collection_modifyitems(items)
    in_a_row(items)


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A short-lived data folder; what a test leaves running in it is ended."""
    with short_folder("data") as folder:
        yield folder
        leftovers.sweep(folder)


@pytest.fixture(scope="session")
def project_data() -> data_folders.DataFolder:
    """The project's own data folder, where caches live; its databases are never touched by tests."""
    return data_folders.prepare(Settings(project_folder=PROJECT))


def stack_settings(data_folder: Path, cache: data_folders.DataFolder, **more: object) -> Settings:
    """Settings of a stack in a folder of its own, with the shared environment of the ERP."""
    return load_settings(
        project_folder=PROJECT, data_folder=data_folder, tools_folder=cache.path / "tools", **more
    )


@pytest.fixture(scope="session")
def stores(project_data: data_folders.DataFolder) -> Iterator[Stack]:
    """PostgreSQL and Valkey alone."""
    with (
        short_folder("stores") as folder,
        Stack(stack_settings(folder, project_data), parts=frozenset({"postgres", "valkey"})) as stack,
    ):
        with psycopg.connect(stack.superuser_dsn, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET {NO_FSYNC}")
            connection.execute("SELECT pg_reload_conf()")
        yield stack


def _new_database(stores: Stack, template: str | None = None) -> tuple[str, str]:
    name = f"test_{os.getpid()}_{next(_numbers)}"
    # copied file by file: without fsync a fourth of the work of the usual way, which writes all of it to the log
    statement = sql.SQL("CREATE DATABASE {} OWNER orderhub TEMPLATE {} STRATEGY FILE_COPY").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(stores.superuser_dsn, autocommit=True) as connection:
        connection.execute(statement)
    return name, stores.endpoints.database_url.rsplit("/", 1)[0] + f"/{name}"


def _drop_database(stores: Stack, name: str) -> None:
    with psycopg.connect(stores.superuser_dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def ledger_template(stores: Stack) -> str:
    """Name of a migrated database that the tests' own ones are copied from."""
    name, url = _new_database(stores)
    migrate.upgrade(url)
    return name


@pytest.fixture
def database(stores: Stack, ledger_template: str) -> Iterator[str]:
    """URL of a migrated database of the test's own."""
    name, url = _new_database(stores, ledger_template)
    yield url
    _drop_database(stores, name)


@pytest.fixture
def empty_database(stores: Stack) -> Iterator[str]:
    """URL of a database without tables."""
    name, url = _new_database(stores)
    yield url
    _drop_database(stores, name)


@pytest.fixture
def valkey_url(stores: Stack) -> str:
    """URL of an emptied Valkey."""
    with redis.Redis.from_url(stores.endpoints.valkey_url) as client:
        client.flushall()
    return stores.endpoints.valkey_url


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[redis.Redis]:
    """A client of an emptied Valkey; texts come decoded."""
    with redis.Redis.from_url(valkey_url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="session")
def rabbit() -> Iterator[RabbitMq]:
    """A RabbitMQ, shared by the session; tests may kill and start it."""
    from servers.rabbitmq import rabbitmq

    with rabbitmq() as broker:
        yield broker


def _prepared_mark() -> str:
    """Changes with everything that a prepared data folder is made from."""
    content = hashlib.sha256()
    sources = [PROJECT / "requirements.txt", PROJECT / "samples" / "master_data.yaml"]
    sources += sorted(Path(erp_install.__file__).parent.glob("*"))
    for source in sources:
        if source.is_file():
            content.update(source.read_bytes())
    return content.hexdigest()[:12]


@pytest.fixture(scope="session")
def prepared(project_data: data_folders.DataFolder) -> Path:
    """A stopped data folder with initialised databases. Made once; tests copy it."""
    cache = project_data.path / "cache"
    cache.mkdir(mode=0o711, exist_ok=True)
    folder = cache / f"prepared-{_prepared_mark()}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for old in cache.glob("prepared-*"):
                shutil.rmtree(old)
            settings = stack_settings(folder, project_data, airflow_port=free_port())
            with Stack(settings, parts=frozenset({"postgres", "erp", "airflow-tables"})):
                pass
            (folder / "complete").touch()
    return folder


@contextmanager
def copied_stack(
    prepared: Path, cache: data_folders.DataFolder, parts: frozenset[str], **settings: object
) -> Iterator[Stack]:
    """A running stack on a copy of the prepared data folder."""
    with short_folder("stack") as folder:
        # -a keeps PostgreSQL's owner
        subprocess.run(["cp", "-a", f"{prepared}/.", str(folder)], check=True)
        for name in ("logs", "run"):
            shutil.rmtree(folder / name, ignore_errors=True)
        with (folder / "postgres" / "postgresql.auto.conf").open("a") as configuration:
            configuration.write(f"{NO_FSYNC}\n")
        # flow files and mappings of its own, so that a test may add and break some
        own = {name: Path(shutil.copytree(PROJECT / name, folder / name)) for name in ("flows", "mappings")}
        settings = {f"{name}_folder": path for name, path in own.items()} | settings
        port = free_port() if "airflow" in parts else None
        with Stack(stack_settings(folder, cache, airflow_port=port, **settings), parts=parts) as stack:
            yield stack


@pytest.fixture(scope="session")
def erp_stack(prepared: Path, project_data: data_folders.DataFolder) -> Iterator[Stack]:
    """PostgreSQL and the ERP."""
    with copied_stack(prepared, project_data, frozenset({"postgres", "erp"})) as stack:
        yield stack


@pytest.fixture(scope="session")
def erp(erp_stack: Stack) -> Endpoints:
    """Address and sign-in of a Tryton server with the sample master data, shared by the session."""
    return erp_stack.endpoints


@pytest.fixture(scope="session")
def shared_stack(
    request: pytest.FixtureRequest, prepared: Path, project_data: data_folders.DataFolder
) -> Iterator[SharedStack]:
    """Holds what ``stack`` gives; see there."""
    shared = SharedStack(lambda: copied_stack(prepared, project_data, ALL_PARTS))
    request.config.stash[SHARED_STACK] = shared
    yield shared
    shared.end()


@pytest.fixture(scope="module")
def stack(shared_stack: SharedStack) -> Stack:
    """Everything, shared by the files with ``airflow`` in their name. ``stack.endpoints`` has the addresses,
    ``stack.environment`` makes the ``orderhub`` command use it, ``stack.supervisor`` restarts or halts single programs."""
    return shared_stack.get()


@pytest.fixture
def stack_with(
    prepared: Path, project_data: data_folders.DataFolder
) -> Callable[..., AbstractContextManager[Stack]]:
    """Everything, with settings of the test's own: ``with stack_with(mappings_folder=…) as stack``. Costs a start."""

    def start(**settings: object) -> AbstractContextManager[Stack]:
        return copied_stack(prepared, project_data, ALL_PARTS, **settings)

    return start
