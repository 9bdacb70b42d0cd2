"""Purchase orders into Oracle E-Business Suite. See README.md in this folder: it was never run against a server.

Once in effect, though no column of the interface is unique but the ids: one transaction per order takes a lock on the order's
identity, looks for its marks in the interface and in Purchasing, and only then writes header, lines and distributions.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import msgspec
import oracledb
import sqlalchemy as sa
import sqlalchemy.exc

from connectors.oracle_ebs.interface import LOCK_NOT_HAD, Interface, OrderLock
from connectors.oracle_ebs.rows import Unwritable, header_of, lines_of, mark
from connectors.oracle_ebs.settings import OracleEbsSettings
from connectors.oracle_ebs.standing import IMPORT_PENDING, best, exists, faults_of, outcome_of, read
from orderhub.connector import Capability, Connector, Health, LoadItem, Outcome, OutcomeState, Ports
from orderhub.documents import PurchaseOrder
from orderhub.errors import ConnectorError, ConnectorUnavailable, OutcomeUnclear
from orderhub.star.sql_warehouse import Failures
from orderhub.transport.oracle import OracleFailures, code, connect

log = logging.getLogger(__name__)
#: Seconds between two looks at the import while a load waits for it; each pause is twice the one before.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
#: ORA-20000 to ORA-20999 are raised by an installation's own triggers: they do not want these rows.
_BY_APPLICATIONS = "ORA-20"


class OracleEbs(Connector[OracleEbsSettings]):
    """Loads by the Purchasing Documents Open Interface. One instance is for one thread."""

    name = "oracle_ebs"
    capabilities = Capability.LOAD | Capability.FIND
    settings_type = OracleEbsSettings
    failures: ClassVar[Failures] = OracleFailures("Oracle E-Business Suite")

    _engine: sa.Engine | None = None

    def __init__(self, settings: OracleEbsSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._interface = Interface(settings)

    def make_engine(self) -> sa.Engine:
        """Oracle's default isolation is READ COMMITTED: what is seen under the lock was committed before it."""
        return sa.create_engine("oracle+oracledb://", creator=self._connect, pool_pre_ping=True)

    def check(self) -> Health:
        """Reads the tables; writes nothing."""
        interface = self._interface
        try:
            with self._asking() as connection:
                waiting = connection.scalar(interface.waiting())
                for reading in (
                    interface.in_interface(["orderhub-check"], ()),
                    interface.lines_of([0]),
                    interface.errors_of([0]),
                ):
                    connection.execute(reading).all()
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        return Health(
            ok=True,
            sentence=f"The interface of operating unit {self.settings.org_id} can be read. "
            f"Orders of the hub that wait for the import: {waiting}.",
        )

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Put every order into the interface once, and say what the import made of it by the end of ``wait_seconds``.

        :raises ConnectorUnavailable: nothing of the call had an effect. :raises ConnectorRefused: rights or tables are missing.
        """
        settled: dict[str, Outcome] = {}
        sent: set[str] = set()
        once = list({item.key: item for item in items}.values())
        for item in once:
            try:
                outcome = self._bring(item)
            except OutcomeUnclear as error:
                outcome = _unclear(item.key, error.code, error.what)
                sent.add(item.key)
            except ConnectorError as error:
                if not sent:
                    raise
                log.warning("a load broke off after %d orders: %s", len(settled), error)
                for rest in once:
                    settled.setdefault(rest.key, _unclear(rest.key, error.code, f"not sent: {error.what}"))
                break
            if outcome is None:
                sent.add(item.key)
                outcome = _unclear(item.key, IMPORT_PENDING, "The order is in the interface.")
            settled[item.key] = outcome
        waiting = [key for key, outcome in settled.items() if key in sent or outcome.code == IMPORT_PENDING]
        for key, outcome in self._imported(waiting).items():
            done = outcome.state is OutcomeState.UNCHANGED and key in sent
            settled[key] = msgspec.structs.replace(outcome, state=OutcomeState.WRITTEN) if done else outcome
        return [settled[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What is in Purchasing, or in the interface and not settled (``unclear``), or was refused by the import."""
        if not keys:
            return {}
        names = {mark(key): key for key in keys}
        with self._asking() as connection:
            standings = read(connection, self._interface, names)
            by_name = {name: [one for one in standings if one.key == name] for name in names}
            kept = {names[name]: best(some) for name, some in by_name.items() if some}
            faults = faults_of(connection, self._interface, list(kept.values()))
        return {key: outcome_of(key, one, faults.get(one.header_id or 0)) for key, one in kept.items()}

    def close(self) -> None:
        """Close the session."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connect(self) -> oracledb.Connection:
        settings = self.settings
        credentials = self.ports.credentials(settings.connection)
        connection = connect(credentials, name=settings.connection, seconds=settings.connect_seconds)
        connection.call_timeout = int(settings.answer_seconds * 1000)
        return connection

    def _errors(self) -> tuple[type[Exception], ...]:
        return (sqlalchemy.exc.SQLAlchemyError, OSError, *self.failures.errors)

    @contextmanager
    def _asking(self) -> Iterator[sa.Connection]:
        """A transaction, rolled back unless it was committed; what goes wrong in it is typed."""
        if self._engine is None:
            self._engine = self.make_engine()
        try:
            with self._engine.connect() as connection:
                yield connection
        except self._errors() as error:
            raise self.failures.typed(error) from error

    def _bring(self, item: LoadItem) -> Outcome | None:
        """One order in one transaction; None when it is in the interface now.

        :raises OutcomeUnclear: the answer to the commit was lost. :raises ConnectorError: nothing was committed.
        """
        order = item.document
        if not isinstance(order, PurchaseOrder):
            reason = f"A {order.document_name} has no place in the interface, only purchase orders."
            return _rejected(item.key, "EBS_DOCUMENT_UNSUPPORTED", reason)
        if order.function != "original":
            reason = (
                f"An order with the function {order.function!r} is not sent; do it in Purchasing by hand."
            )
            return _rejected(item.key, "EBS_FUNCTION_UNSUPPORTED", reason, "function")
        with self._asking() as connection:
            try:
                outcome = self._write(connection, item, order)
            except Unwritable as error:
                return _rejected(item.key, error.code, error.reason, error.field)
            except sqlalchemy.exc.DBAPIError as error:
                if LOCK_NOT_HAD in str(error.orig):
                    raise ConnectorUnavailable(
                        "Another load of the same order is not done yet.", todo="The hub tries again."
                    ) from error
                if self.failures.about_data(error) or code(error).startswith(_BY_APPLICATIONS):
                    return _rejected(item.key, "EBS_REFUSED", f"{self.failures.in_words(error)}.")
                raise
            if outcome is not None:
                return outcome
            try:
                connection.commit()
            except self._errors() as error:
                raise OutcomeUnclear(
                    f"The answer to the commit of the order was lost ({self.failures.in_words(error)}).",
                    todo="The hub looks up what is there before it goes on.",
                ) from error
        return None

    def _write(self, connection: sa.Connection, item: LoadItem, order: PurchaseOrder) -> Outcome | None:
        interface, settings = self._interface, self.settings
        header = header_of(item, order, interface, settings)
        key, identity = header[interface.key], header[interface.identity]
        connection.execute(OrderLock(_lock_number(settings.org_id, identity), settings.lock_seconds))
        standings = read(connection, interface, [key], [identity])
        there = [one for one in standings if not one.refused]
        if there:
            kept = best([one for one in there if one.key == key] or there)
            if kept.key != key:
                return exists(item.key, kept)
            faults = faults_of(connection, interface, [kept])
            return outcome_of(item.key, kept, faults.get(kept.header_id or 0))
        for refused in standings:
            # it is asked for again: were it left, somebody could correct and import it there as well
            removed = [connection.execute(one) for one in interface.removals(refused.header_id or 0)]
            if removed[-1].rowcount != 1:
                return _unclear(item.key, IMPORT_PENDING, "Somebody is changing the order in the interface.")
        header_id = int(connection.scalar(sa.select(interface.header_ids.next_value())) or 0)
        connection.execute(interface.headers.insert(), {"interface_header_id": header_id, **header})
        connection.execute(interface.lines.insert(), lines_of(order, interface, settings, header_id))
        connection.execute(interface.distribute(header_id))
        return None

    def _imported(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What became of orders in the interface by the end of ``wait_seconds``, as far as that can be asked."""
        until = time.monotonic() + self.settings.wait_seconds
        pause = _FIRST_PAUSE
        found: dict[str, Outcome] = {}
        waiting = bool(keys)
        while waiting:
            try:
                found = self.find(keys)
                waiting = any(outcome.state is OutcomeState.UNCLEAR for outcome in found.values())
            except ConnectorError as error:
                log.info("what became of %d orders cannot be asked now: %s", len(keys), error)
            rest = until - time.monotonic()
            if rest <= 0:
                break
            if waiting:
                time.sleep(min(pause, rest))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return found


def _lock_number(org_id: int, identity: str) -> int:
    """Of the numbers that DBMS_LOCK leaves to applications. Two orders with one number wait for each other, no more."""
    digest = hashlib.sha256(f"orderhub/{org_id}/{identity}".encode()).digest()
    return int.from_bytes(digest[:4]) % 1073741824


def _rejected(key: str, code: str, reason: str, field: str | None = None) -> Outcome:
    return Outcome(key=key, state=OutcomeState.REJECTED, code=code, reason=reason, field=field)


def _unclear(key: str, code: str, reason: str) -> Outcome:
    return Outcome(key=key, state=OutcomeState.UNCLEAR, code=code, reason=reason)
