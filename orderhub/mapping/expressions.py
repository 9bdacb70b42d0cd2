"""The expressions of the mapping language: text to a small tree.

::

    expression = and { "or" and }
    and        = not { "and" not }
    not        = "not" not | comparison
    comparison = pipe [ ("==" | "!=" | "<" | "<=" | ">" | ">=") pipe ]
    pipe       = fallback { "|" call }
    fallback   = primary { "?" primary }
    primary    = path | text | number | "true" | "false" | call | "(" expression ")"
    call       = name [ "(" [ expression { "," expression } ] ")" ]
    path       = what the source format calls a path, cut out as text; brackets and braces may hold anything

The parser raises :class:`ExpressionError` for whatever is not in this language, and nothing else; depth and length are
bounded.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, TypeAlias

import msgspec

from orderhub.errors import MappingError

MAX_LENGTH = 4_000
MAX_DEPTH = 30
MAX_NODES = 400


class ExpressionError(MappingError):
    """A text that is no expression. ``offset`` counts characters from 0."""

    code: ClassVar[str] = "MAPPING_SYNTAX"

    def __init__(self, what: str, *, offset: int, todo: str) -> None:
        self.offset = offset
        super().__init__(what, todo=todo)


class Path(msgspec.Struct, frozen=True, tag="path"):
    """A value of the source (in checks also a field of the document), in the words of its format."""

    text: str
    offset: int


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A quoted text."""

    value: str
    offset: int


class Number(msgspec.Struct, frozen=True, tag="number"):
    """A number, kept as written."""

    text: str
    offset: int


class Truth(msgspec.Struct, frozen=True, tag="truth"):
    """``true`` or ``false``."""

    value: bool
    offset: int


class Call(msgspec.Struct, frozen=True, tag="call"):
    """A function by name, with its arguments (after ``|`` the piped value is not among them)."""

    name: str
    arguments: tuple[Expression, ...]
    offset: int


class Fallback(msgspec.Struct, frozen=True, tag="fallback"):
    """The first of the options that is there."""

    options: tuple[Expression, ...]
    offset: int


class Pipe(msgspec.Struct, frozen=True, tag="pipe"):
    """A value through functions, from left to right."""

    head: Expression
    calls: tuple[Call, ...]
    offset: int


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """Two values compared."""

    operator: str
    left: Expression
    right: Expression
    offset: int


class Logic(msgspec.Struct, frozen=True, tag="logic"):
    """``and``, ``or`` or ``not`` over conditions."""

    operator: str
    parts: tuple[Expression, ...]
    offset: int


Expression: TypeAlias = Path | Text | Number | Truth | Call | Fallback | Pipe | Compare | Logic


class _Token(NamedTuple):
    kind: str  # path, name, text, number, op, end
    text: str
    offset: int


_OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "|", "?", "(", ")", ",")
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_WORDS = frozenset({"and", "or", "not", "true", "false"})
_CLOSING = {"[": "]", "{": "}"}


