"""The two ways in: an IDoc, a function module. Each sends one order and says what SAP said."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from connectors.sap.rfc import BapiRefused, Functions, parse_xml, value_of
from connectors.sap.settings import Bapi, Idoc
from orderhub.connector import LoadItem, Ports
from orderhub.errors import ConnectorError, ConnectorProtocolError, ConnectorRefused, OutcomeUnclear
from orderhub.transport.csrf import CsrfWrites
from orderhub.transport.payload import mark_of, payload, with_key
from orderhub.transport.records import at, dump, plain, put

log = logging.getLogger(__name__)


class SaidNo(ConnectorRefused):
    """SAP took the request and refused the order. ``said`` is its text, ``reference`` the IDoc's number."""

    def __init__(self, said: str, reference: str | None = None) -> None:
        self.said = said
        self.reference = reference
        super().__init__(f"SAP refused: {said}", todo="Correct what it names in SAP or in the order.")


class Way(Protocol):
    """Sends one order."""

    def mark(self, key: str) -> str:
        """The key as it stands in SAP."""

    def prepare(self, item: LoadItem) -> Any:
        """What is to be sent.

        :raises PayloadRefused: the order cannot be written so.
        """

    def send(self, prepared: Any) -> str | None:
        """SAP's number for it.

        :raises SaidNo: refused. :raises OutcomeUnclear: no answer. :raises ConnectorError: nothing happened.
        """


class SendIdoc:
    """An IDoc in XML. With the status of an application that could not post it, the order is refused."""

    def __init__(self, settings: Idoc, writes: CsrfWrites, ports: Ports) -> None:
        self._settings = settings
        self._writes = writes
        self._ports = ports

    def mark(self, key: str) -> str:
        return mark_of(key, self._settings.key_length)

    def prepare(self, item: LoadItem) -> bytes:
        given = with_key(self._settings.given, self.mark(item.key))
        return payload(self._ports, self._settings.mapping, item.document, given).data

    def send(self, prepared: bytes) -> str | None:
        settings = self._settings
        headers = {"Content-Type": "application/xml; charset=utf-8", "Accept": "application/json, text/xml"}
        answer = self._writes.post(settings.path, prepared, headers)
        try:
            said = _plain(answer.content, answer.headers.get("Content-Type", ""))
        except ConnectorError as error:
            # SAP has it, in whatever words it says so
            raise OutcomeUnclear(error.what, todo=error.todo) from error
        number, status = (_text(said, path) for path in (settings.number, settings.status))
        if status in settings.refused:
            text = _text(said, settings.text) or "no text"
            raise SaidNo(f"IDoc {number or '?'} has status {status}: {text}", number)
        return number


class CallBapi:
    """A function module, and the commit that it wants."""

    def __init__(self, settings: Bapi, writes: CsrfWrites, ports: Ports) -> None:
        self._settings = settings
        self._functions = Functions(writes, settings.path, settings.form)
        self._ports = ports

    def mark(self, key: str) -> str:
        return mark_of(key, self._settings.key_length)

    def prepare(self, item: LoadItem) -> dict[str, Any]:
        settings, mark = self._settings, self.mark(item.key)
        written = payload(self._ports, settings.mapping, item.document, with_key(settings.given, mark))
        parameters = plain(dump(written.tree), "the mapping")
        if not put(parameters, settings.key, mark):
            raise ConnectorRefused(
                f"What the mapping {settings.mapping} makes has no place {settings.key} for the hub's key.",
                todo="Correct send.key, or let the mapping make what it leads to.",
            )
        return dict(parameters)

    def send(self, prepared: dict[str, Any]) -> str | None:
        function = self._settings.function
        try:
            made = self._functions.call(function, prepared, effect=True)
        except BapiRefused as error:
            self._end("BAPI_TRANSACTION_ROLLBACK", {})
            raise SaidNo(error.said) from error
        except ConnectorProtocolError as error:
            # it was called; an answer that nobody can read says nothing of what it did
            raise OutcomeUnclear(error.what, todo=error.todo) from error
        if self._settings.commit:
            try:
                self._functions.call("BAPI_TRANSACTION_COMMIT", {"WAIT": "X"}, effect=True)
            except ConnectorError as error:
                # what is not committed SAP forgets with the session; whether it is, the look-up says
                raise OutcomeUnclear(
                    f"The commit after {function} failed: {error.what}", todo=error.todo
                ) from error
        return _text(made, self._settings.reference)

    def _end(self, function: str, parameters: Mapping[str, Any]) -> None:
        """A refused call wrote nothing; SAP ends the unit of work by itself when this is not heard."""
        if not self._settings.commit:
            return
        try:
            self._functions.call(function, parameters, effect=True)
        except ConnectorError as error:
            log.info("%s after a refusal failed: %s", function, error)


def _plain(content: bytes, media_type: str) -> Any:
    if "json" in media_type:
        return plain(content, "the IDoc")
    return value_of(parse_xml(content, "the IDoc"))


def _text(said: Any, path: str) -> str | None:
    value = at(said, path)
    return str(value) if value not in (None, "") else None
