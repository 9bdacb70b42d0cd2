"""The words of an expression: text to tokens. Paths are cut out whole, as the source format writes them."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from orderhub.errors import MappingError


class ExpressionError(MappingError):
    """A text that is no expression. ``offset`` counts characters from 0."""

    code: ClassVar[str] = "MAPPING_SYNTAX"

    def __init__(self, what: str, *, offset: int, todo: str) -> None:
        self.offset = offset
        super().__init__(what, todo=todo)


class Token(NamedTuple):
    kind: str  # path, name, text, number, op, end
    text: str
    offset: int


_OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "|", "?", "(", ")", ",", "=")
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
WORDS = frozenset({"and", "or", "not", "true", "false"})
_CLOSING = {"[": "]", "{": "}"}


def tokens_of(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    end = len(text)
    while position < end:
        char = text[position]
        if char.isspace():
            position += 1
            continue
        if char in "\"'":
            value, stop = _quoted(text, position)
            tokens.append(Token("text", value, position))
            position = stop
            continue
        operator = next((op for op in _OPERATORS if text.startswith(op, position)), None)
        if operator is not None:
            tokens.append(Token("op", operator, position))
            position += len(operator)
            continue
        if char.isdecimal() or (char in "+-" and text[position + 1 : position + 2].isdecimal()):
            stop = position + 1
            while stop < end and (text[stop].isalnum() or text[stop] in "._"):
                stop += 1
            number = text[position:stop]
            body = number.lstrip("+-")
            whole, _, fraction = body.partition(".")
            if (
                not body.isascii()
                or not whole.isdigit()
                or (("." in body) and not fraction.isdigit())
                or len(body) > 40
            ):
                raise ExpressionError(
                    f"{number!r} is no number.",
                    offset=position,
                    todo="Write digits with a point, or quote a text.",
                )
            tokens.append(Token("number", number, position))
            position = stop
            continue
        if char.isalpha() or char in "_/.@$":
            token = _path(text, position)
            tokens.append(token)
            position += len(token.text)
            continue
        hint = {
            "&": "Write 'and'.",
            "!": "Write '!=' or 'not'.",
            "{": "A constant as a value is written without quotes around it: {const: X}.",
        }.get(char, 'Quote texts; a column with other characters is written col("…").')
        raise ExpressionError(f"{char!r} does not belong here.", offset=position, todo=hint)
    tokens.append(Token("end", "", end))
    return tokens


def _quoted(text: str, start: int) -> tuple[str, int]:
    quote = text[start]
    value: list[str] = []
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            following = text[position + 1]
            if following not in "\\\"'":
                raise ExpressionError(
                    f"The escape \\{following} does not exist.",
                    offset=position,
                    todo="Only \\\\, \\\" and \\' do; write other characters as they are.",
                )
            value.append(following)
            position += 2
            continue
        if char == quote:
            return "".join(value), position + 1
        value.append(char)
        position += 1
    raise ExpressionError("The quoted text does not end.", offset=start, todo=f"Close it with {quote}.")


def _path(text: str, start: int) -> Token:
    """Cut out a path (or a name): up to a space or operator outside brackets, braces and quotes."""
    position = start
    end = len(text)
    while position < end:
        char = text[position]
        if char in _CLOSING:
            position = _bracketed(text, position)
            continue
        if char == "(":
            if text[start:position] == "col":
                position = _column(text, start, position)
                continue
            break
        if char.isspace() or char in "|?,)=<>!\"'":
            break
        position += 1
    word = text[start:position]
    name = word.isidentifier()
    return Token("name" if name else "path", word, start)


def _bracketed(text: str, start: int) -> int:
    """The position after the bracket that closes the one at ``start``."""
    closing = _CLOSING[text[start]]
    position = start + 1
    while position < len(text):
        char = text[position]
        if char == closing:
            return position + 1
        if char in "\"'":
            _, position = _quoted(text, position)
            continue
        if char in _CLOSING:
            raise ExpressionError(
                f"{char!r} within {text[start]!r} is not allowed.", offset=position, todo="Quote it."
            )
        position += 1
    raise ExpressionError(
        f"{text[start]!r} is never closed.", offset=start, todo=f"Close it with {closing!r}."
    )


def _column(text: str, start: int, opening: int) -> int:
    """The position after ``col("…")``."""
    position = opening + 1
    while position < len(text) and text[position] == " ":
        position += 1
    if position < len(text) and text[position] in "\"'":
        _, position = _quoted(text, position)
        while position < len(text) and text[position] == " ":
            position += 1
        if position < len(text) and text[position] == ")":
            return position + 1
    raise ExpressionError("col needs one quoted name.", offset=start, todo='Write col("Order No").')
