"""The text of an EDIFACT path, cut into steps: ``SG25/PRI[AAA]/C509/5118``, ``PIA/C212[7143=IN]#1/7140``."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from orderhub.formats.dialect import PathError

_STEP = re.compile(r"([A-Za-z0-9_]+)((?:\[[^\]]*\]|#[^/\[\]#]*)*)")
_SUFFIX = re.compile(r"\[([^\]]*)\]|#([^/\[\]#]*)")
_CONDITION = re.compile(r"\s*(?:([A-Za-z0-9]+)\s*=\s*)?(?:\"([^\"]*)\"|'([^']*)'|([^\"'=]*?))\s*")

StepKind = Literal["group", "segment", "composite", "element"]


class Condition(NamedTuple):
    """``[BY]`` or ``[7143=IN]``. ``element`` is ``None`` for the default qualifier."""

    element: str | None
    value: str
    offset: int


class Step(NamedTuple):
    """One step; ``nth`` counts from 1; ``offset`` is where it stands in the text."""

    name: str
    kind: StepKind
    conditions: tuple[Condition, ...]
    nth: int | None
    offset: int


class Path(NamedTuple):
    """``text`` is the path as written, without a leading ``/``."""

    text: str
    from_root: bool
    steps: tuple[Step, ...]


def kind_of(name: str, offset: int) -> StepKind:
    """Group ``SG25``, segment ``LIN``, composite ``C212``, element ``7140``."""
    if re.fullmatch(r"SG[0-9]+", name):
        return "group"
    if re.fullmatch(r"[CSE][0-9]{3}", name):
        return "composite"
    if re.fullmatch(r"[0-9]{4}", name):
        return "element"
    if re.fullmatch(r"[A-Z][A-Z0-9]{2}", name):
        return "segment"
    upper = name.upper()
    again = (
        [upper] if upper != name and re.fullmatch(r"SG[0-9]+|[CSE][0-9]{3}|[A-Z][A-Z0-9]{2}", upper) else []
    )
    raise PathError(
        f"{name!r} is neither a group (SG25), a segment (LIN), a composite (C212) nor an element (7140).",
        offset=offset,
        todo="Write the names as the directory has them.",
        suggestions=again,
    )


def parse(text: str) -> Path:
    """Cut a path into its steps; :class:`PathError` where it is no path."""
    at = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    from_root = text[at : at + 1] == "/"
    if from_root:
        at += 1
    if at >= end:
        raise PathError(
            "The path is empty.", offset=at, todo="Write segment/composite/element, as in DTM[137]/C507/2380."
        )
    steps: list[Step] = []
    while True:
        found = _STEP.match(text, at, end)
        if found is None:
            raise PathError(
                f"A step of the path is expected here, not {text[at:end][:12]!r}.",
                offset=at,
                todo="Write steps with / between them, qualifiers as [137] or [7143=IN], an index as #2.",
            )
        steps.append(_step(found, at))
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


def _step(found: re.Match[str], at: int) -> Step:
    conditions: list[Condition] = []
    index: int | None = None
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
        inner = _CONDITION.fullmatch(suffix[1])
        value = next((v for v in (inner[2], inner[3], inner[4]) if v), "") if inner else ""
        if inner is None or not value:
            raise PathError(
                f"[{suffix[1]}] is no qualifier.",
                offset=offset,
                todo="Write [137], or [7143=IN] for another element.",
            )
        conditions.append(Condition(inner[1], value, offset))
    return Step(found[1], kind_of(found[1], at), tuple(conditions), index, at)
