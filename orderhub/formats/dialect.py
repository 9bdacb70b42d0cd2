"""What a format offers to the mapping language: its paths, its groups and its places.

A mapping is written in the paths of its source format. The mapping compiler does not understand these paths; it cuts
them out of an expression as text and hands them to the format's dialect, which checks them against the grammar and
returns ready getters. The getters run once per value of every document, so they must be plain closures over what was
worked out here, and must not parse or look up anything again.

All texts handed in stand exactly as the author wrote them, so that an offset in a :class:`PathError` is an offset in
the mapping file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

from orderhub.errors import MappingError
from orderhub.findings import Place

#: A node of a message tree. Each format has its own; nobody but the format looks inside.
Node: TypeAlias = Any

#: What a value of the source is before any conversion. ``number`` says that the grammar makes it numeric, so that it
#: may be compared with numbers and written without ``| decimal`` into a decimal field; ``value`` that only the message
#: tells what it is (JSON), so that it fits a text, a number and a true or false alike. The others are values that have
#: their type already, which only canonical documents have.
SourceType: TypeAlias = Literal[
    "text", "number", "value", "integer", "decimal", "boolean", "date", "datetime"
]


class PathError(MappingError):
    """A path (or group) that cannot occur in the source.

    :param what: what is wrong, one sentence (``segment DTN does not occur in ORDERS D.96A``).
    :param offset: where in the handed text, in characters from 0.
    :param todo: what the author should do, one sentence; empty when the suggestions say it all.
    :param suggestions: what could have been meant, best first, each ready to be written.
    """

    code: ClassVar[str] = "MAPPING_PATH"

    def __init__(
        self, what: str, *, offset: int = 0, todo: str = "", suggestions: Sequence[str] = ()
    ) -> None:
        self.offset = offset
        self.suggestions = tuple(suggestions)
        super().__init__(what, todo=todo)


class DeclarationError(MappingError):
    """The ``source:`` of a mapping is wrong for its format. ``key`` names the entry (``release``, ``key``, ``columns``)."""

    code: ClassVar[str] = "MAPPING_SOURCE"

    def __init__(self, what: str, *, key: str, todo: str = "", suggestions: Sequence[str] = ()) -> None:
        self.key = key
        self.suggestions = tuple(suggestions)
        super().__init__(what, todo=todo)


class SeveralValues(Exception):
    """Raised by the getter of a single-valued path when the source has several different values for it.

    The grammar cannot exclude this (two DTM segments with qualifier 137). The mapping makes a finding of it at the
    places that :attr:`ResolvedPath.where` gives; it never takes the first silently.
    """


class NumberFormat(msgspec.Struct, frozen=True):
    """How the source writes numbers.

    ``marks``: the characters that may stand as decimal mark (EDIFACT allows ``.`` and ``,``: ISO 9735 10.1);
    ``grouping``: characters between digit groups that are dropped (none in EDIFACT; declared for CSV).
    """

    marks: str = "."
    grouping: str = ""


class SourceDeclaration(msgspec.Struct, frozen=True):
    """The ``source:`` entry of a mapping. ``options`` has what else stands there (CSV: key, columns, delimiter …)."""

    format: str
    message: str | None = None
    release: str | None = None
    options: Mapping[str, Any] = {}


class ResolvedPath(msgspec.Struct, frozen=True, gc=False):
    """A path that the dialect has understood.

    ``many``: statically whether it can give several values. A qualifier that selects makes a path single even where
    the grammar lets the segment repeat; a component or element that repeats, a segment that repeats without a
    qualifier, or a path into a repeating group below makes it many. An index makes it single.
    ``optional``: whether the grammar lets it be absent.
    ``get``: node -> ``str`` or ``None`` when single (``None`` when absent or empty; may raise :class:`SeveralValues`);
    node -> ``list[str]`` when many, without the empty ones, empty when absent, in source order. The node is one of the
    scope that resolved the path, or the root of the message when ``from_root``.
    ``where``: node -> places of what ``get`` gives, one per value; when absent, one place: where it was expected (the
    group's first segment). Called only when something is wrong or asked for, so it may be slow.
    ``code_list``: the codes that the grammar allows there, when it lists them.
    ``internal``: the dialect's own, for :meth:`Scope.unread`.
    """

    text: str
    get: Callable[[Node], Any]
    where: Callable[[Node], list[Place]]
    type: SourceType = "text"
    many: bool = False
    optional: bool = True
    from_root: bool = False
    max_length: int | None = None
    code_list: frozenset[str] | None = None
    internal: Any = None


class ResolvedGroup(msgspec.Struct, frozen=True, gc=False):
    """A group for ``at`` (none or one) or ``each`` (any number).

    ``nodes``: node -> the nodes of the group in source order, each to be used with ``scope``. ``where``: a node *of the
    group* -> its place. ``many``: whether the grammar (after qualifiers and index) lets it occur more than once; ``at``
    refuses those only at run time, when there really are two.
    """

    text: str
    nodes: Callable[[Node], Sequence[Node]]
    where: Callable[[Node], Place]
    scope: Scope
    many: bool = False
    optional: bool = True
    from_root: bool = False
    internal: Any = None


class Unread(NamedTuple):
    """A value of the source that no path of the mapping reads.

    ``path``: as an author would write it to read it (``FTX[AAI]/C108/4440``), the same for all its repetitions;
    ``segment``: the name that ``unmapped:`` can override (segment tag, column); ``place``: on demand.
    """

    path: str
    segment: str
    value: str
    place: Callable[[], Place]


@runtime_checkable
class Scope(Protocol):
    """Where paths are resolved: the message, or a group within it.

    Inside a group a path sees the segments of the group and of groups below it, never outward; the nearest level at
    which the name can occur wins. A leading ``/`` starts at the message whatever the scope (``from_root``).
    """

    @property
    def description(self) -> str:
        """For error texts: ``ORDERS D.96A``, ``group LIN of ORDERS D.96A``, ``the rows of the file``."""
        ...

    def resolve(self, text: str) -> ResolvedPath:
        """Understand a value path; :class:`PathError` when it cannot occur."""
        ...

    def enter(self, text: str) -> ResolvedGroup:
        """Understand the group of an ``at`` or ``each``; :class:`PathError` when it cannot occur."""
        ...

    def unread(
        self,
        paths: Iterable[ResolvedPath],
        groups: Iterable[ResolvedGroup],
        wanted: Callable[[str], bool] | None = None,
    ) -> Callable[[Node], list[Unread]]:
        """Only on the message's own scope: a function of the message's root that lists what none of these read.

        Envelope, service segments and counts that the reader checks itself do not count as unread; nor do qualifiers
        that a path or group names. ``wanted`` says of a segment's name whether anybody wants to hear of it.
        """
        ...


#: Node -> which of the paths (by their position in the list, ascending) may have a value here, and these values:
#: text or a list as ``get`` gives them, empty text, ``None`` or an empty list for an absent one. The tuple of positions
#: is one and the same object for all nodes of one shape, so that it can serve as a key by its identity.
BulkReader: TypeAlias = Callable[[Node], tuple[tuple[int, ...], Sequence[Any]]]


@runtime_checkable
class BulkScope(Protocol):
    """A scope that can also read many paths at one go, which is faster than asking each getter.

    It must give exactly what the getters give, and may raise :class:`SeveralValues` where any of them does.
    """

    def reader(self, paths: Sequence[ResolvedPath]) -> BulkReader | None:
        """A reader for these paths of this scope (none of them ``from_root``); ``None`` where it would not be faster."""
        ...


@runtime_checkable
class Dialect(Protocol):
    """One format's side of the mapping language."""

    @property
    def format(self) -> str:
        """``edifact``, ``csv`` …"""
        ...

    def numbers(self, source: SourceDeclaration) -> NumberFormat:
        """How numbers are written in this source."""
        ...

    def scope(self, source: SourceDeclaration) -> Scope:
        """The message's own scope; :class:`DeclarationError` when the source declaration is wrong."""
        ...
