"""The folder connector. See README.md in this folder."""

from __future__ import annotations

import datetime as dt
import heapq
import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from connectors.folder.arrivals import interchange_of, no_file, refused
from connectors.folder.bundles import Gathered, arrival_of, gather, member_text
from connectors.folder.reply import sweep, write_answer
from connectors.folder.settings import FolderSettings
from connectors.folder.tree import (
    NotRegular,
    Seen,
    delete,
    entries,
    look,
    move,
    open_below,
    open_root,
    read,
)
from orderhub.connector import Bookmark, Capability, Connector, Health, Interchange, Outcome, Settlement
from orderhub.errors import ConnectorRefused, ConnectorUnavailable
from orderhub.transport.files.names import decoded, shown
from orderhub.transport.files.selection import fits, marker_names, stands_for_a_file
from orderhub.transport.files.settling import CLAIMED
from orderhub.transport.files.taking import LONGEST_WATCH

log = logging.getLogger(__name__)

#: With ``after: leave`` a pull looks back this far, because files of one moment may appear one after the other; what
#: is given again is known by its arrival.
OVERLAP_NS = 2_000_000_000
#: Files looked at in one round; of a larger folder the first ones, and it is listed again for the next.
ROUND = 10_000


class FolderConnector(Connector[FolderSettings]):
    """Pulls files. With ``after: move`` the folder is its own bookmark: what is in it has not been settled, so it is
    given again until it is, and the arrival tells the hub that it knows it."""

    name = "folder"
    capabilities = Capability.PULL | Capability.INCREMENTAL | Capability.REPLY
    settings_type = FolderSettings
    _swept = False

    def check(self) -> Health:
        """Whether the folder can be read, and files be moved within it; writes nothing."""
        path = self._path()
        try:
            with open_root(path) as root, os.scandir(root) as listing:
                for _ in listing:
                    break
                return self._check_moves(path, root)
        except FileNotFoundError:
            return Health(ok=False, sentence=f"The folder {path} does not exist.")
        except NotADirectoryError:
            return Health(ok=False, sentence=f"{path} is not a folder.")
        except PermissionError:
            return Health(ok=False, sentence=f"The folder {path} may not be read by this user.")
        except OSError as error:
            return Health(ok=False, sentence=f"The folder {path} cannot be read: {error.strerror}.")

    def _check_moves(self, path: Path, root: int) -> Health:
        settings = self.settings
        if settings.after == "leave":
            return Health(ok=True, sentence=f"The folder {path} can be read; files are left in it.")
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return Health(
                ok=False, sentence=f"The folder {path} may not be written, so files cannot be moved."
            )
        device = os.fstat(root).st_dev
        for name in (settings.processed, settings.refused):
            found = look(root, (), name)
            if found is None:
                continue
            if not found.folder:
                return Health(ok=False, sentence=f"{path / name} is not a real folder.")
            if found.device != device:
                return Health(
                    ok=False,
                    sentence=f"{path / name} is on another file system, so that a file cannot be moved in one step.",
                )
            if not os.access(name, os.W_OK | os.X_OK, dir_fd=root, follow_symlinks=True):
                return Health(ok=False, sentence=f"The folder {path / name} may not be written.")
        return Health(ok=True, sentence=f"The folder {path} can be read and written.")

    def pull(self, stream: str, since: Bookmark) -> Iterator[Interchange]:
        """What is complete in the folder, in the order of the settings.

        :raises ConnectorUnavailable: when the folder is not there (not mounted); or at the end, when single files
            could not be read for a reason that may pass.
        :raises ConnectorRefused: when it may not be read.
        """
        path = self._path()
        unread: list[str] = []
        try:
            if not Path(self.settings.path).is_absolute():
                # below the hub's own folder, which nobody else prepares
                path.mkdir(parents=True, exist_ok=True)
            with open_root(path) as root:
                more, last = True, None
                while more:
                    candidates, more = self._candidates(root, since, last)
                    last = self._order(*candidates[-1]) if candidates else None
                    yield from self._take_all(root, candidates, unread)
        except FileNotFoundError as error:
            raise ConnectorUnavailable(
                f"The folder {path} does not exist.", todo="Create or mount it, or correct `path`."
            ) from error
        except (NotADirectoryError, FileExistsError, PermissionError) as error:
            raise ConnectorRefused(
                f"The folder {path} cannot be used: {error.strerror}.",
                todo="Correct `path` or give the hub's user the right to read and write it.",
            ) from error
        except OSError as error:
            raise ConnectorUnavailable(
                f"The folder {path} cannot be read: {error.strerror}.", todo="Look at the disk or the share."
            ) from error
        if unread:
            raise ConnectorUnavailable(
                f"{len(unread)} files could not be read: {', '.join(unread[:5])}.",
                todo="The others were pulled; look at the disk or the share.",
            )

    def _take_all(
        self, root: int, candidates: list[tuple[int, Seen | Gathered]], unread: list[str]
    ) -> Iterator[Interchange]:
        held: int | None = None
        first_look = time.monotonic()
        for moment, file in candidates:
            try:
                interchange = (
                    self._take_bundle(root, file, first_look)
                    if isinstance(file, Gathered)
                    else self._take(root, file, first_look, self.settings.stable_seconds)
                )
            except OSError as error:
                name = self._bundle_name(file) if isinstance(file, Gathered) else shown(file.name)
                log.warning("cannot read %s: %s", name, error.strerror)
                unread.append(f"{name} ({error.strerror})")
                interchange = None
            if interchange is None:
                held = moment if held is None else min(held, moment)
                continue
            if self.settings.after == "leave":
                # never past something that was not complete yet
                interchange.bookmark = {"changed_ns": moment if held is None else min(held, moment)}
            yield interchange

    def settle(self, interchange: Interchange, settlement: Settlement) -> None:
        """Move the file (of a bundle, all its files) to ``processed/<date>/`` or ``refused/<date>/``, or delete what the hub has,
        and its marker.
        A file that is gone or was replaced since is left as it is.

        :raises ConnectorRefused: when it cannot be moved.
        """
        if self.settings.after == "leave":
            return
        for handle in interchange.handle.get("members", [interchange.handle]):
            self._settle_file(interchange.name, handle, settlement)

    def _settle_file(self, shown_name: str, handle: dict[str, Any], settlement: Settlement) -> None:
        folders = tuple(decoded(part) for part in handle["folders"])
        what = Seen(
            folders=folders,
            name=decoded(handle["name"]),
            mode=handle["mode"],
            size=handle["size"],
            modified_ns=handle["modified_ns"],
            changed_ns=0,
            device=0,
            inode=handle["inode"],
        )
        kind = self.settings.processed if settlement is Settlement.ACCEPTED else self.settings.refused
        target = (kind, dt.datetime.now(dt.UTC).date().isoformat())
        mark = f"{what.modified_ns:x}-{what.inode:x}"
        path = self._path()
        try:
            with open_root(path) as root:
                if self.settings.after == "delete" and settlement is Settlement.ACCEPTED:
                    delete(root, what, claimed=f"{CLAIMED}{mark}")
                else:
                    move(root, what, target, mark=mark)
                if self.settings.complete_when == "marker":
                    self._remove_markers(root, what)
        except FileNotFoundError:
            log.info("the folder that %s was in is gone", shown_name)
        except OSError as error:
            raise ConnectorRefused(
                f"{shown_name} cannot be moved to {'/'.join(target)} in {path}: {error.strerror}.",
                todo="Give the hub's user the right to write there, on the same file system.",
            ) from error

    def reply(self, name: str, data: bytes, key: str) -> Outcome:
        """Put an answer into the folder; a relative ``path`` is below the hub's outbox folder, which is made. See
        ``connectors.folder.reply``.

        :raises ConnectorUnavailable: when the folder is not there or cannot be written now.
        :raises ConnectorRefused: when it may not be written.
        """
        path = Path(self.settings.path)
        own = not path.is_absolute()
        folder = Path(self.ports.resource("outbox")) / path if own else path
        if not self._swept:
            self._swept = True
            sweep(folder)
        return write_answer(folder, name, data, key, create=own)

    def _path(self) -> Path:
        path = Path(self.settings.path)
        return path if path.is_absolute() else Path(self.ports.resource("data")) / path

    def _candidates(
        self, root: int, since: Bookmark, beyond: tuple[Any, ...] | None
    ) -> tuple[list[tuple[int, Seen | Gathered]], bool]:
        """What may be taken, with the moment it came to be there in nanoseconds, in order; and whether there is more. Of files
        that leave the folder at most ``ROUND`` are held, those after ``beyond``."""
        settings = self.settings
        listed = entries(root, recursive=settings.recursive, skip=frozenset(settings.own_folders))
        files: Iterable[tuple[int, Seen]]
        if settings.complete_when == "marker":
            everything = list(listed)
            files = self._marked(self._wanted_of(everything), everything)
        else:
            files = self._wanted_of(listed)
        found: Iterable[tuple[int, Seen | Gathered]] = files
        if settings.bundle:
            held = list(files)
            found = [(moment, entry) for moment, entry in held if not self._is_member(entry)]
            found += gather([file for file in held if self._is_member(file[1])], settings.bundle)
        if settings.after == "leave":
            floor = int(since["changed_ns"]) - OVERLAP_NS if since is not None else 0
            recent = (candidate for candidate in found if candidate[0] >= floor)
            return sorted(recent, key=lambda candidate: self._order(*candidate)), False
        later = (candidate for candidate in found if beyond is None or self._order(*candidate) > beyond)
        first = heapq.nsmallest(ROUND + 1, later, key=lambda candidate: self._order(*candidate))
        return first[:ROUND], len(first) > ROUND

    def _wanted_of(self, listed: Iterable[Seen]) -> Iterator[tuple[int, Seen]]:
        return ((entry.changed_ns, entry) for entry in listed if self._wanted(entry))

    def _order(self, moment: int, file: Seen | Gathered) -> tuple[Any, ...]:
        if self.settings.after == "leave":
            return (moment, file.folders, file.label)
        if self.settings.order == "mtime":
            return (file.modified_ns, file.folders, file.label)
        return (file.folders, file.label)

    def _is_member(self, entry: Seen) -> bool:
        return any(member_text(entry.name, pattern) is not None for pattern in self.settings.bundle)

    def _wanted(self, entry: Seen) -> bool:
        settings = self.settings
        if entry.name.startswith(CLAIMED) or fits(entry.name, settings.ignore):
            return False
        if self._is_member(entry):
            return True
        if settings.bundle and settings.patterns == ("*",):
            return False  # what belongs to no bundle is none of ours, unless patterns name it
        if entry.folder:
            return not settings.recursive and stands_for_a_file(entry.name, settings.patterns)
        return fits(entry.name, settings.patterns)

    def _marked(self, found: Iterable[tuple[int, Seen]], listed: list[Seen]) -> list[tuple[int, Seen]]:
        """Those beside which a marker stands that is no older than they are; an older one was for an earlier file."""
        known = {(entry.folders, entry.name): entry for entry in listed if entry.regular}
        marked: list[tuple[int, Seen]] = []
        for moment, entry in found:
            if not entry.regular:
                marked.append((moment, entry))
            elif not entry.name.endswith(self.settings.markers):
                beside = (known.get((entry.folders, name)) for name in self._marker_names(entry.name))
                fresh = [m.changed_ns for m in beside if m is not None and m.modified_ns >= entry.modified_ns]
                if fresh:
                    marked.append((max(moment, min(fresh)), entry))
        return marked

    def _marker_names(self, name: str) -> list[str]:
        return marker_names(name, self.settings.markers)

    def _bundle_name(self, bundle: Gathered) -> str:
        return shown(bundle.name(self._path().name))

    def _take_bundle(self, root: int, bundle: Gathered, first_look: float) -> Interchange | None:
        """One interchange of all files, or None while one of them is missing or not whole."""
        name = self._bundle_name(bundle)
        if bundle.missing:
            waited = time.time() - bundle.changed_ns / 1e9
            there = ", ".join(shown(member.name) for member in bundle.members)
            missing = ", ".join(shown(missing) for missing in bundle.missing)
            if waited < self.settings.bundle_wait_seconds:
                log.info("%s waits for %s", name, missing)
                return None
            problem = f"{missing} did not come within {self.settings.bundle_wait_seconds:g} s after {there}."
            parts = [interchange_of(member, None, "") for member in bundle.members]
            return self._bundled(name, bundle, parts, None, problem)
        parts = []
        for member in bundle.members:
            taken = self._take(root, member, first_look, self.settings.stable_seconds)
            if taken is None:
                log.debug("%s waits for %s to be whole", name, shown(member.name))
                return None
            parts.append(taken)
        problems = [part.problem for part in parts if part.problem is not None]
        size = sum(len(part.data or b"") for part in parts)
        if size > self.settings.max_bytes:
            problems.append(f"{name} has {size} bytes in all; at most {self.settings.max_bytes} are taken.")
        if problems:
            return self._bundled(name, bundle, parts, None, " ".join(problems))
        pack = self.ports.resource("bundle")
        content = [
            (shown(member.name), part.data or b"") for member, part in zip(bundle.members, parts, strict=True)
        ]
        return self._bundled(name, bundle, parts, pack(content), None)

    def _bundled(
        self, name: str, bundle: Gathered, parts: list[Interchange], data: bytes | None, problem: str | None
    ) -> Interchange:
        modified = dt.datetime.fromtimestamp(bundle.modified_ns // 10**9, dt.UTC)
        return Interchange(
            name=name,
            arrival=arrival_of(part.arrival for part in parts),
            data=data,
            problem=problem,
            media_type="application/zip",
            attributes={
                "size": str(sum(member.size for member in bundle.members)),
                "modified_at": modified.isoformat(),
                "members": ", ".join(shown(member.name) for member in bundle.members)[:1000],
            },
            handle={"members": [part.handle for part in parts]},
        )

    def _take(self, root: int, first: Seen, first_look: float, apart: float) -> Interchange | None:
        """The interchange of one file, or None while it is not complete. ``apart`` are the seconds between the first
        look and the second, on the hub's own clock: that of a share may be slow, and every file on it look old."""
        settings = self.settings
        kind = no_file(first)
        if kind is not None:
            return refused(first, f"is {kind}")
        if settings.complete_when == "stable":
            time.sleep(max(0.0, first_look + apart - time.monotonic()))
        try:
            with open_below(root, first.folders) as parent:
                second = look(parent, first.folders, first.name)
                if second is None or not second.same_state(first):
                    log.debug("%s is gone or still changing", shown(first.name))
                    return None
                if second.size > settings.max_bytes:
                    return refused(second, f"has {second.size} bytes; at most {settings.max_bytes} are taken")
                data, after = read(parent, second, limit=settings.max_bytes)
        except (FileNotFoundError, NotADirectoryError, NotRegular):
            log.debug("%s was taken away or replaced before it was read", shown(first.name))
            return None
        except PermissionError:
            return None if self._may_grow(first) else refused(first, "may not be read by the hub's user")
        if len(data) != second.size or not after.same_state(second):
            log.debug("%s is still being written", shown(first.name))
            return None
        if settings.complete_when == "stable" and not (
            data and self.ports.complete(data, name=shown(first.name))
        ):
            if self._may_grow(after):
                log.debug("%s is not complete yet", shown(first.name))
                return None
            watched = min(settings.incomplete_after_seconds, LONGEST_WATCH)
            if apart < watched:
                return self._take(root, after, first_look, watched)
        return interchange_of(after, data, None) if data else refused(after, "is empty")

    def _may_grow(self, entry: Seen) -> bool:
        """Whether more may still come, by the share's clock: only where nothing but stillness says that a file is
        whole."""
        if self.settings.complete_when != "stable":
            return False
        return time.time() - entry.changed_ns / 1e9 < self.settings.incomplete_after_seconds

    def _remove_markers(self, root: int, what: Seen) -> None:
        """Take away the markers of a file that is no longer there, unless another file still needs one."""
        with open_below(root, what.folders) as parent:
            markers = [name for name in self._marker_names(what.name) if look(parent, what.folders, name)]
            if not markers or look(parent, what.folders, what.name) is not None:
                return
            with os.scandir(parent) as listing:
                needed = {
                    marker
                    for entry in listing
                    if not entry.name.endswith(self.settings.markers)
                    for marker in self._marker_names(entry.name)
                }
            for name in markers:
                if name not in needed:
                    os.unlink(name, dir_fd=parent)
