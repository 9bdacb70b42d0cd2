"""ISA: the interchange header, whose bytes name the separators of everything that follows (X12.5).

ISA is 106 bytes long: every element has a fixed length, the element separator is its fourth byte, the component separator
its 105th (ISA16) and the segment terminator the one after it. From 00402 on ISA11 names the repetition separator. Where
the lengths are wrong, the separators are found by counting elements.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orderhub.formats.edi.delimiters import Delimiters

#: The lengths of ISA01 to ISA16.
LENGTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
#: The length of ISA with its terminator.
SIZE = 106
#: A damaged ISA is looked at so far.
MOST = 400

#: The separators that most files use, until an ISA names others.
USUAL = Delimiters(":", "*", ".", "", "", "~")


#: The end of an element that is ISA's last one and the tag of the segment after it.
_NEXT = re.compile(r"(?:[^A-Za-z0-9\s]|\n)\s*(?:GS|TA1|IEA)\Z")


class HeaderFault(NamedTuple):
    """``code`` without the standard's name; ``element`` 0 for ISA as a whole."""

    code: str
    text: str
    element: int
    value: str


class InterchangeHeader(NamedTuple):
    """ISA taken apart. ``values``: ISA01 to ISA16 without the padding, at their numbers (0 is the tag); ``size``: bytes with
    the terminator."""

    values: list[str]
    delimiters: Delimiters
    size: int
    faults: list[HeaderFault]


def read_header(head: bytes) -> InterchangeHeader:
    """:param head: the bytes from ISA on, :data:`MOST` of them or fewer at the end of a file."""
    text = head[:MOST].decode("latin-1")
    element = text[3]
    if element.isalnum() or element in " \r\n" or not element.isascii():
        return _cut_off(text, USUAL.element)
    pieces = text.split(element, 16)
    if len(pieces) < 17 or len(pieces[16]) < 2 or any(_NEXT.search(piece) for piece in pieces[1:16]):
        return _cut_off(text, element)
    component, terminator = pieces[16][0], pieces[16][1]
    faults: list[HeaderFault] = []
    size = len(element.join(pieces[:16])) + 3
    if terminator.isalnum():  # ISA16 is missing: what stands there is the terminator
        faults.append(HeaderFault("ISA", "ISA16, the component separator, is missing", 16, component))
        component, terminator = USUAL.component, component
        size -= 1
        pieces[16] = ""
    else:
        pieces[16] = component
    faults += _length_faults(pieces)
    values = [re.sub(r"[\r\n]", "", piece).strip() for piece in pieces]
    values[16] = pieces[16]
    delimiters = _delimiters(values, element, component, terminator, faults)
    faults += _value_faults(values)
    return InterchangeHeader(values, delimiters, size, faults)


def _length_faults(pieces: list[str]) -> list[HeaderFault]:
    wrong = [
        (number, len(piece), length)
        for number, (piece, length) in enumerate(zip(pieces[1:], LENGTHS, strict=True), 1)
        if len(piece) != length and not (number == 16 and not piece)
    ]
    if not wrong:
        return []
    said = ", ".join(
        f"ISA{number:02d} has {size} characters instead of {length}" for number, size, length in wrong
    )
    first = wrong[0][0]
    return [
        HeaderFault(
            "ISA_LENGTH", f"{said}. The separators were found by counting elements", first, pieces[first]
        )
    ]


def _delimiters(
    values: list[str], element: str, component: str, terminator: str, faults: list[HeaderFault]
) -> Delimiters:
    serving = (element, component, terminator)
    if len(set(serving)) < 3 or any(c.isalnum() or not c.isascii() or c == " " for c in serving):
        faults.append(
            HeaderFault(
                "ISA",
                f"The separators {element!r}, {component!r} and {terminator!r} cannot serve: they must be three different "
                "characters, no letters, digits or blanks",
                0,
                "".join(serving),
            )
        )
        if component in (element, terminator) or component.isalnum() or not component.isascii():
            component = next(c for c in ":>^|\x1f" if c not in (element, terminator))
        if terminator == element or terminator.isalnum() or not terminator.isascii():
            terminator = next(c for c in "~'\n" if c not in (element, component))
    repetition = ""
    if values[12] >= "00402" and len(values[11]) == 1 and not values[11].isalnum() and values[11].isascii():
        if values[11] in (element, component, terminator):
            faults.append(
                HeaderFault(
                    "ISA_VALUE", "ISA11 names a repetition separator that serves already", 11, values[11]
                )
            )
        else:
            repetition = values[11]
    return Delimiters(component, element, ".", "", repetition, terminator)


#: ISA element → what it must look like, and in words.
_LOOKS = {
    9: (r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])", "a date of six digits"),
    10: (r"(?:[01][0-9]|2[0-3])[0-5][0-9]", "a time of four digits"),
    12: (r"[0-9]{5}", "a version of five digits"),
    13: (r"[0-9]{9}", "a control number of nine digits"),
    14: (r"[01]", "0 or 1"),
    15: (r"[PTI]", "P (production), T (test) or I (information)"),
}


def _value_faults(values: list[str]) -> list[HeaderFault]:
    faults = [
        HeaderFault(
            "ISA_VALUE",
            f"ISA{number:02d} is {values[number][:20]!r}, it must be {words}",
            number,
            values[number],
        )
        for number, (pattern, words) in _LOOKS.items()
        if re.fullmatch(pattern, values[number]) is None
    ]
    faults += [
        HeaderFault("ISA", f"ISA{number:02d} is empty; nobody is named there", number, "")
        for number in (6, 8, 13)
        if not values[number]
    ]
    return faults


def _cut_off(text: str, element: str) -> InterchangeHeader:
    """ISA does not have its sixteen elements. Its terminator is what stands before the first GS."""
    found = re.search(rf"([^A-Za-z0-9\s])?\s*(?=GS{re.escape(element)})", text)
    terminator = (found[1] if found and found[1] and found[1] != element else None) or (
        "\n" if found and "\n" in found[0] else USUAL.terminator
    )
    end = text.find(terminator)
    size = found.end() if found else end + 1 if end >= 0 else len(text)
    values = [piece.strip() for piece in text[:size].rstrip(terminator + "\r\n").split(element)]
    missing = f"ISA has {len(values) - 1} elements instead of 16; it cannot be taken apart"
    values += [""] * (17 - len(values))
    component = next(c for c in ":>^" if c not in (element, terminator))
    return InterchangeHeader(
        values[:17],
        Delimiters(component, element, ".", "", "", terminator),
        size,
        [HeaderFault("ISA", missing, 0, "")],
    )


def release_of(version: str) -> str | None:
    """``004010`` from GS08 (``004010VICS``)."""
    digits = re.match("[0-9]*", version)
    found = digits[0] if digits else ""
    return found[:6] if len(found) >= 6 else version or None
