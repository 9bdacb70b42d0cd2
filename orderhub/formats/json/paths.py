"""Paths of JSON sources, as text and as steps.

``buyer.gln`` goes down by keys; ``contacts[0].email`` takes one of a list, counted from 0 as JSON Pointer and every
programming language of JSON's people do; ``contacts[role=order].email`` those whose ``role`` is ``order``;
``tags[]`` all of a list. A key with other characters is quoted: ``.["Order No"]``, ``buyer["VAT no"]``. ``.`` is the
value itself. ``/buyer.gln`` and ``$.buyer.gln`` begin at the record, whatever the scope.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

import msgspec

from orderhub.formats.dialect import PathError


class Key(NamedTuple):
    name: str


class Index(NamedTuple):
    number: int


class All(NamedTuple):
    """Every element of a list."""


class Where(NamedTuple):
    """The elements that have this text at the end of these keys."""

    keys: tuple[str, ...]
    value: str


Step: TypeAlias = Key | Index | All | Where

_BARE = re.compile(r"[^\s.\[\]{}()\"'/=|?,<>!]+")
_QUOTED = r"""(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')"""
_QUOTED_KEY = re.compile(rf"\[\s*{_QUOTED}\s*\]")
_INDEX = re.compile(r"\[\s*([0-9]{1,9})\s*\]")
_ALL = re.compile(r"\[\s*\*?\s*\]")
_WHERE = re.compile(rf"\[\s*(?:{_QUOTED}|([^=\]\"'\s]+))\s*=\s*(?:{_QUOTED}|([^\]\"']*?))\s*\]")
_ESCAPE = re.compile(r"\\(.)")


class ParsedPath(msgspec.Struct, frozen=True):
    """``from_root``: it begins at the record. No steps: the value itself."""

    steps: tuple[Step, ...]
    from_root: bool


def parse_path(text: str) -> ParsedPath:
    """The steps of a path; :class:`PathError` at the character that does not belong."""
    position, from_root = 0, False
    if text == "$" or text.startswith(("/", "$.", "$[")):
        position, from_root = 1, True
    steps: list[Step] = []
    if text == ".":
        return ParsedPath((), False)
    if not text[position:] and not text.startswith("$"):
        raise PathError("Here is no path.", offset=position, todo="Name a key: orderNo, buyer.gln.")
    if text.startswith(".", position):
        position += 1
    expect_key = position < len(text) and text[position] != "["
    while position < len(text) or expect_key:
        if expect_key:
            match = _BARE.match(text, position)
            if match is None:
                raise _no_key(text, position)
            steps.append(Key(match[0]))
            position = match.end()
            expect_key = False
        elif text[position] == "[":
            step, position = _bracket(text, position)
            steps.append(step)
        elif text[position] == ".":
            position += 1
            expect_key = position >= len(text) or text[position] != "["
        else:
            raise _no_key(text, position)
    return ParsedPath(tuple(steps), from_root)


def _no_key(text: str, position: int) -> PathError:
    if text[position : position + 1] == "/":
        return PathError(
            "Keys are joined by points, and here is '/'.",
            offset=position,
            suggestions=[text[:1] + text[1:].replace("/", ".")],
        )
    return PathError(
        f"A key was expected here in {text!r}.",
        offset=position,
        todo='Write buyer.gln; a key with other characters in brackets and quotes: buyer["VAT no"].',
    )


def _bracket(text: str, position: int) -> tuple[Step, int]:
    match = _QUOTED_KEY.match(text, position)
    if match is not None:
        return Key(_unquoted(match[1], match[2])), match.end()
    match = _INDEX.match(text, position)
    if match is not None:
        return Index(int(match[1])), match.end()
    match = _ALL.match(text, position)
    if match is not None:
        return All(), match.end()
    match = _WHERE.match(text, position)
    if match is None:
        raise PathError(
            f"{text[position:]!r} is no index and no condition.",
            offset=position,
            todo='Write [0], [] for all, [role=order], or a key in quotes: ["Order No"].',
        )
    name = _unquoted(match[1], match[2])
    value = _unquoted(match[4], match[5])
    keys = (name,) if match[3] is None else tuple(match[3].split("."))
    if not all(keys):
        raise PathError(f"{match[3]!r} is no key.", offset=position, todo="Write [role=order].")
    return Where(keys, value if match[6] is None else match[6]), match.end()


def _unquoted(double: str | None, single: str | None) -> str:
    return _ESCAPE.sub(r"\1", double if double is not None else single or "")


def written(steps: tuple[Step, ...]) -> str:
    """Steps as an author writes them."""
    out = ""
    for step in steps:
        if isinstance(step, Key):
            if _BARE.fullmatch(step.name) and not (not out and step.name.startswith("$")):
                out += f".{step.name}" if out else step.name
            else:
                name = step.name.replace("\\", "\\\\").replace('"', '\\"')
                out += f'{"" if out else "."}["{name}"]'
        elif isinstance(step, Index):
            out += f"[{step.number}]"
        elif isinstance(step, All):
            out += "[]"
        else:
            out += f'[{".".join(step.keys)}="{step.value}"]'
    return out or "."


def pointer(steps: tuple[str | int, ...]) -> str:
    """The place of a value as a JSON Pointer (RFC 6901); ``/`` stands for the document itself."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps) or "/"
