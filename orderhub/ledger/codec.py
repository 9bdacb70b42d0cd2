"""Between Python values and columns: JSON, findings, places, and text that a partner wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderhub.findings import MAX_FINDINGS, Finding, Findings, Place

_encode = msgspec.json.Encoder().encode
_NUL = b"\\u0000"


def clean(value: str) -> str:
    """Text that PostgreSQL can keep: no NUL, no lone surrogates (they come from hostile file names)."""
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-8", "backslashreplace").decode()
    return value


def clean_or_none(value: str | None) -> str | None:
    return None if value is None else clean(value)


def _clean_deep(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): _clean_deep(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_deep(item) for item in value]
    return value


def to_json(value: Any) -> str:
    """JSON text for a jsonb column."""
    try:
        encoded = _encode(value)
    except UnicodeEncodeError:
        encoded = _NUL
    if _NUL in encoded:
        encoded = _encode(_clean_deep(msgspec.to_builtins(value)))
    return encoded.decode()


def findings_to_json(findings: Sequence[Finding]) -> str:
    """At most ``MAX_FINDINGS`` findings, errors first kept."""
    if not findings:
        return "[]"
    if len(findings) > MAX_FINDINGS:
        bounded = Findings()
        bounded.extend(list(findings))
        findings = bounded.kept
    return to_json(list(findings))


def findings_from(value: Any) -> list[Finding]:
    """Findings from what a jsonb column gives."""
    return msgspec.convert(value or [], list[Finding])


def places_from(value: Any) -> dict[str, Place]:
    return msgspec.convert(value or {}, dict[str, Place])
