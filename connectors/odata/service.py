"""One OData service: its addresses, its headers, and the token against forged requests that SAP's gateway wants."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.odata.metadata import Metadata, read_metadata
from orderhub.errors import ConnectorProtocolError
from orderhub.transport.http import HttpClient, HttpRefused, said
from orderhub.transport.records import at, plain

_TOKEN = "X-CSRF-Token"  # noqa: S105 - the header's name


class Service:
    """Requests below one service's address."""

    def __init__(self, client: HttpClient, path: str, version: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path.strip("/")
        self._params = dict(params)
        self.version = version
        self._token: str | None = None
        self._asked = False
        self._metadata: Metadata | None = None
        self.base = client.url(self._path)

    @property
    def metadata(self) -> Metadata:
        """What the service says about itself; read once.

        :raises ConnectorProtocolError: it says it in a way that is none of OData's.
        """
        if self._metadata is None:
            answer = self._client.request(
                "GET",
                self._url("$metadata"),
                params=self._params,
                headers={"Accept": "application/xml"},
                effect=False,
            )
            self._metadata = read_metadata(answer.content)
        return self._metadata

    def get(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Read below the service."""
        return self._read(self._url(path), {**self._params, **params}, headers)

    def follow(self, link: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Read at an address that the service gave, absolute or relative to it."""
        return self._read(urllib.parse.urljoin(f"{self.base}/", link), {}, headers)

    def post(self, path: str, body: bytes, media_type: str) -> httpx.Response:
        """Create, once. A token that ended is fetched anew: its refusal says that nothing was done.

        :raises OutcomeUnclear: no answer. :raises HttpRefused: refused.
        """
        for again in (False, True):
            headers = {"Accept": "application/json", "Content-Type": media_type, **self._versions()}
            if (token := self._fetched(anew=again)) is not None:
                headers[_TOKEN] = token
            if path == "$batch":
                headers["Accept"] = (
                    "application/json" if media_type == "application/json" else "multipart/mixed"
                )
            try:
                return self._client.request(
                    "POST", self._url(path), params=self._params, headers=headers, content=body, effect=True
                )
            except HttpRefused as error:
                required = error.answer.headers.get(_TOKEN, "").lower() == "required"
                if again or error.status != 403 or not required:
                    raise
        raise AssertionError("not reached")

    def _read(self, url: str, params: Mapping[str, str], headers: Mapping[str, str] | None) -> httpx.Response:
        given = {"Accept": "application/json", **self._versions(), **(headers or {})}
        return self._client.request("GET", url, params=params, headers=given, effect=False)

    def _fetched(self, *, anew: bool) -> str | None:
        """The token, where the service has one; it belongs to the session that the client's cookies keep."""
        if anew or not self._asked:
            answer = self._client.request(
                "GET",
                f"{self.base}/",
                params=self._params,
                headers={"Accept": "application/json", _TOKEN: "Fetch"},
                effect=False,
            )
            self._token = answer.headers.get(_TOKEN)
            self._asked = True
        return self._token

    def _url(self, path: str) -> str:
        return f"{self.base}/{path}"

    def _versions(self) -> dict[str, str]:
        if self.version == "2":
            return {"DataServiceVersion": "2.0", "MaxDataServiceVersion": "2.0"}
        return {"OData-Version": "4.0", "OData-MaxVersion": "4.0"}


def error_text(content: bytes, otherwise: str) -> str:
    """What an error of OData says: its message, what it names, and its details."""
    try:
        error = at(plain(content, "the service"), "error")
    except ConnectorProtocolError:
        return otherwise
    if not isinstance(error, dict):
        return otherwise
    details = at(error, "innererror.errordetails") or error.get("details") or []
    messages = [_message(error), *(_message(one) for one in details if isinstance(one, dict))]
    return " ".join(dict.fromkeys(text for text in messages if text))[:500] or otherwise


def refusal_text(error: HttpRefused) -> str:
    """The text of a refused request."""
    return f"{error.status}: {error_text(error.answer.content, said(error.answer))}"


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    text = message.get("value") if isinstance(message, dict) else message
    target = error.get("propertyref") or error.get("target")
    named = f" ({target})" if target and str(target) not in str(text) else ""
    return f"{text}{named}" if text else ""
