"""From what was read to an interchange, or to the next pull."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import msgspec

from orderhub.connector import Interchange
from orderhub.transport.files.arrivals import interchange_of
from orderhub.transport.files.names import shown
from orderhub.transport.files.settings import FileSettings
from orderhub.transport.files.store import Content, Entry

log = logging.getLogger(__name__)

#: A pull watches an open file no longer than this before it believes another clock that it is old enough.
LONGEST_WATCH = 5.0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may be taken. ``markers`` are those that release it, with the other files that each of them releases."""

    entry: Entry
    markers: Mapping[str, list[str]] = {}
    #: Why its name cannot be used as a path; None when it can.
    unusable: str | None = None


def may_grow(settings: FileSettings, entry: Entry) -> bool:
    """Whether more may still come, by the other side's clock: only where nothing but stillness says that a file is whole."""
    if settings.complete_when != "stable":
        return False
    # a clock that goes far ahead says nothing
    return abs(time.time() - entry.modified_ns / 1e9) < settings.incomplete_after_seconds


def refused(candidate: Candidate, problem: str) -> Interchange:
    """An interchange that says why the file cannot be used."""
    return interchange_of(
        candidate.entry, None, problem, candidate.markers, usable=candidate.unusable is None
    )


def taken(
    candidate: Candidate, content: Content, settings: FileSettings, *, complete: bool
) -> Interchange | None:
    """The interchange of a file that was read; None when it changed, is gone, or more of it may come."""
    entry, label = candidate.entry, shown(candidate.entry.name)
    if isinstance(content.error, PermissionError):
        if may_grow(settings, entry):
            return None
        return refused(candidate, "may not be read by the connection's user")
    if content.error is not None:
        log.debug("%s: %s", label, content.error)
        return None
    after = content.after
    if after is None or len(content.data) != entry.size or not after.same_content(entry):
        log.debug("%s is still being written, or was replaced", label)
        return None
    if not complete and may_grow(settings, entry):
        log.debug("%s is not complete yet", label)
        return None
    if not content.data:
        return refused(candidate, "is empty")
    return interchange_of(entry, content.data, None, candidate.markers, usable=True)
