"""What the formats check alike in the ``source`` of a mapping."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from orderhub.formats.dialect import DeclarationError, SourceDeclaration


def only_message(source: SourceDeclaration, kind: str, message: str) -> None:
    """Check a source whose messages all have one name and no release.

    :param kind: what the source is, for the error text (``CSV``).
    :raises DeclarationError: it declares another message, or a release.
    """
    if source.message not in (None, message):
        raise DeclarationError(
            f"A {kind} source has the message {message}, not {source.message}.",
            key="message",
            todo=f"Write message: {message} or leave it out.",
        )
    if source.release is not None:
        raise DeclarationError(f"A {kind} source has no release.", key="release", todo="Remove it.")


def only_entries(
    given: Iterable[str], allowed: Sequence[str], within: str, *, where: str = "", also: Sequence[str] = ()
) -> None:
    """Check that there are no other entries than the allowed ones.

    :param within: what they are entries of, for the error text (``a CSV source``).
    :param where: what stands before an entry's name in the error's key (``files.header.``).
    :param also: entries that were taken out of ``given`` before, named with the allowed ones.
    :raises DeclarationError: naming the first one that is not allowed.
    """
    for name in given:
        if name not in allowed:
            raise DeclarationError(
                f"There is no entry {name!r} in {within}.",
                key=where + name,
                todo=f"The entries are {', '.join((*also, *allowed))}.",
                suggestions=difflib.get_close_matches(name, allowed),
            )
