"""How EDIFACT's authors write the path to a value that nothing reads: ``FTX[AAI]/C108/4440``."""

from __future__ import annotations

from orderhub.formats.edi.grammar import Composite, Segment
from orderhub.formats.edi.tree import ParsedSegment

#: Their qualifier stands at the composite: ``LIN/C212[EN]/7140``, ``BGM/C002/1001``.
UNQUALIFIED = frozenset({"LIN", "BGM"})


class EdifactNaming:
    """Tag, composite, element; qualifiers at the segment or, where they stand in one of several composites, there."""

    service = frozenset({"UNH", "UNT", "UNS", "UGH", "UGT"})
    code_lists = frozenset({"1131", "3055"})

    def marks(self, definition: Segment, segment: ParsedSegment, qualifier: int | None) -> tuple[str, str]:
        outer = ""
        if definition.tag not in UNQUALIFIED:
            outer = next((segment[q] for q in definition.qualifier if segment[q]), "")
        own = qualifier is not None and (qualifier not in definition.qualifier or definition.tag == "LIN")
        return outer, segment[qualifier] if own and qualifier is not None else ""

    def path(self, definition: Segment, flat: int, outer: str, mark: str) -> tuple[str, int, int]:
        prefix = f"{definition.tag}[{outer}]" if outer else definition.tag
        index = max(i for i, start in enumerate(definition.starts) if start <= flat)
        part = definition.parts[index]
        if not isinstance(part, Composite):
            return f"{prefix}/{part.number}", index + 1, 0
        inner = flat - definition.starts[index]
        qualified = f"{part.number}[{mark}]" if mark else part.number
        return f"{prefix}/{qualified}/{part.components[inner].number}", index + 1, inner + 1
