"""What the lists of documents and of files have in common: one template, one way of answering."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orderhub.web import page
from orderhub.web.i18n import N_
from orderhub.web.search import RANGES, Search
from orderhub.web.views import Listing


@dataclass(frozen=True, slots=True)
class ListKind:
    """A list: its address and its words. ``looks`` names the table of looks for its states."""

    looks: str
    address: str
    title: str
    placeholder: str
    none_fits: str
    show_all: str
    none_yet: str
    will_come: str


DOCUMENTS = ListKind(
    looks="document",
    address="/documents",
    title=N_("Documents"),
    placeholder=N_("Search number, partner, supplier or file"),
    none_fits=N_("No document fits this search. Take a filter away or search for a part of the number."),
    show_all=N_("Show all documents"),
    none_yet=N_("No documents yet"),
    will_come=N_("As soon as a flow pulls a file, its documents appear here, good and bad."),
)
FILES = ListKind(
    looks="file",
    address="/files",
    title=N_("Files"),
    placeholder=N_("Search file name"),
    none_fits=N_("No file fits this search. Take a filter away or search for a part of the name."),
    show_all=N_("Show all files"),
    none_yet=N_("No files yet"),
    will_come=N_("Every file that a flow pulls appears here, also one that cannot be used."),
)


def answer(request: Request, kind: ListKind, search: Search, listing: Listing[Any]) -> Response:
    """The page of a list; only its results when htmx asks for them."""
    context: dict[str, Any] = {
        "kind": kind,
        "search": search,
        "listing": listing,
        "ranges": RANGES,
        "here": kind.address[1:],
    }
    if page.is_partial(request):
        part = page.render(request, "list_results.html", **context)
        return page.partial_list(request, part, f"{kind.address}{search.address}")
    return page.render(request, "list.html", **context)


def download(name: str, pieces: Iterator[bytes]) -> Response:
    """A list as a CSV file, sent while it is made. ``name`` is ours: it and today's date are the file's name."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return StreamingResponse(
        pieces,
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}-{today}.csv"'},
    )
