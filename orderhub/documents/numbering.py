"""The number of a record that has none of its own: made of what tells it from others."""

from __future__ import annotations


def joined(first: str, second: str, third: str | None = None) -> str:
    """``first@second`` or ``first@second#third``; two different triples never have one number."""
    text = f"{_part(first)}@{_part(second)}"
    return f"{text}#{_part(third)}" if third else text


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("@", "%40").replace("#", "%23")
