"""X12's side of the mapping language: releases and transaction sets, and paths below a segment."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import ClassVar

from orderhub.formats.dialect import PathError
from orderhub.formats.edi import paths, select
from orderhub.formats.edi.dialect import EdiDialect
from orderhub.formats.edi.grammar import Composite, Element, Message, Segment
from orderhub.formats.edi.scope import EdiScope, Within
from orderhub.formats.edi.tables import Tables
from orderhub.formats.edi.unread import Naming
from orderhub.formats.x12.check import element_path
from orderhub.formats.x12.grammar import GRAMMAR_FOLDER, release_tables, releases
from orderhub.formats.x12.naming import X12Naming
from orderhub.formats.x12.paths import NOTATION, parse, split_element


class X12Dialect(EdiDialect["X12Scope"]):
    """Stateless. ``release`` of a source is the version (``004010``), ``message`` the transaction set (``850``)."""

    format: ClassVar[str] = "x12"
    source_words: ClassVar[str] = "An X12 source"
    release_words: ClassVar[str] = "the standard"
    message_words: ClassVar[str] = "transaction set"
    example: ClassVar[str] = '"004010", or the one that GS08 begins with'
    folder: ClassVar[Path] = GRAMMAR_FOLDER
    #: X12.6: a point; implied decimals are put in by the reader.
    marks: ClassVar[str] = "."

    def tables(self, release: str) -> Tables | None:
        return release_tables(release)

    def releases(self) -> list[str]:
        return releases()

    def made(self, message: Message) -> X12Scope:
        return X12Scope(message, message.root, None, None)


class X12Scope(EdiScope):
    """Values are read by position: ``N1[ST]/N104``; or by the qualifier before them: ``PO1{UP}``."""

    notation: ClassVar[paths.Notation] = NOTATION
    naming: ClassVar[Naming] = X12Naming()

    def parse(self, text: str) -> paths.Path:
        return parse(text)

    def segment_test(self, condition: paths.Condition, segment: Segment) -> select.Test:
        if condition.element is None:
            if not segment.qualifier:
                raise PathError(
                    f"{segment.tag} has no qualifier of its own.",
                    offset=condition.offset,
                    todo=f"Name the element: {segment.tag}[{segment.tag}01={condition.value}].",
                )
            flat = segment.qualifier[0]
            _, element, _, what = next(part for part in segment.components() if part[0] == flat)
            if what.codes is not None and condition.value not in what.codes:
                name = element_path(segment.tag, element, 0)
                raise PathError(
                    f"{condition.value!r} is not in the code list of {name}.",
                    offset=condition.offset,
                    todo=f"Use a listed code; for a code that a guide adds write [{name}={condition.value}].",
                    suggestions=difflib.get_close_matches(condition.value, sorted(what.codes), 3, 0.5),
                )
            return select.Test((flat,), condition.value)
        flat, _ = self._element(segment, condition.element, condition.offset)
        return select.Test((flat,), condition.value)

    def within(self, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]) -> Within:
        if step.pair is not None:
            return self._pair(segment, step, rest)
        if not rest:
            raise PathError(
                f"{segment.tag} is a segment; a value needs its element.",
                offset=step.offset,
                todo=f"Write {NOTATION.example}.",
                suggestions=_value_paths(segment, step.name)[:3],
            )
        last = rest[0]
        if len(rest) > 1:
            raise PathError(
                f"{last.name} is an element; nothing comes below it.",
                offset=rest[1].offset,
                todo="Stop there; a component is written with a hyphen, as in SLN05-1.",
            )
        if last.conditions or last.pair is not None:
            raise PathError(
                "A qualifier belongs to a segment, not to an element.",
                offset=(last.conditions[0] if last.conditions else last.pair or step).offset,
                todo="Move it one step up.",
            )
        if last.nth is not None and last.nth > 1:
            raise PathError(
                f"{last.name} occurs once there, so #{last.nth} cannot be.",
                offset=last.offset,
                todo="Use an index at the segment.",
            )
        flat, what = self._element(segment, last.name, last.offset)
        return Within((select.Candidate((), (flat,)),), what, chosen=last.nth is not None)

    def _pair(self, segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]) -> Within:
        """The value after a qualifier; an index counts such values."""
        marked = step.pair
        assert marked is not None  # asked by the caller  # noqa: S101
        if rest:
            raise PathError(
                f"{step.name}{{{marked.value}}} is a value; nothing comes below it.",
                offset=rest[0].offset,
                todo="Stop there.",
            )
        if not segment.pairs:
            raise PathError(
                f"{segment.tag} has no pairs of qualifier and value.",
                offset=marked.offset,
                todo="Name the element.",
                suggestions=_value_paths(segment, step.name)[:3],
            )
        by_flat = {flat: what for flat, _, _, what in segment.components()}
        codes = by_flat[segment.pairs[0][0]].codes
        if codes is not None and marked.value not in codes:
            raise PathError(
                f"{marked.value!r} is not in the code list of the qualifiers of {segment.tag}.",
                offset=marked.offset,
                todo="Use a listed code.",
                suggestions=difflib.get_close_matches(marked.value, sorted(codes), 3, 0.5),
            )
        if step.nth is not None and step.nth > len(segment.pairs):
            raise PathError(
                f"{segment.tag} has {len(segment.pairs)} pairs, so #{step.nth} cannot be.",
                offset=step.offset,
                todo="Use an index that can occur.",
            )
        candidates = tuple(
            select.Candidate((select.Test((qualifier,), marked.value),), (value,))
            for qualifier, value in segment.pairs
        )
        return Within(
            candidates,
            by_flat[segment.pairs[0][1]],
            composite_index=step.nth - 1 if step.nth else None,
            chosen=True,
            repeats=True,
            own_index=True,
        )

    def _element(self, segment: Segment, name: str, offset: int) -> tuple[int, Element]:
        """Flat index and definition of ``N104`` or ``SLN05-1`` in its segment."""
        known = _value_paths(segment, "")
        close = difflib.get_close_matches(name, known, 3, 0.5) or known[:3]
        tag, element, component = split_element(name)
        if tag != segment.tag or not 0 < element <= len(segment.parts):
            raise PathError(
                f"{segment.tag} has no element {name}.",
                offset=offset,
                todo=f"Its elements are {known[0]} to {element_path(segment.tag, len(segment.parts), 0)}.",
                suggestions=close,
            )
        part = segment.parts[element - 1]
        start = segment.starts[element - 1]
        if not isinstance(part, Composite):
            if component > 1:
                raise PathError(
                    f"{element_path(tag, element, 0)} has no components.",
                    offset=offset,
                    todo="Leave the component out.",
                )
            return start, part
        if not 0 < component <= len(part.components):
            raise PathError(
                f"{element_path(tag, element, 0)} is a composite of {len(part.components)}; a value needs its component."
                if not component
                else f"{element_path(tag, element, 0)} has {len(part.components)} components.",
                offset=offset,
                todo="Write the component with a hyphen.",
                suggestions=[element_path(tag, element, 1)],
            )
        return start + component - 1, part.components[component - 1]

    def holders(self, name: str) -> list[str]:
        return []


def _value_paths(segment: Segment, prefix: str) -> list[str]:
    """The paths to all values of a segment."""
    names = [
        element_path(segment.tag, element, component) for _, element, component, _ in segment.components()
    ]
    return [f"{prefix}/{name}" for name in names] if prefix else names
