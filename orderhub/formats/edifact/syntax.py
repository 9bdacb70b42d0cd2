"""Delimiters and character sets: what UNA and UNB say about the bytes that follow."""

from __future__ import annotations

from functools import lru_cache

from orderhub.formats.edi.delimiters import Delimiters


def delimiters_of_una(una: bytes) -> Delimiters | None:
    """From the six characters after ``UNA``; ``None`` when they cannot be service characters. A blank as release
    character means that none is in use."""
    if len(una) != 6 or not una.isascii():
        return None
    component, element, decimal, release, repetition, terminator = list(una.decode("ascii"))
    active = [c for c in (component, element, release, terminator) if c != " "]
    if len(set(active)) != len(active) or " " in (component, element, terminator):
        return None
    if any(c.isalnum() for c in active):
        return None
    return Delimiters(component, element, decimal, release.strip(), repetition, terminator)


#: ISO 9735: the service characters where no UNA names others.
STANDARD = Delimiters()

#: Syntax identifier (UNB 0001) → codec. ISO 9735 annex A; UNOX (code extension) is used for Japanese.
CODECS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "iso8859-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOX": "iso2022_jp_2",
    "UNOY": "utf-8",
    "KECA": "euc_kr",
}

_LEVEL_A = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-()/='+:?!\"%&*;<>"
_LEVEL_B = bytes(range(0x20, 0x7F))
_EVERY = bytes(set(range(0x20, 0x100)) - {0x7F})


@lru_cache(maxsize=64)
def repertoire(syntax: str, delimiters: Delimiters) -> bytes:
    """The bytes that text of this syntax may hold (line ends included: they are looked at apart).

    Syntax levels A and B name their characters (ISO 9735 annex A); of the others only control characters are excluded.
    """
    own = _LEVEL_A if syntax == "UNOA" else _LEVEL_B if syntax == "UNOB" else _EVERY
    if syntax == "UNOX":
        own += b"\x1b\x0e\x0f"
    return own + b"\r\n" + str(delimiters).encode("ascii")


def codec_of(syntax: str) -> str | None:
    """The codec of a syntax identifier, ``None`` when it is not one of ISO 9735's."""
    return CODECS.get(syntax)
