"""Starts the parts in the right order, the independent ones at the same time; waits until they are healthy; stops all.

postgres ── ledger-migrate ────────────────────────────────┐
   │ └───── airflow-migrate ── four Airflow parts ──────────┼── intake
   └─ erp-init (after erp-install) ── erp ── erp-setup ─────┘
valkey ─────────────────────────────────────────────────────┘
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import httpx
import psycopg
from psycopg import sql

from orderhub.errors import ServiceError
from orderhub.services import airflow_parts, catalogue, leftovers, postgres, secret_store, valkey
from orderhub.services import endpoints as addresses
from orderhub.services import folder as data_folders
from orderhub.services import ports as free_ports
from orderhub.services.control import Supervisor
from orderhub.services.settings import Settings
from orderhub.services.tryton import health as erp_health
from orderhub.services.tryton import install as erp_install

#: What can be started. A part whose URL is set is left out by itself. ``airflow-tables`` prepares Airflow's database
#: without starting Airflow.
PARTS = frozenset({"postgres", "valkey", "ledger", "erp", "airflow-tables", "airflow", "intake"})
_HEALTH_SECONDS = 600
#: A start whose port somebody else took meanwhile begins again on another, so often in all.
_STARTS = 3
#: Between two looks at who listens on the port of a program that is waited for.
_LOOK_SECONDS = 2.0
_BEGUN = "tryton: initialisation begun"


class Reporter(Protocol):
    """Is told how far the start is."""

    def begin(self, step: str) -> None: ...

    def done(self, step: str) -> None: ...

    def note(self, text: str) -> None: ...


class Silent:
    """A reporter for tests and scripts."""

    def begin(self, step: str) -> None:
        return

    def done(self, step: str) -> None:
        return

    def note(self, text: str) -> None:
        return


class Stack:
    """The hub's parts for one data folder. ``with Stack(settings) as stack:`` starts and stops them.

    :param parts: which to start, of :data:`PARTS`.
    """

    def __init__(
        self, settings: Settings, *, parts: frozenset[str] = PARTS, report: Reporter | None = None
    ) -> None:
        self.settings = settings
        self.parts = parts
        self._report = report or Silent()
        self._lock: IO[str] | None = None
        self._supervisor: Supervisor | None = None
        self._endpoints: addresses.Endpoints | None = None
        self._chosen = free_ports.Chosen()
        self._ports = addresses.Ports()
        self._secrets: secret_store.Secrets | None = None
        self.folder = data_folders.choose(settings)

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoints(self) -> addresses.Endpoints:
        """Addresses of the running parts."""
        if self._endpoints is None:
            raise RuntimeError("the stack has not been started")
        return self._endpoints

    @property
    def supervisor(self) -> Supervisor:
        """The supervisor, to look at, restart or halt single programs."""
        if self._supervisor is None:
            raise RuntimeError("the stack has not been started")
        return self._supervisor

    @property
    def environment(self) -> dict[str, str]:
        """The settings as environment variables, for commands that shall use this stack."""
        return catalogue.settings_environment(self.settings, self.folder)

    @property
    def superuser_dsn(self) -> str:
        """The embedded PostgreSQL's superuser, for tests and repairs."""
        return postgres.superuser_dsn(self._held(), self._ports.postgres)

    def start(self) -> addresses.Endpoints:
        """Start the parts and wait until all are healthy.

        :raises ServiceError: something is missing, taken or failed; everything that was started is stopped again.
        """
        self.folder = data_folders.prepare(self.settings)
        self._take_lock()
        try:
            if ended := leftovers.sweep(self.folder.path):
                self._report.note(f"Ended {ended} processes that an earlier start had left behind.")
            for more in reversed(range(_STARTS)):
                try:
                    self._start_on(self._choose_ports())
                    break
                except ServiceError:
                    self._stop_programs()
                    if not more or not (lost := self._lost_port()):
                        raise
                    self._report.note(
                        f"Port {lost} was taken by {free_ports.holder(lost)} meanwhile: starting on others."
                    )
                    self._chosen.close()
        except OSError as error:
            self.stop()
            raise ServiceError(
                f"The hub cannot be started: {error}.",
                todo=f"Look at what it names (rights, free space, size of the environment) and at {self.folder.logs}.",
            ) from error
        except BaseException:
            self.stop()
            raise
        return self.endpoints

    def _start_on(self, ports: addresses.Ports) -> None:
        settings = self.settings
        held = self._secrets = secret_store.ensure(self.folder.path)
        self._ports = ports
        self._endpoints = addresses.build(settings, self.folder, held, ports)
        programs = catalogue.build(settings, self.folder, held, ports, self._endpoints)
        # partners' files are nobody else's; a folder that an operator made keeps the rights he gave it
        self._endpoints.inbox_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._endpoints.outbox_folder is not None:
            self._endpoints.outbox_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if ports.airflow:
            airflow_parts.write_passwords(self.folder, self._endpoints)
        addresses.write_ports(self.folder.run, ports)
        environment = dict(os.environ) | {leftovers.MARK: str(self.folder.path.resolve())}
        self._supervisor = Supervisor(self.folder, programs, environment)
        self._start_parts()

    def _lost_port(self) -> int:
        """A port that somebody took between its choice and its use, looked for when our own programs have ended; 0: none."""
        ports, host = self._ports, self.settings.airflow_host
        for port in (ports.postgres, ports.valkey, ports.erp):
            if port and not free_ports.is_free(port):
                return port
        return ports.airflow if ports.airflow and not free_ports.is_free(ports.airflow, host) else 0

    def stop(self) -> None:
        """Stop everything; returns when nothing is left. May be called twice."""
        try:
            self._stop_programs()
        finally:
            self._chosen.close()
            if self._lock is not None:
                self._lock.close()
                self._lock = None

    def _stop_programs(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.stop()
        elif self._lock is not None:
            # stopped while the supervisor was being started: it is nobody's yet
            leftovers.sweep(self.folder.path)

    def check_programs(self) -> list[str]:
        """Names of programs that were kept running and have given up; empty when all is well.

        :raises ServiceError: the supervisor itself is gone.
        """
        if not self.supervisor.alive():
            raise ServiceError("The supervisor has ended.", todo=f"Read {self.folder.logs}/supervisor.log.")
        return [
            name for name, (state, _) in self.supervisor.states().items() if state in ("FATAL", "UNKNOWN")
        ]

    def _take_lock(self) -> None:
        file = (self.folder.run / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise ServiceError(
                f"The hub already runs with the data folder {self.folder.path} (process {holder}).",
                todo="Use it, or stop it with Ctrl-C there.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._lock = file

    def _choose_ports(self) -> addresses.Ports:
        settings, wanted = self.settings, self.parts
        before = addresses.read_ports(self.folder.run) or addresses.Ports()
        erp = "erp" in wanted and not settings.erp_url
        airflow = "airflow" in wanted and not settings.airflow_url
        tables = airflow or "airflow-tables" in wanted
        needs_database = (
            ("postgres" in wanted and not settings.database_url)
            or (tables and not settings.airflow_database_url)
            or (erp and not settings.erp_database_url)
        )

        def port(needed: bool, last: int, what: str, set_port: int | None = None, name: str = "") -> int:
            if not needed:
                return 0
            return self._chosen.pick(wanted=set_port, usual=last or None, what=what, setting=name)

        return addresses.Ports(
            postgres=port(needs_database, before.postgres, "PostgreSQL"),
            valkey=port("valkey" in wanted and not settings.valkey_url, before.valkey, "Valkey"),
            erp=port(erp, before.erp, "the ERP", settings.erp_port, "ORDERHUB_ERP_PORT"),
            airflow=self._chosen.pick(
                wanted=settings.airflow_port,
                usual=8080,
                host=settings.airflow_host,
                what="Airflow",
                setting="ORDERHUB_AIRFLOW_PORT",
            )
            if airflow
            else 0,
        )

    def _start_parts(self) -> None:
        with ThreadPoolExecutor(max_workers=6, thread_name_prefix="start") as pool:
            try:
                install = pool.submit(self._install_erp)
                cache = pool.submit(self._start_valkey)
                self._start_postgres()
                branches = [
                    install,
                    cache,
                    ledger := pool.submit(self._migrate_ledger),
                    pool.submit(self._start_airflow, ledger),
                    pool.submit(self._start_erp, install),
                ]
                done, _ = wait(branches, return_when=FIRST_EXCEPTION)
                for branch in done:
                    branch.result()
            except BaseException:
                # the other branches wait for programs; without a supervisor they end at once
                self._stop_programs()
                raise
        if "intake" in self.parts:
            with self._step("Intake"):
                supervisor = self.supervisor
                supervisor.start("intake")
                self._wait("intake", lambda: supervisor.state("intake")[0] == "RUNNING", "The intake")

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self._report.begin(text)
        yield
        self._report.done(text)

    def _wait(
        self,
        program: str | None,
        healthy: Callable[[], bool],
        what: str,
        *,
        port: int = 0,
        pause: float = 0.1,
    ) -> None:
        end = time.monotonic() + _HEALTH_SECONDS
        look = time.monotonic() + _LOOK_SECONDS
        while not healthy():
            supervisor = self.supervisor
            if not supervisor.alive():
                raise ServiceError("The supervisor has ended.", todo="Start again.")
            if port and time.monotonic() > look:
                # a program that cannot listen may be started again and again for as long as we wait
                if free_ports.is_others(port, supervisor.pid):
                    raise ServiceError(
                        f"{what}: port {port} was taken by {free_ports.holder(port)} before it could listen.",
                        todo="Start again.",
                    )
                look = time.monotonic() + _LOOK_SECONDS
            if program is not None and supervisor.state(program)[0] == "FATAL":
                raise ServiceError(
                    f"{what} ends again and again:\n{supervisor.log_tail(program)}\n",
                    todo=f"The whole log is {supervisor.log_path(program)}.",
                )
            if time.monotonic() > end:
                tail = supervisor.log_tail(program) if program else ""
                raise ServiceError(
                    f"{what} did not become healthy within {_HEALTH_SECONDS:.0f} s.\n{tail}\n",
                    todo=f"Read the logs in {self.folder.logs}.",
                )
            time.sleep(pause)

    def _held(self) -> secret_store.Secrets:
        if self._secrets is None:
            raise RuntimeError("the stack has not been started")
        return self._secrets

    def _start_postgres(self) -> None:
        port = self._ports.postgres
        if not port:
            return
        if not postgres.is_initialised(self.folder.path):
            with self._step("PostgreSQL: create the cluster"):
                self.supervisor.run_step("postgres-init", timeout_seconds=120)
        with self._step("PostgreSQL"):
            self.supervisor.start("postgres")
            dsn = postgres.superuser_dsn(self._held(), port)
            self._wait("postgres", lambda: postgres.answers(dsn), "PostgreSQL", port=port)
            postgres.ensure_databases(self._held(), port)

    def _start_valkey(self) -> None:
        if not self._ports.valkey:
            return
        with self._step("Valkey"):
            self.supervisor.start("valkey")
            self._wait(
                "valkey", lambda: valkey.answers(self.endpoints.valkey_url), "Valkey", port=self._ports.valkey
            )

    def _migrate_ledger(self) -> None:
        if "ledger" not in self.parts:
            return
        with self._step("Ledger and warehouse: tables"):
            self.supervisor.run_step("ledger-migrate", timeout_seconds=120)

    def _start_airflow(self, ledger: Future[None]) -> None:
        if self.settings.airflow_url:
            return
        if "airflow-tables" in self.parts:
            url = self.endpoints.airflow_database_url
            version = f"airflow {importlib.metadata.version('apache-airflow')}"
            if _database_note(url) != version:
                with self._step("Airflow: metadata tables"):
                    self.supervisor.run_step("airflow-migrate", timeout_seconds=300)
                _note_on_database(url, version)
        if not self._ports.airflow:
            return
        with self._step("Airflow: four parts healthy"):
            # a run that starts at once must find the ledger's tables
            for name in airflow_parts.PARTS:
                if name == "scheduler":
                    ledger.result()
                self.supervisor.start(name)
            self._wait(
                "api-server",
                lambda: not airflow_parts.unhealthy(f"http://127.0.0.1:{self._ports.airflow}"),
                "Airflow",
                port=self._ports.airflow,
                pause=0.5,
            )
            self._check_that_it_is_our_airflow()

    def _check_that_it_is_our_airflow(self) -> None:
        """Between the choice of the port and its use another hub may have taken it, whose Airflow looks just like ours."""
        port = self._ports.airflow
        try:
            airflow_parts.access_token(self.endpoints)
        except httpx.HTTPStatusError as error:
            raise ServiceError(
                f"At port {port} {free_ports.holder(port)} answers, which refuses the hub's sign-in "
                f"({error.response.status_code}).",
                todo="Start again, or set ORDERHUB_AIRFLOW_PORT.",
            ) from error

    def _install_erp(self) -> None:
        if not self._ports.erp:
            return
        environment = erp_install.environment_folder(self.settings, self.folder)
        if not erp_install.is_installed(environment):
            with self._step("ERP: install Tryton into its own environment"):
                self.supervisor.run_step("erp-install", timeout_seconds=900)

    def _start_erp(self, installed: Future[None]) -> None:
        if not self._ports.erp:
            return
        installed.result()
        url = self.endpoints.erp_database_url
        tables, full = self._erp_marks()
        note = _database_note(url)
        if not note.startswith(tables):
            if note == _BEGUN and self._ports.postgres and not self.settings.erp_database_url:
                # Tryton writes some things only into an empty database: one that was interrupted starts over
                postgres.recreate(self._held(), self._ports.postgres, "tryton")
            _note_on_database(url, _BEGUN)
            with self._step("ERP: create the database"):
                self.supervisor.run_step("erp-init", timeout_seconds=1800)
            _note_on_database(url, tables)
        with self._step("ERP: server"):
            self.supervisor.start("erp")
            self._wait(
                "erp", lambda: erp_health.answers(self.endpoints.erp_url), "The ERP", port=self._ports.erp
            )
            self.supervisor.start("erp-worker")
        if note != full:
            with self._step("ERP: company, accounts, master data"):
                self.supervisor.run_step("erp-setup", timeout_seconds=300)
            _note_on_database(url, full)

    def _erp_marks(self) -> tuple[str, str]:
        """What the ERP's database is marked with after its tables, and after its set-up."""
        lock = hashlib.sha256(erp_install.LOCK.read_bytes()).hexdigest()[:10]
        content = hashlib.sha256()
        sources = sorted(Path(erp_install.__file__).parent.glob("*.py"))
        if self.settings.erp_master_data is not None:
            sources.append(self.settings.path("erp_master_data"))
        for source in sources:
            if source.exists():
                content.update(source.read_bytes())
        return f"tryton {lock}", f"tryton {lock} {content.hexdigest()[:10]}"


def _database_note(url: str) -> str:
    """The hub's note on a database: which step it has seen. Lives and dies with the database itself."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(query).fetchone()
    return (row[0] if row else None) or ""


def _note_on_database(url: str, note: str) -> None:
    with psycopg.connect(url, connect_timeout=5) as connection:
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(connection.info.dbname), sql.Literal(note)
            )
        )
