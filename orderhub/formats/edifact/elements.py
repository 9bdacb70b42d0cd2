"""The part of a path within a segment: qualifiers, composites and elements, resolved to flat indexes."""

from __future__ import annotations

import difflib

from orderhub.formats.dialect import PathError
from orderhub.formats.edi import paths, select
from orderhub.formats.edi.grammar import Composite, Element, Segment
from orderhub.formats.edi.scope import Within


def segment_test(condition: paths.Condition, segment: Segment) -> select.Test:
    if condition.element is None:
        if not segment.qualifier:
            raise PathError(
                f"{segment.tag} has no qualifier of its own.",
                offset=condition.offset,
                todo=f"Name the element: {segment.tag}[1234={condition.value}].",
            )
        flats = segment.qualifier
        number = segment.qualifier_number
    else:
        number = condition.element
        flats = tuple(flat for flat, _, _, what in segment.components() if what.number == number)
        if not flats:
            raise PathError(
                f"{segment.tag} has no element {number}.",
                offset=condition.offset,
                todo="Name an element of the segment.",
                suggestions=difflib.get_close_matches(
                    number, sorted({what.number for *_, what in segment.components()}), 3, 0.5
                ),
            )
    codes = next(what.codes for *_, what in segment.components() if what.number == number)
    _check_code(condition, number or "", codes)
    return select.Test(flats, condition.value)


def _check_code(condition: paths.Condition, number: str, codes: frozenset[str] | None) -> None:
    """A qualifier that the directory does not list is most probably a slip; guides may add codes, so ``=`` is let pass."""
    if codes is not None and condition.element is None and condition.value not in codes:
        raise PathError(
            f"{condition.value!r} is not in the code list of {number}.",
            offset=condition.offset,
            todo=f"Use a listed code; for a code that a guide adds write [{number}={condition.value}].",
            suggestions=difflib.get_close_matches(condition.value, sorted(codes), 3, 0.5),
        )


def value_paths(segment: Segment, prefix: str) -> list[str]:
    found = []
    for part in segment.parts:
        if isinstance(part, Composite):
            found += [f"{prefix}/{part.number}/{c.number}" for c in part.components]
        else:
            found.append(f"{prefix}/{part.number}")
    return list(dict.fromkeys(found))


def _nothing_named(segment: Segment, step: paths.Step, wanted: paths.Step) -> PathError:
    known = value_paths(segment, step.name)
    inside = [path for path in known if path.endswith(f"/{wanted.name}")]
    close = difflib.get_close_matches(
        wanted.name, sorted({p for path in known for p in path.split("/")[1:]}), 3, 0.5
    )
    near = [path for name in close for path in known if f"/{name}/" in f"{path}/"]
    return PathError(
        f"{segment.tag} has no {wanted.name}" + (" at this level." if inside else "."),
        offset=wanted.offset,
        todo="Write every step: segment/composite/element." if inside else "Use an element of the segment.",
        suggestions=list(dict.fromkeys(inside or near or known))[:3],
    )


def element_candidates(
    segment: Segment, step: paths.Step, wanted: paths.Step
) -> tuple[tuple[select.Candidate, ...], Element]:
    if wanted.conditions:
        raise PathError(
            "A qualifier belongs to a segment or composite, not to an element.",
            offset=wanted.conditions[0].offset,
            todo="Move it one step up.",
        )
    found = [(segment.starts[i], part) for i, part in enumerate(segment.parts) if part.number == wanted.name]
    if not found or wanted.kind != "element":
        raise _nothing_named(segment, step, wanted)
    flats = tuple(flat for flat, _ in found)
    what = found[0][1]
    assert isinstance(what, Element)  # a part with an element's number is one  # noqa: S101
    _check_nth(wanted, len(flats))
    return (select.Candidate((), flats),), what


def composite_candidates(
    segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]
) -> tuple[paths.Step, int | None, tuple[select.Candidate, ...], Element]:
    composite = rest[0]
    found = [
        (segment.starts[i], part)
        for i, part in enumerate(segment.parts)
        if isinstance(part, Composite) and part.number == composite.name
    ]
    if not found:
        raise _nothing_named(segment, step, composite)
    components = found[0][1].components
    if len(rest) < 2:
        raise PathError(
            f"{composite.name} is a composite; a value needs its element.",
            offset=composite.offset,
            todo="Write the element after it.",
            suggestions=list(dict.fromkeys(f"{step.name}/{composite.name}/{c.number}" for c in components))[
                :3
            ],
        )
    wanted = rest[1]
    inner = [i for i, component in enumerate(components) if component.number == wanted.name]
    if not inner:
        raise _nothing_named(segment, step, wanted)
    if wanted.conditions or len(rest) > 2:
        offset = wanted.conditions[0].offset if wanted.conditions else rest[2].offset
        raise PathError(
            f"{wanted.name} is an element; nothing comes below it.", offset=offset, todo="Stop there."
        )
    _check_nth(wanted, len(inner))
    _check_nth(composite, len(found))
    candidates = []
    for start, part in found:
        tests = tuple(_composite_test(condition, part, start) for condition in composite.conditions)
        candidates.append(select.Candidate(tests, tuple(start + i for i in inner)))
    return composite, composite.nth, tuple(candidates), components[inner[0]]


def _composite_test(condition: paths.Condition, part: Composite, start: int) -> select.Test:
    numbers = [c.number for c in part.components]
    if condition.element is None:
        if part.qualifier is None:
            raise PathError(
                f"{part.number} has no qualifier of its own.",
                offset=condition.offset,
                todo=f"Name the element: {part.number}[{numbers[-1]}={condition.value}].",
            )
        index = part.qualifier
    elif condition.element in numbers:
        index = numbers.index(condition.element)
    else:
        raise PathError(
            f"{part.number} has no element {condition.element}.",
            offset=condition.offset,
            todo="Name an element of the composite.",
            suggestions=difflib.get_close_matches(condition.element, numbers, 3, 0.5) or numbers[:3],
        )
    _check_code(condition, numbers[index], part.components[index].codes)
    return select.Test((start + index,), condition.value)


def _check_nth(step: paths.Step, available: int) -> None:
    if step.nth is not None and step.nth > available:
        raise PathError(
            f"{step.name} occurs {available} time{'s' if available != 1 else ''} there, so #{step.nth} cannot be.",
            offset=step.offset,
            todo="Use an index that can occur.",
        )


def within(segment: Segment, step: paths.Step, rest: tuple[paths.Step, ...]) -> Within:
    """What a path reads of its segment; :class:`PathError` when it cannot occur."""
    if not rest:
        raise PathError(
            f"{segment.tag} is a segment; a value needs its element.",
            offset=step.offset,
            todo="Write every step: segment/composite/element.",
            suggestions=value_paths(segment, step.name)[:3],
        )
    if rest[0].kind == "composite":
        composite, nth, candidates, what = composite_candidates(segment, step, rest)
        last = rest[1]
        return Within(
            candidates,
            what,
            composite_index=nth - 1 if nth else None,
            element_index=last.nth - 1 if last.nth else None,
            chosen=bool(composite.conditions) or nth is not None or last.nth is not None,
            repeats=len(candidates) > 1,
        )
    last = rest[0]
    candidates, what = element_candidates(segment, step, last)
    if len(rest) > 1:
        raise PathError(
            f"{last.name} is an element; nothing comes below it.", offset=rest[1].offset, todo="Stop there."
        )
    return Within(
        candidates, what, element_index=last.nth - 1 if last.nth else None, chosen=last.nth is not None
    )
