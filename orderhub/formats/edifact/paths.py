"""How EDIFACT paths are written: ``SG25/PRI[AAA]/C509/5118``, ``PIA/C212[7143=IN]#1/7140``."""

from __future__ import annotations

import re

from orderhub.formats.dialect import PathError
from orderhub.formats.edi.paths import Notation, StepKind


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


NOTATION = Notation(
    kind_of,
    example="segment/composite/element, as in DTM[137]/C507/2380",
    qualifiers="[137], or [7143=IN] for another element",
)
