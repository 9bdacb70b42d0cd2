"""How plans are laid out for the fast way: which parts are built together from one node."""

from __future__ import annotations

from orderhub.mapping.fast import FastStep, FastStruct
from orderhub.mapping.plan import PartPlan, StructPlan


def inline(
    plan: StructPlan, parent: int, steps: list[FastStep], structs: list[FastStruct], name: str = ""
) -> list[str]:
    """Lay out a plan and the parts within it that come from the same node as one list of steps; the names of those
    parts."""
    own = len(structs)
    required = frozenset(field.name for field in plan.target.fields.values() if field.required)
    structs.append(FastStruct(plan.target.build, name, parent, plan.constants, required))
    steps.extend(step._replace(struct=own) for step in plan.steps)
    inlined: list[str] = []
    for part in plan.parts:
        inner = part.plan
        if _plain(part):
            inline(inner, own, steps, structs, part.name)
            inlined.append(part.name)
    return inlined


def _plain(part: PartPlan) -> bool:
    """Whether the part can be built from its parent's node alone, all the way down."""
    plan = part.plan
    return (
        part.group is None
        and part.when is None
        and not part.many
        and not plan.slow
        and all(_plain(inner) for inner in plan.parts)
    )
