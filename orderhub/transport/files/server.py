"""The connector of files on a server, whatever the protocol: what is taken and when, what becomes of it, and answers.

A protocol gives a ``FileStore``. With ``after: move`` or ``delete`` the folder is its own bookmark: what is in it has not been
settled, so it is given again until it is, and the arrival tells the hub that it knows it. With ``leave`` the bookmark says
what was given (``KnownFiles``).
"""

from __future__ import annotations

import functools
import heapq
import itertools
import logging
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TypeVar

from orderhub.connector import (
    Bookmark,
    Capability,
    Connector,
    Health,
    Interchange,
    Outcome,
    Settlement,
)
from orderhub.errors import ConnectorError, ConnectorRefused, ConnectorUnavailable
from orderhub.transport.files import answers
from orderhub.transport.files.arrivals import unusable_name
from orderhub.transport.files.known import KnownFiles
from orderhub.transport.files.names import shown
from orderhub.transport.files.putting import put_answer, sweep
from orderhub.transport.files.selection import fits, marker_names, stands_for_a_file
from orderhub.transport.files.settings import FileServerSettings
from orderhub.transport.files.settling import CLAIMED, Settler
from orderhub.transport.files.store import Content, Entry, FileStore, Kind
from orderhub.transport.files.taking import LONGEST_WATCH, Candidate, may_grow, refused, taken
from orderhub.transport.retry import retrying

log = logging.getLogger(__name__)

#: Files looked at in one round; of a larger folder the oldest ones, and it is listed again for the next.
ROUND = 10_000
#: Files that are looked at before they are believed to wait.
_LOOKED_AT = 20
#: A server that could not be reached is not asked again by the same connector for so long.
_AWAY_SECONDS = 3.0

SettingsT = TypeVar("SettingsT", bound=FileServerSettings)
T = TypeVar("T")


