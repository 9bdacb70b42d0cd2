"""The types of the mapping language, and what a value says when it refuses to become one of them."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What a value is.

    ``NUMBER`` is text that the source's grammar declares numeric: it becomes an integer or a decimal by itself where
    the target wants one. ``VALUE`` is text of which only the message tells whether it is a number, or true or false
    (JSON): it becomes by itself what the target wants, a date aside.
    """

    TEXT = "text"
    NUMBER = "number"
    VALUE = "value"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"


#: Kinds that are still text as the source wrote it.
TEXTUAL = frozenset({Kind.TEXT, Kind.NUMBER, Kind.VALUE})
#: Kinds that can be compared with each other as numbers.
NUMERIC = frozenset({Kind.NUMBER, Kind.VALUE, Kind.INTEGER, Kind.DECIMAL})


class Refusal(Exception):
    """A value that cannot become what it should. Turned into a finding with its place by the one who knows it.

    :param code: the finding's code (``VALUE_DATE``).
    :param what: one sentence with the value in it.
    :param todo: what to do.
    """

    def __init__(self, code: str, what: str, todo: str, value: str | None = None) -> None:
        self.code = code
        self.what = what
        self.todo = todo
        self.value = value
        super().__init__(what)


def truth(text: str) -> bool:
    """``true`` or ``false`` as a source with types of its own writes them; anything else is refused."""
    if text not in ("true", "false"):
        raise Refusal(
            "VALUE_BOOLEAN",
            f"{shown(text)} is neither true nor false.",
            'Ask the sender, or write | boolean("Y", "N") with the texts that are used.',
            text,
        )
    return text == "true"


def shown(value: object, limit: int = 60) -> str:
    """A value for an error text: quoted, shortened, without line breaks or control characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
