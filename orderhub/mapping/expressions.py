"""The expressions of the mapping language: text to a small tree.

::

    expression = or [ "when" or [ "otherwise" expression ] ]
    or         = and { "or" and }
    and        = not { "and" not }
    not        = "not" not | comparison
    comparison = pipe [ ("==" | "!=" | "<" | "<=" | ">" | ">=") pipe
                      | [ "not" ] "in" "(" expression { "," expression } ")" ]
    pipe       = fallback { "|" call }
    fallback   = primary { "?" primary }
    primary    = path | text | number | "true" | "false" | call | "(" expression ")"
    call       = name [ "(" [ argument { "," argument } ] ")" ]
    argument   = [ name "=" ] expression
    path       = what the source format calls a path, cut out as text; brackets and braces may hold anything

The parser raises :class:`ExpressionError` for whatever is not in this language, and nothing else; depth and length are
bounded.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from orderhub.mapping.tokens import COMPARISONS, WORDS, ExpressionError, Token, tokens_of

MAX_LENGTH = 4_000
MAX_DEPTH = 30
MAX_NODES = 400


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


class Named(msgspec.Struct, frozen=True, tag="named"):
    """An argument with its name: ``on=DTM[137]/C507/2380 | date``."""

    name: str
    value: Expression
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


class Member(msgspec.Struct, frozen=True, tag="member"):
    """Whether a value is one of several: ``unit in ("PCE", "EA")``, ``unit not in (…)``."""

    item: Expression
    options: tuple[Expression, ...]
    negated: bool
    offset: int


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """``value when condition otherwise other``; without ``otherwise`` the value is absent when the condition is not
    true."""

    value: Expression
    condition: Expression
    otherwise: Expression | None
    offset: int


Expression: TypeAlias = (
    Path | Text | Number | Truth | Call | Named | Fallback | Pipe | Compare | Logic | Member | Choice
)


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
    return _Parser(tokens_of(text)).whole()


def is_name(text: str) -> bool:
    """Whether a path is only a bare name (which in an argument can be a word)."""
    return text.replace("-", "_").isidentifier()


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.nodes = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
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
            elif token.kind == "op" and token.text == "=":
                hint = "Compare with '=='."
            elif token.kind == "op" and token.text in COMPARISONS:
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
        found = self.disjunction()
        if self.is_word("when"):
            self.advance()
            condition = self.disjunction()
            otherwise = None
            if self.is_word("otherwise"):
                self.advance()
                otherwise = self.expression()
            found = Choice(found, condition, otherwise, offset)
        self.depth -= 1
        return found

    def disjunction(self) -> Expression:
        offset = self.token.offset
        parts = [self.conjunction()]
        while self.is_word("or"):
            self.advance()
            parts.append(self.conjunction())
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
        if self.is_op(*COMPARISONS):
            operator = self.advance().text
            return Compare(operator, left, self.pipe(), offset)
        following = self.tokens[min(self.index + 1, len(self.tokens) - 1)]
        negated = self.is_word("not") and following.kind == "name" and following.text == "in"
        if not negated and not self.is_word("in"):
            return left
        if negated:
            self.advance()
        token = self.advance()
        options = self.arguments() if self.is_op("(") else ()
        if not options:
            raise ExpressionError(
                "After 'in' stand the values in brackets.",
                offset=token.offset,
                todo='Write path in ("PCE", "EA").',
            )
        return Member(left, options, negated, offset)

    def pipe(self) -> Expression:
        offset = self.token.offset
        head = self.fallback()
        calls: list[Call] = []
        while self.is_op("|"):
            self.advance()
            token = self.token
            if token.kind != "name" or token.text in WORDS:
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
            arguments.append(self.argument())
            if self.is_op(","):
                self.advance()
                continue
            if self.is_op(")"):
                self.advance()
                return tuple(arguments)
            raise ExpressionError(
                "The arguments are not closed.", offset=self.token.offset, todo="Close them with ')'."
            )

    def argument(self) -> Expression:
        token, following = self.token, self.tokens[min(self.index + 1, len(self.tokens) - 1)]
        if token.kind != "name" or following.kind != "op" or following.text != "=":
            return self.expression()
        self.advance()
        self.advance()
        return Named(token.text, self.expression(), token.offset)

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
            if token.text not in WORDS:
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
