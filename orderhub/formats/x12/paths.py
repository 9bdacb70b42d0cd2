"""How X12 paths are written: ``BEG03``, ``N1[ST]/N104``, ``PO1{UP}``, ``PER[BD]{TE}``, ``PO1Loop1/SAC/SAC05``, ``SLN05-1``."""

from __future__ import annotations

import re

from orderhub.formats.dialect import PathError
from orderhub.formats.edi import paths
from orderhub.formats.edi.paths import Notation, StepKind

#: Tag, position of the element, and of a component in it. A tag of three that ends with two digits does not exist.
_ELEMENT = re.compile(r"([A-Z][A-Z0-9]{1,2})([0-9]{2})(?:-([0-9]{1,2}))?")


def kind_of(name: str, offset: int) -> StepKind:
    """Loop ``N1Loop1``, segment ``PO1``, element ``PO102`` or ``SLN05-1``."""
    if re.fullmatch(r"[A-Z][A-Z0-9]{1,2}Loop[0-9]+", name):
        return "group"
    if re.fullmatch(r"[A-Z][A-Z0-9]{1,2}", name):
        return "segment"
    if _ELEMENT.fullmatch(name):
        return "element"
    upper = name.upper()
    again = [upper] if upper != name and (_ELEMENT.fullmatch(upper) or len(upper) in (2, 3)) else []
    raise PathError(
        f"{name!r} is neither a loop (N1Loop1), a segment (PO1) nor an element (PO102, SLN05-1).",
        offset=offset,
        todo="Write the segment's tag, and its element as tag and two digits.",
        suggestions=again,
    )


NOTATION = Notation(
    kind_of,
    example="segment/element, as in N1[ST]/N104, or BEG03 alone",
    qualifiers="[ST], or [N103=UL] for another element",
    pairs=True,
)


def parse(text: str) -> paths.Path:
    """Cut a path into its steps; an element alone (``BEG03``) gets its segment before it."""
    path = paths.parse(text, NOTATION)
    steps: list[paths.Step] = []
    for step in path.steps:
        if step.kind == "element" and (not steps or steps[-1].kind == "group"):
            steps.append(paths.Step(split_element(step.name)[0], "segment", (), None, step.offset))
        steps.append(step)
    return path._replace(steps=tuple(steps))


def split_element(name: str) -> tuple[str, int, int]:
    """``SLN05-1`` → ``SLN``, 5, 1; the component is 0 where none is named, all are nothing where it is no element."""
    found = _ELEMENT.fullmatch(name)
    return (found[1], int(found[2]), int(found[3] or 0)) if found else ("", 0, 0)
