"""The text of a path, cut into steps: ``SG25/PRI[AAA]/C509/5118``, ``PIA/C212[7143=IN]#1/7140``; ``N1[ST]/N104``,
``PO1{UP}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from orderhub.formats.dialect import PathError

_STEP = re.compile(r"([A-Za-z0-9_-]+)((?:\[[^\]]*\]|\{[^}]*\}|#[^/\[\]#{}]*)*)")
_SUFFIX = re.compile(r"\[([^\]]*)\]|#([^/\[\]#{}]*)|\{([^}]*)\}")
_CONDITION = re.compile(r"\s*(?:([A-Za-z0-9]+)\s*=\s*)?(?:\"([^\"]*)\"|'([^']*)'|([^\"'=]*?))\s*")

StepKind = Literal["group", "segment", "composite", "element"]


class Condition(NamedTuple):
    """``[BY]`` or ``[7143=IN]``. ``element`` is ``None`` for the default qualifier."""

    element: str | None
    value: str
    offset: int


class Step(NamedTuple):
    """One step; ``nth`` counts from 1; ``offset`` is where it stands in the text; ``pair`` is the qualifier in braces,
    ``PO1{UP}``."""

    name: str
    kind: StepKind
    conditions: tuple[Condition, ...]
    nth: int | None
    offset: int
    pair: Condition | None = None


class Path(NamedTuple):
    """``text`` is the path as written, without a leading ``/``."""

    text: str
    from_root: bool
    steps: tuple[Step, ...]


class Notation(NamedTuple):
    """How a standard's authors write paths: ``kind_of`` tells what a name is (:class:`PathError` when nothing); the examples
    stand in error texts."""

    kind_of: Callable[[str, int], StepKind]
    example: str
    qualifiers: str
    pairs: bool = False


def parse(text: str, notation: Notation) -> Path:
    """Cut a path into its steps; :class:`PathError` where it is no path."""
    at = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    from_root = text[at : at + 1] == "/"
    if from_root:
        at += 1
    if at >= end:
        raise PathError("The path is empty.", offset=at, todo=f"Write {notation.example}.")
    steps: list[Step] = []
    while True:
        found = _STEP.match(text, at, end)
        if found is None:
            raise PathError(
                f"A step of the path is expected here, not {text[at:end][:12]!r}.",
                offset=at,
                todo=f"Write steps with / between them, qualifiers as {notation.qualifiers}, an index as #2.",
            )
        steps.append(_step(found, at, notation))
        at = found.end()
        if at == end:
            return Path(text.strip().removeprefix("/"), from_root, tuple(steps))
        if text[at] != "/" or at + 1 == end:
            raise PathError(
                f"{text[at:end][:12]!r} does not continue the path.",
                offset=at,
                todo="Steps are joined with one /.",
            )
        at += 1


def _step(found: re.Match[str], at: int, notation: Notation) -> Step:
    conditions: list[Condition] = []
    index: int | None = None
    pair: Condition | None = None
    base = at + len(found[1])
    for suffix in _SUFFIX.finditer(found[2]):
        offset = base + suffix.start() + 1
        if suffix[2] is not None:
            if not suffix[2].isdecimal() or int(suffix[2]) < 1 or index is not None:
                raise PathError(
                    "An index is # and one number from 1.", offset=offset, todo="Write #2 for the second."
                )
            index = int(suffix[2])
            continue
        if suffix[3] is not None:
            marked = suffix[3].strip().strip("\"'")
            if not notation.pairs or not marked or pair is not None:
                raise PathError(
                    f"{{{suffix[3]}}} selects nothing here.",
                    offset=offset,
                    todo="Write one qualifier in braces, as in PO1{UP}."
                    if notation.pairs
                    else f"Write qualifiers as {notation.qualifiers}.",
                )
            pair = Condition(None, marked, offset)
            continue
        inner = _CONDITION.fullmatch(suffix[1])
        value = next((v for v in (inner[2], inner[3], inner[4]) if v), "") if inner else ""
        if inner is None or not value:
            raise PathError(
                f"[{suffix[1]}] is no qualifier.",
                offset=offset,
                todo=f"Write {notation.qualifiers}.",
            )
        conditions.append(Condition(inner[1], value, offset))
    return Step(found[1], notation.kind_of(found[1], at), tuple(conditions), index, at, pair)
