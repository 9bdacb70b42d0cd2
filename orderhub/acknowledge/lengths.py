"""Whether a value of a wrong length is too long or too short, which answers tell apart and findings do not."""

from __future__ import annotations

from orderhub.findings import Finding
from orderhub.formats.edi.grammar import Composite, Segment


def is_short(finding: Finding, segment: Segment | None) -> bool:
    """By the definition of the element in its segment; without one: too long, which is by far the more frequent."""
    place = finding.place
    if segment is None or place.element is None or place.element > len(segment.parts):
        return False
    part = segment.parts[place.element - 1]
    if isinstance(part, Composite):
        if place.component is None or place.component > len(part.components):
            return False
        part = part.components[place.component - 1]
    value = finding.value or ""
    if part.kind not in ("a", "an"):
        # neither sign nor decimal mark counts
        value = value.lstrip("-").replace(".", "").replace(",", "")
    return len(value) < part.minimum
