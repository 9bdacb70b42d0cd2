"""The mapping of JSON orders over records in which anything may stand anywhere: it says what is wrong, and never breaks."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orderhub.findings import Severity
from orderhub.formats.json import JsonLayout, JsonReader
from orderhub.mapping.registry import MappingRegistry
from orderhub.project import mappings_folder

MAPPING = MappingRegistry(mappings_folder()).get("json_orders__purchase_order")
EXAMPLE = mappings_folder() / "examples" / "json_orders__purchase_order" / "full_order.source.json"
ORDER = json.loads(EXAMPLE.read_text(encoding="utf-8"))

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "role", "gln", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *[found for key, held in inner for found in places(held, (*way, key))]]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(places(ORDER)[1:]), anything), min_size=1, max_size=4))
def test_whatever_stands_there_becomes_a_finding_or_an_order(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    order = copy.deepcopy(ORDER)
    for way, value in changes:
        at = order
        try:
            for key in way[:-1]:
                at = at[key]
            at[way[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    data = json.dumps([order], ensure_ascii=False).encode("utf-8", "surrogatepass")
    for tree in JsonReader(JsonLayout.from_declaration(MAPPING.source)).read(data, name="f.json"):
        translated = MAPPING.run(tree)
        errors = [f for f in [*tree.findings, *translated.findings] if f.severity is Severity.ERROR]
        assert translated.document is not None or errors
        for finding in translated.findings:
            place = finding.place
            # a group that is not there has no place but its name
            assert place.line is None or (place.path or "").startswith("/0")
            assert place.offset is None or 0 <= place.offset < len(data)
            if place.length:
                json.loads(data[place.offset or 0 : (place.offset or 0) + place.length])
        for field in ("number", "buyer.contact.email", "lines[0].quantity", "note", "supplier"):
            translated.places(field)
