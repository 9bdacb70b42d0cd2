"""The token against forged requests that SAP's gateway wants with every write (``X-CSRF-Token``)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import httpx

from orderhub.transport.http import HttpClient, HttpRefused, Params

_TOKEN = "X-CSRF-Token"  # noqa: S105 - the header's name


class CsrfWrites:
    """Writes of one session. The token belongs to the session that the client's cookies keep; it is fetched before the first
    write, and anew when it has ended: that refusal says that nothing was done.

    :param fetch: path or URL that a read fetches the token from, a service without tokens gives none there; None: no tokens.
    """

    def __init__(self, client: HttpClient, fetch: str | None, params: Params) -> None:
        self._client = client
        self._fetch = fetch
        self._params = params
        self._token: str | None = None
        self._asked = False

    def post(
        self,
        path: str,
        content: bytes,
        headers: Mapping[str, str],
        *,
        effect: bool = True,
        accept: Collection[int] = (),
    ) -> httpx.Response:
        """POST, once; see ``HttpClient.request``.

        :param effect: false for a POST that only asks.
        """
        for again in (False, True):
            token = self._fetched(anew=again)
            try:
                return self._client.request(
                    "POST",
                    path,
                    params=self._params,
                    headers={**headers, **({_TOKEN: token} if token else {})},
                    content=content,
                    effect=effect,
                    accept=accept,
                )
            except HttpRefused as error:
                required = error.answer.headers.get(_TOKEN, "").lower() == "required"
                if again or error.status != 403 or not required:
                    raise
        raise AssertionError("not reached")

    def _fetched(self, *, anew: bool) -> str | None:
        if self._fetch is not None and (anew or not self._asked):
            headers = {"Accept": "application/json", _TOKEN: "Fetch"}
            # what stands there does not matter, only the header of the answer
            answer = self._client.request(
                "GET", self._fetch, params=self._params, headers=headers, effect=False, accept=(404, 405)
            )
            token = answer.headers.get(_TOKEN)
            self._token = token if token and token.lower() != "required" else None
            self._asked = True
        return self._token
