"""Documents into an operation, each once in effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree

from connectors.soap.faults import SoapAbsent, SoapDenied, SoapFault, SoapKnown
from connectors.soap.service import Service, SoapInvalid, said
from connectors.soap.settings import FindCall, LoadCall
from connectors.soap.values import filled, leaves, merged, nested, put
from connectors.soap.xml import parse, value
from orderhub.connector import LoadItem, Outcome, OutcomeState, Ports
from orderhub.documents.values import value_text
from orderhub.errors import (
    ConnectorError,
    ConnectorProtocolError,
    ConnectorRefused,
    ConnectorUnavailable,
    OutcomeUnclear,
    PayloadRefused,
)
from orderhub.transport.payload import payload, with_key


class Target:
    """Submits and finds.

    :param ports: asked for the port that writes, when the settings name a mapping.
    """

    def __init__(self, settings: LoadCall, find: FindCall | None, service: Service, ports: Ports) -> None:
        self._settings = settings
        self._find = find
        self._service = service
        self._ports = ports

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """One outcome per item, in order. After a call whose outcome is not known the rest is not sent: the service may be
        away, and each further call might take as long.

        :raises ConnectorUnavailable: nothing of it had an effect. :raises ConnectorRefused: the same.
        """
        done: dict[str, Outcome] = {}
        stopped: ConnectorError | None = None
        for item in items:
            if item.key in done:
                continue
            if stopped is not None:
                done[item.key] = _unclear(item.key, f"It was not sent, because of another: {stopped.what}")
                continue
            try:
                done[item.key] = self._load(item)
            except (OutcomeUnclear, ConnectorProtocolError) as error:
                stopped = error
                done[item.key] = _unclear(item.key, error.what, error.code)
            except (ConnectorUnavailable, ConnectorRefused) as error:
                if not any(outcome.state is not OutcomeState.REJECTED for outcome in done.values()):
                    raise
                stopped = error
                done[item.key] = _unclear(item.key, f"It was not sent: {error.what}", error.code)
        return [done[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What the service has. Without an operation to ask, nothing is known to be there: the same key again is harmless
        then, or the settings would have been refused."""
        if self._find is None:
            return {}
        found = ((key, self._found(key, self._find)) for key in dict.fromkeys(keys))
        return {key: outcome for key, outcome in found if outcome is not None}

    def request(self, item: LoadItem) -> etree._Element:
        """The envelope of one document.

        :raises SoapInvalid: it does not fit the WSDL. :raises PayloadRefused: the mapping cannot write it.
        """
        settings = self._settings
        given = filled(settings.parameters, lambda name: _given(name, item))
        if settings.key is not None:
            given = merged(given, nested(settings.key, item.key))
        if settings.mapping is None:
            return self._service.request(settings.operation, given)
        written = payload(self._ports, settings.mapping, item.document, with_key(settings.given, item.key))
        if isinstance(written.tree, Mapping):
            return self._service.request(settings.operation, merged(written.tree, given))
        element = parse(written.data, f"What the mapping {settings.mapping} wrote")
        body = self._service.body_of(settings.operation)
        for path, text in leaves(given):
            try:
                put(element, path, text, body.type if body is not None else None)
            except ValueError as error:
                raise SoapInvalid(
                    f"XML cannot hold what belongs into {path}: {error}.", todo="Correct the document."
                ) from error
        return self._service.request_of(settings.operation, element)

    def _load(self, item: LoadItem) -> Outcome:
        settings = self._settings
        if not settings.idempotent and self._find is not None:
            there = self._found(item.key, self._find)
            if there is not None:
                return there
        try:
            envelope = self.request(item)
        except SoapInvalid as error:
            return _rejected(item.key, error.code, error.what)
        except PayloadRefused as error:
            return Outcome(
                key=item.key,
                state=OutcomeState.REJECTED,
                code=error.code,
                reason=error.reason,
                field=error.field,
            )
        try:
            answer = self._service.call(
                settings.operation, envelope, effect=True, safe_to_repeat=settings.idempotent
            )
        except SoapKnown:
            there = self._found(item.key, self._find) if self._find is not None else None
            return there or Outcome(key=item.key, state=OutcomeState.UNCHANGED)
        except SoapDenied:
            raise
        except SoapFault as error:
            return _rejected(item.key, error.code, error.what)
        return self._outcome(item.key, answer)

    def _outcome(self, key: str, answer: etree._Element) -> Outcome:
        """What the answer says happened."""
        settings = self._settings
        problems = self._service.problems(settings.operation, answer)
        if problems:
            raise OutcomeUnclear(
                f"The answer to {settings.operation} does not fit the WSDL: {said(problems)}.",
                todo="The hub looks up what the service has before it goes on.",
            )
        reference = value(answer, settings.reference)
        status = value(answer, settings.status) or ""
        if status in settings.rejected:
            why = value(answer, settings.reason)
            return _rejected(key, "SOAP_REJECTED", f"The service says {status}{f': {why}' if why else ''}.")
        if status in settings.unavailable:
            raise ConnectorUnavailable(
                f"{settings.operation} was answered with {status}.", todo="The hub tries again later."
            )
        known = status in settings.unchanged
        return Outcome(
            key=key, state=OutcomeState.UNCHANGED if known else OutcomeState.WRITTEN, reference=reference
        )

    def _found(self, key: str, find: FindCall) -> Outcome | None:
        request = self._service.request(
            find.operation, filled(find.parameters, lambda name: key if name == "key" else None)
        )
        try:
            answer = self._service.call(find.operation, request, effect=False)
        except SoapAbsent:
            return None
        problems = self._service.problems(find.operation, answer)
        if problems:
            raise ConnectorProtocolError(
                f"The answer to {find.operation} does not fit the WSDL: {said(problems)}.",
                todo="Ask the service's owner.",
            )
        reference = value(answer, find.reference)
        if find.reference is not None and reference is None:
            return None
        return Outcome(key=key, state=OutcomeState.UNCHANGED, reference=reference)


def _given(name: str, item: LoadItem) -> str | None:
    if name == "key":
        return item.key
    if name == "identity":
        return item.identity
    return value_text(item.document, name.removeprefix("document.")) if name.startswith("document.") else None


def _unclear(key: str, reason: str, code: str | None = None) -> Outcome:
    return Outcome(key=key, state=OutcomeState.UNCLEAR, code=code, reason=reason)


def _rejected(key: str, code: str, reason: str) -> Outcome:
    return Outcome(key=key, state=OutcomeState.REJECTED, code=code, reason=reason)
