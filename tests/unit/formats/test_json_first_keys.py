"""Which keys a JSON file's first record has, by which its mapping is chosen: known without holding the file."""

from __future__ import annotations

import tracemalloc

import pytest

from orderhub.formats.json import JsonLayout, JsonReader


def keys(data: bytes, record: tuple[str, ...] = ()) -> list[str] | None:
    found = JsonReader(JsonLayout(record=record)).read(data, name="a.json").first_keys()
    return None if found is None else list(found)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1, "lines": [{"x": "}]"}, [], 3], "b": {"c": [{}]}}', ["a", "lines", "b"]),
        (b'[{"a": 1, "b": 2}, {"c": 3}]', ["a", "b"]),
        (b'{"a": 1, "b": 2}\n{"c": 3}\n', ["a", "b"]),
        (b"{}", []),
        (b"[]", None),
        (b'{"a": [1, 2', None),
        (b'{"a": 1,}', None),
        (b'{"a": 1} x', None),
        (b'{"a" 1}', None),
        (b"", None),
    ],
)
def test_the_keys_of_the_first_record(data: bytes, expected: list[str] | None) -> None:
    assert keys(data) == expected


def test_where_the_way_to_the_records_leads_nowhere_the_file_is_the_record() -> None:
    assert keys(b'{"number": "1", "lines": []}', ("orders",)) == ["number", "lines"]
    assert keys(b'{"orders": [{"number": "1"}]}', ("orders",)) == ["number"]


def test_objects_however_deep() -> None:
    assert keys(b'{"a": ' + b'{"b": ' * 50 + b"1" + b"}" * 50 + b', "c": 2}') == ["a", "c"]


@pytest.mark.parametrize("before", [b'{"orders": [', b'{"data": {"orders": ['])
def test_a_large_list_is_not_held(before: bytes) -> None:
    record = b'{"number": "4711", "note": "' + b"x" * 400 + b'"}'
    data = before + b",".join([record] * 20_000) + (b"]}}" if b"data" in before else b"]}")
    tracemalloc.start()
    try:
        assert keys(data) == (["data"] if b"data" in before else ["orders"])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(data) / 3