class FileServerConnector(Connector[SettingsT]):
    """Base of the connectors of files on servers. A subclass gives ``name``, ``settings_type`` and ``connect``."""

    capabilities = Capability.PULL | Capability.INCREMENTAL | Capability.REPLY

    _store: FileStore | None = None
    _settler: Settler | None = None
    _swept = False
    #: When the server could not be reached last, and why.
    _away: tuple[float, ConnectorUnavailable] | None = None

    @abstractmethod
    def connect(self) -> FileStore:
        """Sign in and open the folder's store; does not look whether the folder is there.

        :raises ConnectorUnavailable: not reached.
        :raises ConnectorRefused: the server is not the one expected, or does not let the user in.
        """

    # What every connector has

    def check(self) -> Health:
        """Whether the server can be reached, is the one expected and lets the user in, and the folder can be read, and
        written where the settings ask for it."""
        try:
            store = self._open()
            for _ in store.entries():
                break
            if self.settings.after == "leave":
                return Health(ok=True, sentence=f"{store.where} can be read; files are left in it.")
            for name in self.settings.own_folders:
                found = store.look((name,))
                if found is not None and found.kind is not Kind.FOLDER:
                    return Health(ok=False, sentence=f"{store.where}/{name} is not a real folder.")
            may = store.may_write()
        except ConnectorError as error:
            self.close()
            return Health(ok=False, sentence=f"{error.what} {error.todo}")
        except OSError as error:
            return Health(ok=False, sentence=self._folder_problem(error).what)
        if may is False:
            return Health(
                ok=False,
                sentence=f"The folder {store.where} may be read and not written by this user, so that files "
                "cannot be moved and answers not be put there.",
            )
        can = "can be read and written" if may else "can be read; whether it may be written is not told"
        return Health(ok=True, sentence=f"The folder {store.where} {can}.")

    def close(self) -> None:
        store, self._store, self._settler = self._store, None, None
        if store is not None:
            store.close()

    # Pull

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """What is complete in the folder, in the order of the settings. A connection that is cut in the middle is opened
        again, and the file at hand begun anew.

        :raises ConnectorUnavailable: the server or the folder is away; or at the end, when single files could not be
            read for a reason that may pass.
        :raises ConnectorRefused: the folder may not be read, or the server refuses.
        """
        # each pull is an attempt of its own; only what is settled one by one does not wait again for who is away
        self._away = None
        known = KnownFiles(since) if self.settings.after == "leave" else None
        unread: list[str] = []
        last: tuple[int | str, ...] | None = None
        while True:
            first_look = time.monotonic()
            found, more = self._again(functools.partial(self._candidates, known, last))
            for interchange, entry in self._take(found, first_look, unread):
                if known is not None:
                    known.add(entry)
                    interchange.bookmark = known.bookmark()
                yield interchange
            if not more:
                break
            last = self._order(found[-1].entry)
        if unread:
            raise ConnectorUnavailable(
                f"{len(unread)} files could not be read: {', '.join(unread[:5])}.",
                todo="The others were pulled; look at the server.",
            )

    def waiting(self, stream: str, since: Bookmark) -> bool:
        """Names, sizes and times only; where nothing is left in the folder, the first file that fits and is really there is
        enough."""

        def look() -> bool:
            if self.settings.after == "leave" or self.settings.complete_when == "marker":
                known = KnownFiles(since) if self.settings.after == "leave" else None
                return bool(self._candidates(known, None)[0])
            listing = self._entries()
            fitting = (entry for entry in listing if self._wanted(entry) and not self.unusable(entry.name))
            some = list(itertools.islice(fitting, _LOOKED_AT))
            listing.close()
            # a server may list what is not there, which must not wake anybody for ever
            return len(some) == _LOOKED_AT or any(self._open().look((entry.name,)) for entry in some)

        return self._again(look)

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Move the file to ``processed/<date>/`` or ``refused/<date>/``, or delete it, and its marker. A file that is gone
        or was replaced since is left as it is.

        :raises ConnectorUnavailable: the server is away.
        :raises ConnectorRefused: the file cannot be moved.
        """
        if self.settings.after == "leave" or not interchange.handle.get("name"):
            return

        def settle() -> None:
            store = self._open()
            try:
                if self._settler is None:
                    self._settler = Settler(store, self.settings)
                self._settler.settle(interchange.handle, settlement)
            except OSError as error:
                raise ConnectorRefused(
                    f"{interchange.name} cannot be put away in {store.where}: {error.strerror or error}.",
                    todo="Give the connection's user the right to write and rename there, or set `after: leave`.",
                ) from error

        self._again(settle)

    # Answers

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Put an answer into the folder, which must be there: under a temporary name, then renamed over nothing.

        :raises ConnectorUnavailable: the server or the folder is away.
        :raises ConnectorRefused: it may not be written.
        """
        answers.check_name(name)

        def put() -> Outcome:
            store = self._open()
            try:
                if not self._swept:
                    self._swept = True
                    sweep(store)
                return put_answer(store, name, data, key)
            except FileNotFoundError as error:
                raise self._folder_problem(error) from error
            except PermissionError as error:
                raise ConnectorRefused(
                    f"The answer {name} may not be written to {store.where}: {error.strerror or error}.",
                    todo="Give the connection's user the right to write there, or correct `path`.",
                ) from error
            except OSError as error:
                raise ConnectorUnavailable(
                    f"The answer {name} cannot be written to {store.where}: {error.strerror or error}.",
                    todo="Look at the server's disk; it is tried again at the next run.",
                ) from error

        return self._again(put)

    # The connection

    def _open(self) -> FileStore:
        if self._store is None:
            if self._away is not None and time.monotonic() - self._away[0] < _AWAY_SECONDS:
                # many files to settle must not each wait for a server that is away
                raise self._away[1]
            try:
                self._store = retrying(self.settings.retry)(self.connect)
            except ConnectorUnavailable as error:
                self._away = (time.monotonic(), error)
                raise
        return self._store

    def _again(self, work: Callable[[], T]) -> T:
        """Do something repeatable; when the connection is lost meanwhile, once more with a new one."""
        for attempt in range(2):
            try:
                return work()
            except ConnectorUnavailable:
                had_one = self._store is not None
                self.close()
                if attempt or not had_one:
                    raise
        raise AssertionError("not reached")

    def _folder_problem(self, error: OSError) -> ConnectorError:
        where = self._store.where if self._store is not None else self.settings.path
        if isinstance(error, FileNotFoundError):
            return ConnectorUnavailable(
                f"The folder {where} does not exist.", todo="Have it made, or correct `path`."
            )
        return ConnectorRefused(
            f"The folder {where} cannot be read: {error.strerror or error}.",
            todo="Correct `path`, or have the connection's user given the right to read it.",
        )

    # What is taken

    def _entries(self) -> Generator[Entry, None, None]:
        try:
            yield from self._open().entries()
        except OSError as error:
            raise self._folder_problem(error) from error

    def _wanted(self, entry: Entry) -> bool:
        settings = self.settings
        name = entry.name
        if name in settings.own_folders or name.startswith(CLAIMED) or fits(name, settings.ignore):
            return False
        if entry.kind is Kind.FOLDER:
            return stands_for_a_file(name, settings.patterns)
        return fits(name, settings.patterns)

    def _order(self, entry: Entry) -> tuple[int | str, ...]:
        # by name the bookmark of what is left in place could not tell what is new
        if self.settings.order == "name" and self.settings.after != "leave":
            return (entry.name,)
        return (entry.modified_ns, entry.name)

    def _candidates(
        self, known: KnownFiles | None, beyond: tuple[int | str, ...] | None
    ) -> tuple[list[Candidate], bool]:
        """The next files in order, at most ``ROUND`` where they leave the folder; whether there are more."""
        marked = self.settings.complete_when == "marker"
        wanted = self._marked() if marked else map(self._candidate, filter(self._wanted, self._entries()))
        if known is not None:
            # of these all names are held, for only together they tell what is new
            by_name = {candidate.entry.name: candidate for candidate in wanted}
            new = known.new(candidate.entry for candidate in by_name.values())
            return [by_name[entry.name] for entry in sorted(new, key=self._order)], False
        later = (one for one in wanted if beyond is None or self._order(one.entry) > beyond)
        found = heapq.nsmallest(ROUND + 1, later, key=lambda one: self._order(one.entry))
        return found[:ROUND], len(found) > ROUND

    def _marked(self) -> Iterator[Candidate]:
        """Files beside which a marker stands that is no older than they are; an older one was for an earlier file."""
        suffixes = self.settings.markers
        markers: dict[str, int] = {}
        users: dict[str, list[str]] = {}
        files: list[Entry] = []
        for entry in self._entries():
            if entry.kind is Kind.FILE and entry.name.endswith(suffixes):
                markers[entry.name] = entry.modified_ns
            elif self._wanted(entry):
                files.append(entry)
        for entry in files:
            for marker in marker_names(entry.name, suffixes):
                if marker in markers:
                    users.setdefault(marker, []).append(entry.name)
        for entry in files:
            mine = [marker for marker in marker_names(entry.name, suffixes) if marker in markers]
            if entry.kind is not Kind.FILE:
                yield self._candidate(entry)
            elif any(markers[marker] >= entry.modified_ns for marker in mine):
                others = {marker: [name for name in users[marker] if name != entry.name] for marker in mine}
                yield self._candidate(entry, others)

    def _candidate(self, entry: Entry, markers: Mapping[str, list[str]] = {}) -> Candidate:
        return Candidate(entry=entry, markers=markers, unusable=self.unusable(entry.name))

    def _contents(self, candidates: list[Candidate]) -> Iterator[Content]:
        """The bytes of files in their order, through cuts of the connection: what was not given yet is begun anew."""
        left = deque(candidate.entry for candidate in candidates)
        failures = 0
        while left:
            try:
                for content in self._open().contents(tuple(left)):
                    left.popleft()
                    failures = 0
                    yield content
            except ConnectorUnavailable as error:
                failures += 1
                self.close()
                if failures >= self.settings.retry.attempts:
                    raise
                log.info("%d files are begun anew: %s", len(left), error.what)

    def _take(
        self, candidates: list[Candidate], first_look: float, unread: list[str]
    ) -> Iterator[tuple[Interchange, Entry]]:
        settings = self.settings
        if candidates and settings.complete_when == "stable":
            time.sleep(max(0.0, first_look + settings.stable_seconds - time.monotonic()))
        contents = self._contents([one for one in candidates if self._problem(one) is None])
        for candidate in candidates:
            entry = candidate.entry
            problem = self._problem(candidate)
            if problem is not None:
                yield refused(candidate, problem), entry
                continue
            content = next(contents)
            if self._is_open(content) and not may_grow(settings, entry):
                # the server's clock says that it is old enough; the hub's own is believed more
                watched = min(settings.incomplete_after_seconds, LONGEST_WATCH)
                time.sleep(max(0.0, first_look + watched - time.monotonic()))
                [content] = self._contents([candidate])
            interchange = taken(candidate, content, settings, complete=not self._is_open(content))
            if interchange is not None:
                yield interchange, entry
            elif content.error is not None and not isinstance(
                content.error, FileNotFoundError | PermissionError
            ):
                unread.append(f"{shown(entry.name)} ({content.error.strerror or content.error})")

    def unusable(self, name: str) -> str | None:
        """Why a name that the server gave cannot be used as one step of a path; None when it can."""
        return unusable_name(name)

    def _problem(self, candidate: Candidate) -> str | None:
        """Why a thing cannot be used at all, known without reading it."""
        entry = candidate.entry
        if candidate.unusable is not None:
            return candidate.unusable
        if entry.kind is not Kind.FILE:
            return f"is {entry.kind.value}"
        if entry.size > self.settings.max_bytes:
            return f"has {entry.size} bytes; at most {self.settings.max_bytes} are taken"
        return None

    def _is_open(self, content: Content) -> bool:
        """Whether nothing but stillness says that a file is whole, and its bytes do not."""
        if self.settings.complete_when != "stable" or content.error is not None:
            return False
        return not (content.data and self.ports.complete(content.data, name=shown(content.entry.name)))
