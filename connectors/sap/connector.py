"""The SAP connector. See README.md in this folder."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from connectors.sap.file import SendFile
from connectors.sap.looking import InList, InTable, Looking
from connectors.sap.settings import ByList, ByTable, File, Idoc, SapSettings
from connectors.sap.ways import CallBapi, SaidNo, SendIdoc, Way
from orderhub.connector import Capability, Connector, Health, LoadItem, Outcome, OutcomeState, Ports
from orderhub.errors import ConnectorError, OutcomeUnclear, PayloadRefused
from orderhub.transport.addresses import shown
from orderhub.transport.csrf import CsrfWrites
from orderhub.transport.http import HttpClient, HttpRefused, client_of

log = logging.getLogger(__name__)
#: Statuses of HTTP that say: this document, never.
_REFUSED = (400, 409, 422)


class SapConnector(Connector[SapSettings]):
    """Purchase orders into SAP. One instance is for one thread."""

    name = "sap"
    capabilities = Capability.LOAD | Capability.FIND
    settings_type = SapSettings

    def __init__(self, settings: SapSettings, ports: Ports) -> None:
        super().__init__(settings, ports)
        self._client: HttpClient | None = None
        self._parts: tuple[Way, Looking] | None = None

    def check(self) -> Health:
        """Looks a key up that is not there; sends nothing."""
        try:
            way, looking = self._open()
            if isinstance(looking, SendFile):
                looking.look()
                return Health(ok=True, sentence="The folder is there and can be written into.")
            looking.find([way.mark("orderhub-check")])
        except ConnectorError as error:
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        place = shown(self._client.base) if self._client is not None else ""
        return Health(ok=True, sentence=f"{place} answers: orders can be looked up.")

    def load(self, items: Sequence[LoadItem]) -> list[Outcome]:
        """Bring every order into SAP once in effect.

        :raises ConnectorError: nothing of the call had an effect.
        """
        once = list({item.key: item for item in items}.values())
        done = self.find([item.key for item in once])
        acted = False
        for item in once:
            if item.key in done:
                continue
            try:
                done[item.key] = self._one(item)
            except ConnectorError as error:
                if not acted:
                    raise
                log.warning("a load broke off after %d orders: %s", len(done), error)
                for rest in once:
                    done.setdefault(rest.key, _unclear(rest.key, error, "not sent: "))
            acted = acted or done[item.key].state is not OutcomeState.REJECTED
        return [done[item.key] for item in items]

    def find(self, keys: Sequence[str]) -> dict[str, Outcome]:
        """What SAP has under these keys."""
        if not keys:
            return {}
        way, looking = self._open()
        marks = {way.mark(key): key for key in keys}
        return {
            marks[mark]: Outcome(key=marks[mark], state=OutcomeState.UNCHANGED, reference=number)
            for mark, number in looking.find(list(marks)).items()
        }

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._parts = None

    def _one(self, item: LoadItem) -> Outcome:
        way, _ = self._open()
        try:
            number = way.send(way.prepare(item))
        except PayloadRefused as error:
            return _rejected(item.key, error.code, error.reason, field=error.field)
        except SaidNo as error:
            return _rejected(item.key, "SAP_REJECTED", error.said, reference=error.reference)
        except HttpRefused as error:
            if error.status not in _REFUSED:
                raise
            return _rejected(item.key, "SAP_REJECTED", f"{error.status}: {error.said}")
        except OutcomeUnclear as error:
            return self._after(item.key, error)
        return Outcome(key=item.key, state=OutcomeState.WRITTEN, reference=number)

    def _after(self, key: str, error: OutcomeUnclear) -> Outcome:
        """A lost answer: what is there now counts; what is not there may still be on its way."""
        try:
            found = self.find([key]).get(key)
        except ConnectorError as later:
            log.info("looking up %s after a lost answer failed: %s", key, later)
            found = None
        if found is not None:
            return msgspec.structs.replace(found, state=OutcomeState.WRITTEN)
        return _unclear(key, error)

    def _open(self) -> tuple[Way, Looking]:
        if self._parts is None:
            self._parts = self._build()
        return self._parts

    def _build(self) -> tuple[Way, Looking]:
        settings = self.settings
        send = settings.send
        if isinstance(send, File):
            files = SendFile(send, self.ports)
            return files, files
        credentials = self.ports.credentials(settings.connection or "")
        client = self._client = client_of(credentials, settings.http, self.ports, name=self.name)
        writes = CsrfWrites(client, settings.token_path, settings.params)
        way: Way = (
            SendIdoc(send, writes, self.ports)
            if isinstance(send, Idoc)
            else CallBapi(send, writes, self.ports)
        )
        if isinstance(settings.find, ByList):
            return way, InList(settings.find, client, settings.params)
        assert isinstance(settings.find, ByTable)  # noqa: S101 - the settings have seen to it
        return way, InTable(settings.find, writes)


def _rejected(
    key: str, code: str, reason: str, *, reference: str | None = None, field: str | None = None
) -> Outcome:
    return Outcome(
        key=key, state=OutcomeState.REJECTED, code=code, reason=reason, reference=reference, field=field
    )


def _unclear(key: str, error: ConnectorError, before: str = "") -> Outcome:
    return Outcome(key=key, state=OutcomeState.UNCLEAR, code=error.code, reason=f"{before}{error.what}")
