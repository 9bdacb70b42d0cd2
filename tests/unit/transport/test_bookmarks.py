"""Where an incremental pull goes on, and how lists and links are read."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from orderhub.transport.bookmarks import MOST_SEEN, Position, height_of, lowered
from orderhub.transport.paging import LinkHeader, following
from orderhub.transport.records import at, plain, put, records_at


def records(*values: Any) -> list[bytes]:
    return [json.dumps({"id": number, "v": value}).encode() for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "highest"),
    [
        ([1, 3, 2], 3),
        (["9", "10", "8.5"], "10"),
        (["2026-11-02T08:00:00Z", "2026-11-02T09:30:00+02:00"], "2026-11-02T08:00:00Z"),
        (["2026-11-02", "2026-10-31"], "2026-11-02"),
        (["2026-11-02 08:00:00.1234567", "2026-11-02 08:00:00"], "2026-11-02 08:00:00.1234567"),
        (["b", "a"], "b"),
    ],
)
def test_the_highest_value_is_the_bookmark(values: list[Any], highest: Any) -> None:
    position = Position(None, "v", overlap=0, ordered=False)
    position.passed(records(*values))
    assert position.bookmark()["value"] is None
    position.finish()
    assert position.bookmark()["value"] == highest


def test_a_number_with_a_point_is_asked_from_just_below() -> None:
    position = Position(None, "v", overlap=0, ordered=True)
    position.passed([b'{"v": 0.3000000000000000000000001}'])
    kept = position.bookmark()["value"]
    assert 0.29999 < kept < 0.3000000000000000000000001
    again = Position(json.loads(json.dumps(position.bookmark())), "v", overlap=0, ordered=True)
    assert again.fresh([b'{"v": 0.3000000000000000000000001}', b'{"v": 0.4}']) == [b'{"v": 0.4}']


def test_what_is_kept_has_an_end() -> None:
    position = Position(None, "v", overlap=10**9, ordered=True)
    position.passed(records(*range(MOST_SEEN + 500)))
    kept = position.bookmark()
    assert len(kept["seen"]) == MOST_SEEN
    far = Position(kept, "v", overlap=0, ordered=True)
    far.passed(records(10**6))
    assert len(far.bookmark()["seen"]) == 1


@pytest.mark.parametrize(
    ("value", "less"),
    [
        ("2026-11-02T00:00:10Z", "2026-11-01T23:59:10Z"),
        ("2026-11-02 00:00:10", "2026-11-01 23:59:10"),
        ("2026-11-02", "2026-11-01"),
        ("2026-11-02T00:00:10+08:00", "2026-11-01T23:59:10+08:00"),
        (100, 40),
        # numbers as texts, also those that could be read as dates
        ("100", "40"),
        ("12341201", "12341141"),
        ("20261102112", "20261102052"),
        ("00000100", "00000040"),
        ("100.50", "40.50"),
        ("1234567890123456789012345678901234567.5", "1234567890123456789012345678901234507.5"),
        ("abc", "abc"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_an_overlap_keeps_the_form(value: Any, less: Any) -> None:
    assert lowered(value, 60) == less


def test_what_cannot_be_a_position_is_none() -> None:
    assert [height_of(value) for value in (None, "", True, [], {})] == [None] * 5


def test_links_of_a_header_are_read_as_they_are_written() -> None:
    request = httpx.Request("GET", "https://api.example.com/v1/orders?page=1")
    for header in (
        '<https://api.example.com/v1/orders?page=2>; rel="next"',
        "<orders?page=2>;rel=next",
        '</x>; rel="prev", <?page=2>; title="a, b; rel=last"; rel="last next"',
        "<?page=9>; rel=last, <?page=2>; REL=Next; x",
    ):
        turn = following(
            LinkHeader(by="link_header"), 1, httpx.Response(200, headers={"Link": header}, request=request), 5
        )
        assert turn is not None
        assert turn.url == "https://api.example.com/v1/orders?page=2", header
    none = following(
        LinkHeader(by="link_header"),
        1,
        httpx.Response(200, headers={"Link": '<?p=2>; rel="nextish"'}, request=request),
        5,
    )
    assert none is None


def test_records_keep_their_bytes_and_paths_have_lists() -> None:
    body = b'{"a.b": {"items": [ {"n": 1.10}, {"n":2e400} ]}}'
    assert records_at(body, "a\\.b.items", "x") == [b'{"n": 1.10}', b'{"n":2e400}']
    assert records_at(b'{"one": {"n": 1}}', "one", "x") == [b'{"n": 1}']
    assert records_at(b'{"none": null}', "none", "x") == records_at(b"{}", "none", "x") == []
    assert at(plain(b'{"a": [{"b": 1.10}]}', "x"), "a.0.b") == plain(b"1.10", "x")
    tree: dict[str, Any] = {"a": [{"b": 1}]}
    assert put(tree, "a.0.key", "k")
    assert not put(tree, "a.7.key", "k")
    assert not put(tree, "a.0.b.c", "k")
    assert put(tree, "x.y", 1)
    assert tree == {"a": [{"b": 1, "key": "k"}], "x": {"y": 1}}
