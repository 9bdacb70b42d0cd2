"""Straight-line code for one shape of nodes: what :class:`orderhub.mapping.fast.FastPlan` does in loops, written out.

For a shape that keeps coming back, a Python function is written without loops and dictionaries and compiled once. Nothing of
a mapping or of a message gets into its text: the text consists of numbered names and of field names that stand in the
Structs of :mod:`orderhub.documents`; everything else (conversions, constants, classes) is handed in by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orderhub.mapping.fast import StructProgram

#: Values of one shape -> Struct 0 or its values, ``None`` when it has none.
Straight = Callable[[Sequence[Any]], Any]


class NotStraight(Exception):
    """A mandatory value is absent: the reference explains."""


def straight_line(programs: Sequence[StructProgram], count: int, *, whole: bool) -> Straight:
    """Write and compile the function.

    :param programs: inner Structs before those that hold them, Struct 0 last.
    :param count: how many values the shape has.
    :param whole: whether Struct 0 is to be built (else its values are returned as a dictionary).
    """
    names: dict[str, Any] = {"Absent": NotStraight}
    lines = ["def build(values):"]
    if count:
        lines.append(f"    {', '.join(f'v{at}' for at in range(count))}, = values")
    inner: dict[int, list[str]] = {}
    for program in programs:
        fields = [*inner.get(program.number, ())]
        _values(program, fields, lines, names)
        own = program.number == 0
        empty = " and ".join(f"x{program.number}_{field} is None" for field in fields) or "True"
        made = f"x{program.struct.parent}_{program.struct.name}"
        if own and not whole:
            lines.append(f"    if {empty}: return None")
            lines.extend(
                f"    if x0_{field} is None: raise Absent"
                for field in fields
                if field in program.struct.required
            )
            pairs = ", ".join(f"'{field}': x0_{field}" for field in fields)
            lines.append(f"    return {{{pairs}}}")
            continue
        target = "return None" if own else f"{made} = None"
        lines.append(f"    if {empty}: {target}")
        lines.append("    else:")
        for field in fields:
            if field in program.struct.required:
                lines.append(f"        if x{program.number}_{field} is None: raise Absent")
        if any(
            name not in fields and name not in program.struct.constants for name in program.struct.required
        ):
            lines.append("        raise Absent")
        else:
            arguments = [f"{field}=x{program.number}_{field}" for field in fields]
            for field, constant in program.struct.constants.items():
                names[f"k{program.number}_{field}"] = constant
                arguments.append(f"{field}=k{program.number}_{field}")
            names[f"S{program.number}"] = program.struct.build
            call = f"S{program.number}({', '.join(arguments)})"
            lines.append(f"        return {call}" if own else f"        {made} = {call}")
        if not own:
            inner.setdefault(program.struct.parent, []).append(program.struct.name)
    code: CodeType = compile("\n".join(lines), "<mapping>", "exec")
    exec(code, names)  # noqa: S102 - the text holds no word of anybody else, see above
    built: Straight = names["build"]
    return built


def _values(program: StructProgram, fields: list[str], lines: list[str], names: dict[str, Any]) -> None:
    """The lines that compute each value, into ``x<struct>_<field>``; absent is ``None``."""
    own = program.number
    for field, at in program.plain:
        _identifier(field)
        lines.append(f"    x{own}_{field} = v{at} or None")
        fields.append(field)
    for field, at, convert, default in program.converted:
        _identifier(field)
        names[f"c{own}_{field}"] = convert
        if default is None:
            lines.append(f"    x{own}_{field} = c{own}_{field}(v{at}) if v{at} else None")
        else:
            names[f"d{own}_{field}"] = default
            lines.append(f"    x{own}_{field} = c{own}_{field}(v{at} or d{own}_{field})")
        fields.append(field)
    for field, combine, finish, positions in program.others:
        _identifier(field)
        names[f"f{own}_{field}"] = combine
        inputs = ", ".join(f"v{at}" if at >= 0 else "None" for at in positions)
        lines.append(f"    y = f{own}_{field}({inputs})")
        if finish is None:
            lines.append(f"    x{own}_{field} = y if y or y is False else None")
        else:
            names[f"c{own}_{field}"] = finish
            lines.append(f"    x{own}_{field} = c{own}_{field}(y) if y or y is False else None")
        fields.append(field)


def _identifier(field: str) -> None:
    if not (field.isidentifier() and field.isascii()):
        raise ValueError(f"{field!r} is no field name")
