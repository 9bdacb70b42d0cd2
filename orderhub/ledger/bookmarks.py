"""Bookmarks: where the next pull of a stream goes on. Opaque JSON of the connector."""

from __future__ import annotations

from sqlalchemy import Connection

from orderhub.connector import Bookmark


def get(connection: Connection, flow: str, stream: str) -> Bookmark:
    """The stream's bookmark; None from the beginning."""
    raise NotImplementedError


def put(
    connection: Connection, flow: str, stream: str, bookmark: Bookmark, *, run: str | None = None
) -> None:
    """Set the bookmark; belongs into the transaction that records the arrival."""
    raise NotImplementedError
