"""How X12's authors write the path to a value that nothing reads: ``N1[ST]/N104``, ``PO1{UP}``."""

from __future__ import annotations

from orderhub.formats.edi.grammar import Segment
from orderhub.formats.edi.tree import ParsedSegment
from orderhub.formats.x12.check import element_path


class X12Naming:
    """Tag and position; a qualifier at the segment, and for pairs the one before the value."""

    service = frozenset({"ST", "SE"})
    code_lists: frozenset[str] = frozenset()

    def marks(self, definition: Segment, segment: ParsedSegment, qualifier: int | None) -> tuple[str, str]:
        outer = next((segment[q] for q in definition.qualifier if segment[q]), "")
        return outer, segment[qualifier] if qualifier is not None else ""

    def path(self, definition: Segment, flat: int, outer: str, mark: str) -> tuple[str, int, int]:
        prefix = f"{definition.tag}[{outer}]" if outer else definition.tag
        element, component = next(
            (element, component) for at, element, component, _ in definition.components() if at == flat
        )
        if mark and any(value == flat for _, value in definition.pairs):
            return f"{prefix}{{{mark}}}", element, component
        name = element_path(definition.tag, element, component)
        return f"{prefix}/{name}" if outer else name, element, component
