"""Bound expressions, and how they are put together.

A bound expression is, where possible, a getter on the node alone plus a pure conversion; conversions are remembered by
their input (:class:`Memo`), so that the thousandth ``PCE`` costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from orderhub.formats.dialect import ResolvedPath
from orderhub.mapping.functions import Function
from orderhub.mapping.kinds import TEXTUAL, Kind

#: Remembered conversions per expression; beyond that the memo starts over, so that order numbers do not fill it.
MEMO_LIMIT = 2_000


class Memo(dict[Any, Any]):
    """Raw value to converted value; converts what it does not have. Refused values are not kept."""

    __slots__ = ("convert",)

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, raw: Any) -> Any:
        value = self.convert(raw)
        if len(self) >= MEMO_LIMIT:
            self.clear()
        self[raw] = value
        return value


class Bound(msgspec.Struct, frozen=True):
    """An expression ready to run.

    ``direct``: node -> value or ``None``, when nothing but the node is needed; ``full``: (node, run) -> value, always
    there, without ``convert``. ``convert``: pure conversion of that value, or ``None``. ``hashable``: whether the
    value before ``convert`` can be remembered. Where ``direct`` is there, ``inputs`` are the paths that it reads and
    ``combine`` makes the same value of what they gave (``None``: it is the one input's).
    """

    kind: Kind
    many: bool
    optional: bool
    full: Callable[[Any, Any], Any]
    direct: Callable[[Any], Any] | None
    convert: Callable[[Any], Any] | None
    hashable: bool
    sources: tuple[ResolvedPath, ...]
    inputs: tuple[ResolvedPath, ...] = ()
    combine: Callable[..., Any] | None = None
    #: the value is that of the first input that has one, or else ``default``
    alternatives: bool = False
    default: Any = None

    def evaluate(self) -> Callable[[Any, Any], Any]:
        """(node, run) -> the final value."""
        full, convert = self.full, self.convert
        if convert is None:
            return full
        lookup: Callable[[Any], Any] = Memo(convert).__getitem__ if self.hashable else convert

        def run(node: Any, context: Any) -> Any:
            raw = full(node, context)
            return None if raw is None else lookup(raw)

        return run


def constant(value: Any, kind: Kind) -> Bound:
    return Bound(
        kind,
        False,
        False,
        lambda _node, _run: value,
        lambda _node: value,
        None,
        True,
        (),
        (),
        lambda: value,
    )


def _value_of(part: Bound, values: tuple[Any, ...]) -> Any:
    """The value of a bound expression from what its inputs gave; ``None`` when absent."""
    value = values[0] if part.combine is None else part.combine(*values)
    return None if value is None or value in ("", []) else value


def either(options: list[Bound]) -> Callable[..., Any]:
    """The first option that has a value, from the inputs of all options."""
    if len(options) == 2 and options[0].combine is None and not options[1].inputs:
        default = _value_of(options[1], ())
        return lambda value: value or default
    spans: list[tuple[Bound, int, int]] = []
    start = 0
    for option in options:
        spans.append((option, start, start + len(option.inputs)))
        start += len(option.inputs)

    def either(*values: Any) -> Any:
        for option, first, end in spans:
            value = _value_of(option, values[first:end])
            if value is not None:
                return value
        return None

    return either


def alternatives(options: list[Bound]) -> tuple[bool, Any]:
    """Whether this is simply the first of some paths that has a value, and what stands last for none (or ``None``)."""
    default = None
    if not options[-1].inputs:
        default = _value_of(options[-1], ())
        options = options[:-1]
    simple = all(
        option.inputs and (option.combine is None or (option.alternatives and option.default is None))
        for option in options
    )
    return simple, default if simple else None


def _paired(value: Bound, argument: Bound) -> Callable[..., Any]:
    """The value and its argument as one key, from the inputs of both."""
    if value.combine is None and argument.combine is None:
        return lambda one, other: (one, other or None) if one else None
    cut = len(value.inputs)

    def paired(*values: Any) -> Any:
        one = _value_of(value, values[:cut])
        return None if one is None else (one, _value_of(argument, values[cut:]))

    return paired


def with_run(direct: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda node, _run: direct(node)


def first_direct(options: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The first option that gives something; present values are never falsy (no empty text, no empty list)."""
    if len(options) == 2:
        left, right = options

        def first_of_two(node: Any) -> Any:
            value = left(node)
            return right(node) if value is None else value

        return first_of_two

    def first(node: Any) -> Any:
        for option in options:
            value = option(node)
            if value is not None:
                return value
        return None

    return first


def common(left: Kind, right: Kind) -> Kind | None:
    """The kind that holds both, or ``None``."""
    if left is right:
        return left
    kinds = {left, right}
    if kinds <= TEXTUAL:
        return Kind.VALUE if Kind.VALUE in kinds else Kind.TEXT
    if kinds <= {Kind.INTEGER, Kind.DECIMAL}:
        return Kind.DECIMAL
    return None


def applied(
    value: Bound, function: Function, built: Callable[..., Any], kind: Kind, dynamic: list[Bound]
) -> Bound:
    """A value with one more function behind it."""
    sources = value.sources + tuple(source for argument in dynamic for source in argument.sources)
    if function.lists == "reduce":
        reduce = built if value.many else lambda single: built([single])
        return _then(value, reduce, kind, many=False, sources=sources)
    if function.lists == "spread" and value.many:

        def spread(values: list[Any]) -> list[Any] | None:
            return [part for item in values for part in built(item)] or None

        return _then(value, spread, kind, many=True, sources=sources)
    if function.lists == "spread":
        # not remembered: every document gets a list of its own
        fresh = msgspec.structs.replace(value, hashable=False)
        return _then(fresh, lambda single: built(single) or None, kind, many=True, sources=sources)
    if not dynamic:
        if value.many:

            def each(values: list[Any]) -> list[Any] | None:
                return [result for item in values if (result := built(item)) is not None] or None

            return _then(value, each, kind, many=True, sources=sources)
        return _then(value, built, kind, many=False, sources=sources)
    return _with_dynamic(value, built, kind, dynamic, sources)


def _then(
    value: Bound, step: Callable[[Any], Any], kind: Kind, *, many: bool, sources: tuple[ResolvedPath, ...]
) -> Bound:
    convert = value.convert
    if convert is None:
        chained = step
    else:

        def chained(raw: Any) -> Any:
            between = convert(raw)
            return None if between is None else step(between)

    return msgspec.structs.replace(value, kind=kind, many=many, convert=chained, sources=sources)


def _with_dynamic(
    value: Bound,
    built: Callable[..., Any],
    kind: Kind,
    dynamic: list[Bound],
    sources: tuple[ResolvedPath, ...],
) -> Bound:
    """A function whose arguments come from the source: the key to remember is the tuple of all of them."""
    many = value.many
    raw = [value, *dynamic]
    if all(part.convert is None and part.direct is not None for part in raw) and not many and len(raw) == 2:
        head, argument = value.direct, dynamic[0].direct
        if head is not None and argument is not None:

            def pair(node: Any) -> Any:
                single = head(node)
                return None if single is None else (single, argument(node))

            return Bound(
                kind,
                False,
                value.optional,
                with_run(pair),
                pair,
                lambda key: built(*key),
                True,
                sources,
                value.inputs + dynamic[0].inputs,
                _paired(value, dynamic[0]),
            )
    evaluate = value.evaluate()
    arguments = [argument.evaluate() for argument in dynamic]

    def full(node: Any, run: Any) -> Any:
        single = evaluate(node, run)
        if single is None:
            return None
        extra = [argument(node, run) for argument in arguments]
        if many:
            return [result for item in single if (result := built(item, *extra)) is not None] or None
        return built(single, *extra)

    return Bound(kind, many, value.optional, full, None, None, not many, sources)
