"""What a file is, from its first bytes. Imports nothing heavy: the command line asks before it loads a reader."""

from __future__ import annotations

import re
from typing import NamedTuple

#: So many bytes are enough.
HEAD = 4096


class DetectedFormat(NamedTuple):
    """``format`` is ``edifact``, ``x12``, ``xml``, ``json``, ``csv`` or ``bundle`` (a ZIP of several files);
    ``message`` and ``release`` are the first message's where the head shows them (``ORDERS`` and ``D.96A``, ``850`` and
    ``004010``, the root element of XML); ``encoding`` is the one that the head names or its byte order mark shows."""

    format: str
    message: str | None = None
    release: str | None = None
    encoding: str | None = None


_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_XML_ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_XML_ASIDE = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\])?[^>]*>", re.DOTALL)


def detect(head: bytes, name: str = "") -> DetectedFormat | None:
    """The format of a file, or ``None`` when it looks like none of them.

    :param head: the first bytes, up to :data:`HEAD` of them.
    :param name: the file's name; its ending only decides where the bytes do not (CSV).
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return DetectedFormat("bundle")
    encoding = None
    for mark, codec in _BOMS:
        if head.startswith(mark):
            encoding = codec
            head = head[len(mark) :] if codec == "utf-8" else head.decode(codec, "replace").encode("utf-8")
            break
    start = head.lstrip(b" \t\r\n\x00")
    if re.match(rb"UN[AB][^A-Za-z0-9]|UNG[^A-Za-z0-9]|UNH[^A-Za-z0-9]", start):
        return _edifact(start, encoding)
    if start.startswith(b"ISA") and len(start) > 3 and not start[3:4].isalnum():
        return _x12(start, encoding)
    if start.startswith(b"<"):
        return _xml(start, encoding)
    if start[:1] in (b"{", b"["):
        return DetectedFormat("json", encoding=encoding or "utf-8")
    return _csv(head, name, encoding)


def _edifact(start: bytes, encoding: str | None) -> DetectedFormat:
    component, element, terminator = ":", "+", "'"
    text = start.decode("latin-1")
    if text.startswith("UNA") and len(text) >= 9:
        component, element, terminator = text[3], text[4], text[8]
        text = text[9:]
    elif encoding is None and b"UNA" not in start[:3] and b"+" not in start[:40]:
        return DetectedFormat("edifact")
    segments = [segment.strip() for segment in text.split(terminator)]
    message = release = None
    for segment in segments:
        parts = segment.split(element)
        if parts[0] == "UNB" and encoding is None and len(parts) > 1:
            from orderhub.formats.edifact.syntax import codec_of

            encoding = codec_of(parts[1].split(component)[0])
        if parts[0] == "UNH" and len(parts) > 2:
            identifier = parts[2].split(component)
            message = identifier[0] or None
            if len(identifier) > 2:
                release = f"{identifier[1]}.{identifier[2]}"
            break
    return DetectedFormat("edifact", message, release, encoding)


def _x12(start: bytes, encoding: str | None) -> DetectedFormat:
    from orderhub.formats.x12.header import read_header, release_of

    header = read_header(start)
    element, terminator = header.delimiters.element, header.delimiters.terminator
    message = release = None
    for segment in start[header.size :].decode("latin-1").split(terminator):
        parts = segment.strip().split(element)
        if parts[0] == "GS" and len(parts) > 8:
            release = release_of(parts[8].strip())
        if parts[0] == "ST" and len(parts) > 1:
            message = parts[1]
            break
    return DetectedFormat("x12", message, release, encoding)


def _xml(start: bytes, encoding: str | None) -> DetectedFormat:
    named = _XML_ENCODING.search(start)
    if encoding is None and named:
        encoding = named[1].decode("ascii").lower()
    root = _XML_ROOT.search(_XML_ASIDE.sub("", start.decode("utf-8", "replace")))
    return DetectedFormat("xml", root[1] if root else None, None, encoding or "utf-8")


def _csv(head: bytes, name: str, encoding: str | None) -> DetectedFormat | None:
    if b"\x00" in head[:HEAD]:
        return None
    if encoding is None:
        try:
            head.decode("utf-8")
            encoding = "utf-8"
        except UnicodeDecodeError as error:
            encoding = "utf-8" if error.start >= len(head) - 4 else None
    lines = [line for line in head.decode(encoding or "latin-1", "replace").splitlines() if line.strip()]
    if not lines:
        return None
    # A header line with the same delimiter in the line that follows, or at least a file that is called so
    for delimiter in (";", ",", "\t", "|"):
        if delimiter in lines[0] and (len(lines) == 1 or delimiter in lines[1]):
            return DetectedFormat("csv", "rows", None, encoding)
    if name.lower().endswith((".csv", ".tsv")):
        return DetectedFormat("csv", "rows", None, encoding)
    return None
