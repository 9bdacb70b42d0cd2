"""How strict a reader is, and how much it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from orderhub.findings import Severity


class Policy(msgspec.Struct, frozen=True):
    """How strict the reader is. An agreement with a partner may lower (or raise) severities.

    ``severities`` overrides the defaults of the standard's ``problems``. ``guide_codes``: the severity of an unlisted code
    in a message that names a guide (UNH 0057 ``EAN008``, GS08 ``004010VICS``): guides add codes of their own to the
    directories'. ``message_limit`` and ``segment_limit`` are in bytes: more than that in one message, or in one service
    segment or run of garbage, is not looked at any further. ``message_segments``: nor is a message of more segments,
    empty ones counted; a segment in memory takes hundreds of times the one byte that an empty one has in a file.
    """

    #: Code → (default severity, what it means).
    problems: ClassVar[Mapping[str, tuple[Severity, str]]] = {}
    #: What the standard's codes begin with; shared parts name a code without it.
    prefix: ClassVar[str] = ""

    severities: Mapping[str, Severity] = {}
    guide_codes: Severity = Severity.WARNING
    message_limit: int = 8 * 1024 * 1024
    message_segments: int = 200_000
    segment_limit: int = 64 * 1024

    def severity(self, code: str) -> Severity:
        return self.severities.get(code) or self.problems[code][0]
