"""Answers on a server: whole or not at all, and never over something else."""

from __future__ import annotations

import logging
import time

from orderhub.connector import Outcome, OutcomeState
from orderhub.transport.files import answers
from orderhub.transport.files.store import Entry, FileStore, Kind

log = logging.getLogger(__name__)


def put_answer(store: FileStore, name: str, data: bytes, key: str) -> Outcome:
    """Write under a temporary name, then rename; what lies under the name already is compared and left alone.

    :raises OSError: the server refuses; nothing is there under the name then.
    """
    for _ in range(2):
        found = store.look((name,))
        if found is not None:
            return answers.already_there(store.where, name, key, same=_holds(store, found, data))
        part = answers.part_name(name)
        try:
            store.write(part, data)
            store.rename((part,), (name,))
        except FileExistsError:
            _remove_quietly(store, part)
            continue  # somebody was faster: look what lies there now
        except OSError:
            _remove_quietly(store, part)
            raise
        return Outcome(key=key, state=OutcomeState.WRITTEN, reference=name)
    return answers.already_there(store.where, name, key, same=False)


def sweep(store: FileStore) -> None:
    """Remove what crashes left of answers that were being written, when it is older than an hour."""
    if not store.lists_cheaply:
        return
    before = (time.time() - answers.LEFT_FOR) * 1e9
    for entry in [entry for entry in store.entries() if answers.is_part(entry.name)]:
        if entry.kind is Kind.FILE and entry.modified_ns < before:
            _remove_quietly(store, entry.name)


def _remove_quietly(store: FileStore, name: str) -> None:
    try:
        store.remove((name,))
    except OSError as error:
        # what hindered the answer is told; the left-over is removed when it is an hour old
        log.info("%s was not removed: %s", name, error)


def _holds(store: FileStore, entry: Entry, data: bytes) -> bool:
    if entry.kind is not Kind.FILE or entry.size != len(data):
        return False
    [content] = store.contents([entry])
    return content.error is None and content.data == data
