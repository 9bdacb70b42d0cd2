"""What SAP has under the hub's keys: by a table, or by a list of IDocs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from connectors.sap.rfc import Functions, parse_xml, rows_of
from connectors.sap.settings import ByList, ByTable
from orderhub.errors import ConnectorProtocolError
from orderhub.transport.csrf import CsrfWrites
from orderhub.transport.http import HttpClient, Params
from orderhub.transport.records import at, plain

#: RFC_READ_TABLE takes its conditions in lines of this length, and gives rows of at most 512 letters.
_LINE = 72
_DELIMITER = "|"


class Looking(Protocol):
    """Looks marks up."""

    def find(self, marks: Collection[str]) -> dict[str, str]:
        """Mark to SAP's number of what carries it."""


class InTable:
    """RFC_READ_TABLE, one mark at a time."""

    def __init__(self, settings: ByTable, writes: CsrfWrites) -> None:
        self._settings = settings
        self._functions = Functions(writes, settings.path, settings.form)

    def find(self, marks: Collection[str]) -> dict[str, str]:
        return {mark: number for mark in marks if (number := self._one(mark)) is not None}

    def _one(self, mark: str) -> str | None:
        settings = self._settings
        answer = self._functions.call(
            "RFC_READ_TABLE",
            {
                "QUERY_TABLE": settings.table,
                "DELIMITER": _DELIMITER,
                "ROWCOUNT": 10,
                "OPTIONS": [{"TEXT": line} for line in condition(settings.field, mark)],
                "FIELDS": [{"FIELDNAME": settings.reference}, {"FIELDNAME": settings.field}],
            },
            effect=False,
        )
        for row in rows_of(answer, "DATA"):
            number, _, found = str(row.get("WA", "")).partition(_DELIMITER)
            if found.strip() == mark:
                return number.strip()
        return None


class InList:
    """The newest IDocs of a message type, their texts read one by one."""

    def __init__(self, settings: ByList, client: HttpClient, params: Params) -> None:
        self._settings = settings
        self._client = client
        self._params = dict(params)

    def find(self, marks: Collection[str]) -> dict[str, str]:
        settings = self._settings
        wanted, found = set(marks), dict[str, str]()
        params = {**self._params, "limit": settings.most, "mestyp": settings.mestyp}
        answer = self._client.request(
            "GET", settings.path, params=params, headers={"Accept": "application/json"}, effect=False
        )
        rows = at(plain(answer.content, settings.path), "results")
        if not isinstance(rows, list):
            raise ConnectorProtocolError(f"{settings.path} lists no IDocs.", todo="Check find.path.")
        good = [row for row in rows if str(at(row, "status")) not in settings.refused]
        for number in (str(at(row, "docnum")) for row in good):
            if not wanted or not number.isalnum():
                continue
            one = self._client.request(
                "GET",
                f"{settings.path}/{number}",
                params={**self._params, "format": "xml"},
                headers={"Accept": "text/xml"},
                effect=False,
            )
            for node in parse_xml(one.content, settings.path).iter(settings.field):
                mark = (node.text or "").strip()
                if mark in wanted:
                    wanted.discard(mark)
                    found[mark] = number
        return found


def condition(field: str, mark: str) -> Sequence[str]:
    """``FIELD EQ 'mark'``. A mark has letters, digits and few signs only, but a quote would end the text it stands in.

    A mark of more than some 60 letters needs a second line, which SAP joins with the first.
    """
    text = f"{field} EQ '{mark.replace(chr(39), chr(39) * 2)}'"
    return [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
