"""UN/EDIFACT (ISO 9735): reading, checking against the directories, writing."""

from __future__ import annotations
