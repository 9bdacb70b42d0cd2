"""File names as strangers give them: shown safely, kept exactly.

A name on Linux is any bytes but ``/`` and NUL. For people it is shown with everything invisible or misleading escaped
(line breaks, escape sequences, direction overrides, bytes that are not UTF-8); for the ledger it is percent-encoded,
which is plain ASCII and gives the exact bytes back.
"""

from __future__ import annotations

import os
import unicodedata
import urllib.parse

#: The longest name of a file on the file systems in use, in bytes.
NAME_MAX = 255


def shown(name: str) -> str:
    """A name for people: valid UTF-8 on one line, reading left to right."""
    return "".join(_shown(character) for character in name)


def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    if character == "\\":
        return "\\\\"
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encoded(name: str) -> str:
    """The exact bytes of a name as ASCII."""
    return urllib.parse.quote(os.fsencode(name), safe="")


def decoded(text: str) -> str:
    """The name that ``encoded`` was given."""
    return os.fsdecode(urllib.parse.unquote_to_bytes(text))


def distinct(name: str, mark: str) -> str:
    """A name like this one with a mark before its suffix, cut so that a file system takes it."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem or len(os.fsencode(suffix)) > 20:
        stem, suffix = name, ""
    else:
        suffix = "." + suffix
    room = NAME_MAX - len(os.fsencode(suffix)) - len(mark) - 1
    return os.fsdecode(os.fsencode(stem)[:room]) + "~" + mark + suffix
