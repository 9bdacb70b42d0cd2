"""One declared request: placeholders filled, sent, and its answer judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import httpx

from connectors.rest.filling import fill, fill_params, fill_path, shown
from connectors.rest.settings import Find, Source, Target
from orderhub.connector import Credentials
from orderhub.errors import ConnectorRefused
from orderhub.transport.http import HttpClient
from orderhub.transport.records import at, dump, plain


class SaidNo(ConnectorRefused):
    """An answer with a good status whose body says that it is an error (JSON-RPC). ``said`` is its text for people."""

    def __init__(self, what: str, *, todo: str, said: str) -> None:
        self.said = said
        super().__init__(what, todo=todo)


class Requests:
    """Sends what the settings declare. ``{user}``, ``{secret}`` and ``{database}`` are filled in bodies alone: addresses are
    written into logs."""

    def __init__(self, client: HttpClient, credentials: Credentials) -> None:
        self._client = client
        self._own = {
            "user": credentials.user or "",
            "secret": credentials.secret or "",
            "database": str(credentials.extra.get("database") or ""),
        }

    def ask(
        self,
        declared: Source | Find,
        values: Mapping[str, Any],
        *,
        paging: Mapping[str, Any] | None = None,
        accept: Collection[int] = (),
    ) -> httpx.Response:
        """Ask for something, again as need be. The paging's parameters stand in the query, or are placeholders of the body."""
        params = fill_params(declared.params, values)
        headers = {"Accept": "application/json", **declared.headers}
        body = None
        if declared.body is None:
            params |= {name: shown(value) for name, value in (paging or {}).items()}
        else:
            body = dump(fill(declared.body, {**self._own, **(paging or {}), **values}))
            headers["Content-Type"] = "application/json"
        answer = self._client.request(
            declared.method,
            fill_path(declared.path, values),
            params=params,
            headers=headers,
            content=body,
            effect=False,
            accept=accept,
        )
        return self._judged(declared, answer)

    def page(self, declared: Source, url: str) -> httpx.Response:
        """The next page at the address that the server gave."""
        headers = {"Accept": "application/json", **declared.headers}
        return self._judged(declared, self._client.request("GET", url, headers=headers, effect=False))

    def write(
        self, target: Target, values: Mapping[str, Any], body: bytes, media_type: str
    ) -> httpx.Response:
        """Write one document; ``values`` has its ``key``."""
        headers = {"Accept": "application/json", "Content-Type": media_type, **target.headers}
        if target.idempotency_header is not None:
            headers[target.idempotency_header] = str(values["header_key"])
        answer = self._client.request(
            target.method,
            fill_path(target.path, values),
            params=fill_params(target.params, values),
            headers=headers,
            content=body,
            effect=True,
            safe_to_repeat=target.repeatable,
        )
        return self._judged(target, answer)

    def wrapped(self, tree: Any, values: Mapping[str, Any]) -> bytes:
        """A body made of a declared tree."""
        return dump(fill(tree, {**self._own, **values}))

    def _judged(self, declared: Source | Find | Target, answer: httpx.Response) -> httpx.Response:
        """:raises SaidNo: the body says that it is an error."""
        if declared.error is None or not answer.content.strip():
            return answer
        place = f"{declared.method} {declared.path}"
        error = at(plain(answer.content, place), declared.error)
        if error in (None, False, "", {}, []):
            return answer
        said = self._client.clean(_sentence(error))
        raise SaidNo(
            f"{place} was answered with an error: {said}",
            todo="Check the settings and what was sent.",
            said=said,
        )


def _sentence(error: Any) -> str:
    """What an error in a body says: its message, and that of what it has within (Odoo keeps the real one in ``data``)."""
    if isinstance(error, dict):
        texts = [at(error, path) for path in ("message", "data.message")]
        error = ": ".join(dict.fromkeys(text for text in texts if isinstance(text, str))) or shown(error)
    return " ".join(shown(error).split())[:300]