def parse_expression(text: str) -> Expression:
    """Parse one expression; :class:`ExpressionError` with the offset of what does not belong."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"The expression has {len(text)} characters; at most {MAX_LENGTH} are allowed.",
            offset=0,
            todo="Move the codes into a lookup table.",
        )
    if not text.strip():
        raise ExpressionError(
            "There is no expression.", offset=0, todo="Write a path of the source, or remove it."
        )
    return _Parser(_tokens(text)).whole()


def is_name(text: str) -> bool:
    """Whether a path is only a bare name (which in an argument can be a word)."""
    return text.replace("-", "_").isidentifier()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text)
    while position < end:
        char = text[position]
        if char.isspace():
            position += 1
            continue
        if char in "\"'":
            value, stop = _quoted(text, position)
            tokens.append(_Token("text", value, position))
            position = stop
            continue
        operator = next((op for op in _OPERATORS if text.startswith(op, position)), None)
        if operator is not None:
            tokens.append(_Token("op", operator, position))
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
            tokens.append(_Token("number", number, position))
            position = stop
            continue
        if char.isalpha() or char in "_/.@$":
            token = _path(text, position)
            tokens.append(token)
            position += len(token.text)
            continue
        hint = {
            "=": "Compare with '=='.",
            "&": "Write 'and'.",
            "!": "Write '!=' or 'not'.",
            "{": "A constant as a value is written without quotes around it: {const: X}.",
        }.get(char, 'Quote texts; a column with other characters is written col("…").')
        raise ExpressionError(f"{char!r} does not belong here.", offset=position, todo=hint)
    tokens.append(_Token("end", "", end))
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


def _path(text: str, start: int) -> _Token:
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
    return _Token("name" if name else "path", word, start)


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


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.nodes = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def advance(self) -> _Token:
        token = self.tokens[self.index]
        self.index += 1
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(
                f"The expression has more than {MAX_NODES} parts.",
                offset=token.offset,
                todo="Move the codes into a lookup table.",
            )
        return token

    def is_op(self, *texts: str) -> bool:
        return self.token.kind == "op" and self.token.text in texts

    def is_word(self, text: str) -> bool:
        return self.token.kind == "name" and self.token.text == text

    def whole(self) -> Expression:
        expression = self.expression()
        if self.token.kind != "end":
            token = self.token
            shown = f'"{token.text}"' if token.kind == "text" else repr(token.text)
            hint = "Join parts with '|' (a function), '?' (a fallback) or a comparison."
            if token.kind == "op" and token.text == ")":
                hint = "Remove it, or open a bracket before."
            elif token.kind == "op" and token.text in _COMPARISONS:
                hint = "Comparisons do not chain: join two with 'and'."
            elif token.kind == "op" and token.text == "?":
                hint = "'?' binds tighter than '|': put what is before it in brackets."
            raise ExpressionError(f"{shown} does not belong here.", offset=token.offset, todo=hint)
        return expression

    def _deeper(self, offset: int) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(
                f"Nested deeper than {MAX_DEPTH} levels.", offset=offset, todo="Simplify the expression."
            )

    def expression(self) -> Expression:
        self._deeper(self.token.offset)
        offset = self.token.offset
        parts = [self.conjunction()]
        while self.is_word("or"):
            self.advance()
            parts.append(self.conjunction())
        self.depth -= 1
        return parts[0] if len(parts) == 1 else Logic("or", tuple(parts), offset)

    def conjunction(self) -> Expression:
        offset = self.token.offset
        parts = [self.negation()]
        while self.is_word("and"):
            self.advance()
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts), offset)

    def negation(self) -> Expression:
        if self.is_word("not"):
            token = self.advance()
            self._deeper(token.offset)
            part = self.negation()
            self.depth -= 1
            return Logic("not", (part,), token.offset)
        return self.comparison()

    def comparison(self) -> Expression:
        offset = self.token.offset
        left = self.pipe()
        if self.is_op(*_COMPARISONS):
            operator = self.advance().text
            return Compare(operator, left, self.pipe(), offset)
        return left

    def pipe(self) -> Expression:
        offset = self.token.offset
        head = self.fallback()
        calls: list[Call] = []
        while self.is_op("|"):
            self.advance()
            token = self.token
            if token.kind != "name" or token.text in _WORDS:
                raise ExpressionError(
                    "After '|' stands the name of a function.",
                    offset=token.offset,
                    todo="Write for example '| decimal'.",
                )
            self.advance()
            calls.append(Call(token.text, self.arguments(), token.offset))
        return Pipe(head, tuple(calls), offset) if calls else head

    def fallback(self) -> Expression:
        offset = self.token.offset
        options = [self.primary()]
        while self.is_op("?"):
            self.advance()
            options.append(self.primary())
        return options[0] if len(options) == 1 else Fallback(tuple(options), offset)

    def arguments(self) -> tuple[Expression, ...]:
        if not self.is_op("("):
            return ()
        self.advance()
        arguments: list[Expression] = []
        if self.is_op(")"):
            self.advance()
            return ()
        while True:
            arguments.append(self.expression())
            if self.is_op(","):
                self.advance()
                continue
            if self.is_op(")"):
                self.advance()
                return tuple(arguments)
            raise ExpressionError(
                "The arguments are not closed.", offset=self.token.offset, todo="Close them with ')'."
            )

    def primary(self) -> Expression:
        token = self.token
        if token.kind == "op" and token.text == "(":
            self.advance()
            inner = self.expression()
            if not self.is_op(")"):
                raise ExpressionError(
                    "The bracket is not closed.", offset=token.offset, todo="Close it with ')'."
                )
            self.advance()
            return inner
        if token.kind == "text":
            self.advance()
            return Text(token.text, token.offset)
        if token.kind == "number":
            self.advance()
            return Number(token.text, token.offset)
        if token.kind == "path":
            self.advance()
            return Path(token.text, token.offset)
        if token.kind == "name":
            if token.text in ("true", "false"):
                self.advance()
                return Truth(token.text == "true", token.offset)
            if token.text not in _WORDS:
                self.advance()
                if self.is_op("("):
                    return Call(token.text, self.arguments(), token.offset)
                return Path(token.text, token.offset)
        what = (
            "The expression ends too early."
            if token.kind == "end"
            else f"{token.text!r} does not belong here."
        )
        raise ExpressionError(
            what, offset=token.offset, todo="Here stands a path, a quoted text or a function."
        )
