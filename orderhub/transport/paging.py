"""How a server hands out a long list in pages; declared in a connector's settings under ``paging``."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import httpx
import pydantic

from orderhub.errors import ConnectorProtocolError
from orderhub.transport.records import at, plain

#: Pages of one pull; a server whose pages never end is broken.
MOST_PAGES = 100_000


class _Paging(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class NoPaging(_Paging):
    """Everything is in one answer."""

    by: Literal["none"] = "none"


class LinkHeader(_Paging):
    """The header ``Link`` names the next page (RFC 8288, ``rel="next"``)."""

    by: Literal["link_header"]


class NextLink(_Paging):
    """The body names the next page's address under a dotted path: ``next``, ``links.next``, ``@odata\\.nextLink``."""

    by: Literal["next_link"]
    path: str = pydantic.Field(min_length=1)


class Cursor(_Paging):
    """The body has a cursor under ``path``, which the next request gives back as ``param``. Absent or empty: the last page."""

    by: Literal["cursor"]
    path: str = pydantic.Field(min_length=1)
    param: str = pydantic.Field(min_length=1)


class Offset(_Paging):
    """``param`` is the number of records to leave out, ``size_param`` how many are wanted. A page with fewer records than
    wanted is the last one."""

    by: Literal["offset"]
    param: str = "offset"
    size_param: str | None = "limit"
    size: int = pydantic.Field(default=100, ge=1, le=100_000)


class Page(_Paging):
    """``param`` is the number of the page, from ``first``. A page with fewer records than ``size`` is the last one."""

    by: Literal["page"]
    param: str = "page"
    size_param: str | None = "per_page"
    size: int = pydantic.Field(default=100, ge=1, le=100_000)
    first: int = pydantic.Field(default=1, ge=0)


Paging = Annotated[
    NoPaging | LinkHeader | NextLink | Cursor | Offset | Page, pydantic.Field(discriminator="by")
]


class Turn:
    """What to ask next: the parameters to add, or the address that the server gave for the next page, which has all of them."""

    def __init__(self, *, url: str | None = None, params: dict[str, Any] | None = None) -> None:
        self.url = url
        self.params = params or {}


def first(paging: Paging) -> Turn:
    """The first request."""
    return Turn(params=_numbers(paging, 0))


def following(paging: Paging, turn: int, answer: httpx.Response, count: int) -> Turn | None:
    """The next request; None after the last page.

    :param turn: how many pages were read, this one included.
    :param count: records on this page.
    :raises ConnectorProtocolError: the answer has no JSON, where the next page should be named.
    """
    match paging:
        case NoPaging():
            return None
        case LinkHeader():
            link = next(_links(answer.headers.get_list("link")), None)
            return _at(link, answer)
        case NextLink():
            link = at(plain(answer.content, str(answer.request.url.path)), paging.path)
            return _at(link if isinstance(link, str) else None, answer)
        case Cursor():
            cursor = at(plain(answer.content, str(answer.request.url.path)), paging.path)
            return Turn(params={paging.param: str(cursor)}) if cursor not in (None, "", False) else None
        case Offset() | Page():
            return Turn(params=_numbers(paging, turn)) if count >= paging.size else None


def check_progress(seen: set[str], turn: Turn) -> None:
    """:raises ConnectorProtocolError: the same page is named again: the pages would never end."""
    mark = turn.url or repr(sorted(turn.params.items()))
    if mark in seen or len(seen) >= MOST_PAGES:
        raise ConnectorProtocolError(
            "The server names a page as the next one that was read already.",
            todo="Check the paging that is declared.",
        )
    seen.add(mark)


def _numbers(paging: Paging, turn: int) -> dict[str, Any]:
    if not isinstance(paging, Offset | Page):
        return {}
    number = turn * paging.size if isinstance(paging, Offset) else paging.first + turn
    sized = {paging.size_param: paging.size} if paging.size_param else {}
    return {paging.param: number, **sized}


def _at(link: str | None, answer: httpx.Response) -> Turn | None:
    return Turn(url=urllib.parse.urljoin(str(answer.request.url), link)) if link else None


_PARAMETER = r"\s*;\s*([^;,\"=\s]+)\s*(?:=\s*(?:\"([^\"]*)\"|([^;,\"\s]*)))?"
_LINK = re.compile(rf"<([^<>]*)>((?:{_PARAMETER})*)")


def _links(headers: list[str]) -> Iterator[str]:
    """Where links of the relation ``next`` lead."""
    for header in headers:
        for link in _LINK.finditer(header):
            for name, quoted, plain_text in re.findall(_PARAMETER, link[2]):
                if name.lower() == "rel" and "next" in (quoted or plain_text).lower().split():
                    yield link[1]
