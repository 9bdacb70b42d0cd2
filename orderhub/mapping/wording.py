"""Expressions back to text, for people: one spelling, spaces where they belong."""

from __future__ import annotations

from orderhub.mapping.expressions import (
    Call,
    Choice,
    Compare,
    Expression,
    Fallback,
    Logic,
    Member,
    Named,
    Number,
    Path,
    Pipe,
    Text,
)


def written(expression: Expression) -> str:
    """The expression as an author would write it."""
    if isinstance(expression, (Path, Number)):
        return expression.text
    if isinstance(expression, Text):
        escaped = expression.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(expression, Call):
        return call(expression, always=True)
    if isinstance(expression, Named):
        return f"{expression.name}={written(expression.value)}"
    if isinstance(expression, Fallback):
        return " ? ".join(_tight(option) for option in expression.options)
    if isinstance(expression, Pipe):
        steps = [call(one) for one in expression.calls]
        return " | ".join([_inner(expression.head, (Pipe, Compare, Logic, Member, Choice)), *steps])
    if isinstance(expression, Compare):
        left, right = (
            _inner(side, (Compare, Logic, Member, Choice)) for side in (expression.left, expression.right)
        )
        return f"{left} {expression.operator} {right}"
    if isinstance(expression, Logic):
        if expression.operator == "not":
            return f"not {_inner(expression.parts[0], (Compare, Logic, Member, Choice))}"
        return f" {expression.operator} ".join(_inner(part, (Logic, Choice)) for part in expression.parts)
    if isinstance(expression, Member):
        options = ", ".join(written(option) for option in expression.options)
        word = "not in" if expression.negated else "in"
        return f"{_inner(expression.item, (Compare, Logic, Member, Choice))} {word} ({options})"
    if isinstance(expression, Choice):
        text = f"{_inner(expression.value, (Choice,))} when {_inner(expression.condition, (Choice,))}"
        return text if expression.otherwise is None else f"{text} otherwise {written(expression.otherwise)}"
    return "true" if expression.value else "false"


def call(expression: Call, *, always: bool = False) -> str:
    """A function with its arguments; without brackets when it has none, unless ``always``."""
    arguments = ", ".join(written(argument) for argument in expression.arguments)
    return f"{expression.name}({arguments})" if arguments or always else expression.name


def _inner(expression: Expression, bracketed: tuple[type, ...]) -> str:
    text = written(expression)
    return f"({text})" if isinstance(expression, bracketed) else text


def _tight(expression: Expression) -> str:
    return _inner(expression, (Pipe, Fallback, Compare, Logic, Member, Choice))
