"""One OData service: its addresses, its headers, and what it says when it refuses."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

import httpx

from connectors.odata.metadata import Metadata, read_metadata
from orderhub.errors import ConnectorProtocolError
from orderhub.transport.csrf import CsrfWrites
from orderhub.transport.http import HttpClient, HttpRefused
from orderhub.transport.records import at, plain


class Service:
    """Requests below one service's address."""

    def __init__(self, client: HttpClient, path: str, version: str, params: Mapping[str, str]) -> None:
        self._client = client
        self._path = path.strip("/")
        self._params = dict(params)
        self.version = version
        self._metadata: Metadata | None = None
        self.base = client.url(self._path)
        self._writes = CsrfWrites(client, f"{self.base}/", self._params)

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
        """Create, once.

        :raises OutcomeUnclear: no answer. :raises HttpRefused: refused.
        """
        several = path == "$batch" and media_type != "application/json"
        accept = "multipart/mixed" if several else "application/json"
        headers = {"Accept": accept, "Content-Type": media_type, **self._versions()}
        return self._writes.post(self._url(path), body, headers)

    def _read(self, url: str, params: Mapping[str, str], headers: Mapping[str, str] | None) -> httpx.Response:
        given = {"Accept": "application/json", **self._versions(), **(headers or {})}
        return self._client.request("GET", url, params=params, headers=given, effect=False)

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
    return error.clean(f"{error.status}: {error_text(error.answer.content, error.said)}")


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    text = message.get("value") if isinstance(message, dict) else message
    target = error.get("propertyref") or error.get("target")
    named = f" ({target})" if target and str(target) not in str(text) else ""
    return f"{text}{named}" if text else ""
