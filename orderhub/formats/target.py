"""What a format offers to mappings that write: its names, its values and its bytes.

A mapping builds a plain tree: a dict in the order of the file, lists for what repeats, and at the ends what
:meth:`TargetFormat.wire` made of a value. The format checks the names once, when the mapping is compiled, and turns trees
into bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

#: What a value of a canonical document is: ``text``, ``integer``, ``decimal``, ``boolean``, ``date``, or ``number`` for one
#: whose digits are fixed already (``2.50``).
Wire = Callable[[Any], Any]


class Unwritable(ValueError):
    """A value that the format cannot hold. ``what`` and ``todo`` are one sentence each."""

    def __init__(self, what: str, todo: str) -> None:
        self.what = what
        self.todo = todo
        super().__init__(what)


@runtime_checkable
class TargetFormat(Protocol):
    """One format as a mapping declares it. Made by ``from_options``, which raises
    :class:`orderhub.formats.dialect.DeclarationError` naming the wrong entry."""

    @property
    def format(self) -> str:
        """``json``, ``xml``."""
        ...

    @property
    def media_type(self) -> str:
        """The media type of the bytes, without parameters."""
        ...

    @property
    def own(self) -> str:
        """The name under which a part has its own value (``#text``): alone in JSON, beside attributes in XML."""
        ...

    def names(self, keys: Mapping[str, bool]) -> None:
        """Check the names of one part, by whether there is a part or a list below.

        :raises KeyProblem: for the first that cannot be.
        """
        ...

    def wire(self, key: str, kind: str) -> Wire | None:
        """What makes of a value of this kind what the tree holds under this name; ``None`` when it is the value itself.
        What it returns may raise :class:`Unwritable`."""
        ...

    def null(self, key: str) -> Any:
        """What the tree holds for "nothing".

        :raises KeyProblem: where the format has no such thing.
        """
        ...

    def encode(self, tree: dict[str, Any]) -> bytes:
        """The bytes, the same for the same tree."""
        ...

    def tree(self, data: bytes) -> Any:
        """What a program gets that wants no bytes: of JSON a dict with exact numbers, of XML the bytes."""
        ...


class KeyProblem(Exception):
    """A name that the format cannot have there.

    :param key: which one; ``offset`` in characters from 0.
    :param what: what is wrong, one sentence. ``todo``: what to do.
    """

    def __init__(self, key: str, what: str, todo: str, *, offset: int = 0) -> None:
        self.key = key
        self.what = what
        self.todo = todo
        self.offset = offset
        super().__init__(what)
