"""Records of an API: every way of paging, tokens that end, servers that are slow or full, and what comes again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from servers.rest import RestServer

from connectors.rest.connector import RestConnector
from connectors.rest.settings import RestSettings
from orderhub.connector import Bookmark, Interchange
from orderhub.errors import ConnectorProtocolError, ConnectorRefused, ConnectorUnavailable

Make = Callable[..., RestConnector]

WAYS: dict[str, dict[str, Any]] = {
    "offset": {"path": "/offset", "records": "data.items", "paging": {"by": "offset", "size": 2}},
    "page": {"path": "/page", "paging": {"by": "page", "size": 2}},
    "cursor": {
        "path": "/cursor",
        "records": "items",
        "paging": {"by": "cursor", "path": "meta.next", "param": "after"},
    },
    "link_header": {"path": "/linked", "paging": {"by": "link_header"}},
    "next_link": {"path": "/next", "records": "value", "paging": {"by": "next_link", "path": "links.next"}},
}
INCREMENTAL = {
    **WAYS["offset"],
    "params": {"since": "{since}"},
    "incremental": {"field": "updated_at"},
    "records_per_interchange": 3,
}


def fill(server: RestServer, count: int) -> None:
    for number in range(count):
        server.arrive(f"r{number}", b"text %d" % number)


def names(found: list[Interchange]) -> list[str]:
    return [record["name"] for one in found for record in json.loads(one.data or b"[]")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_every_way_of_paging_gives_every_record_once(
    server: RestServer, make: Make, way: str, count: int
) -> None:
    fill(server, count)
    found = list(make(source={**WAYS[way], "records_per_interchange": 4}).pull("orders", None))
    assert names(found) == [f"r{number}" for number in range(count)]
    assert [len(json.loads(one.data or b"")) for one in found] == [4] * (count // 4) + (
        [count % 4] if count % 4 else []
    )


def test_numbers_arrive_with_all_their_digits(server: RestServer, make: Make) -> None:
    fill(server, 1)
    [one] = make(source=WAYS["page"]).pull("orders", None)
    assert b'"price": 0.1000000000000000055511151231257827' in (one.data or b"")


@pytest.mark.parametrize("lives", [1, 2, 3])
def test_a_token_that_ends_in_the_middle_of_paging_costs_a_token_and_no_record(
    server: RestServer, make: Make, lives: int
) -> None:
    fill(server, 9)
    server.set(token_lives=lives)
    connector = make(
        source=WAYS["cursor"], user="client", secret="hush", extra={"auth": "oauth2", "token_url": "/token"}
    )
    assert names(list(connector.pull("orders", None))) == [f"r{number}" for number in range(9)]
    assert server.state()["tokens_given"] == -(-5 // lives)


def test_a_server_that_is_full_is_asked_again_when_it_says(server: RestServer, make: Make) -> None:
    fill(server, 5)
    server.fault("GET", "/page", skip=1, count=2, status=429, headers={"Retry-After": "1"})
    assert len(names(list(make(source=WAYS["page"]).pull("orders", None)))) == 5


def test_a_server_that_stays_full_or_silent_ends_the_pull_with_what_was_given_and_it_goes_on(
    server: RestServer, make: Make
) -> None:
    fill(server, 9)
    server.fault("GET", "/offset", skip=3, count=99, status=503)
    pulled = make(source=INCREMENTAL).pull("orders", None)
    found: list[Interchange] = []
    with pytest.raises(ConnectorUnavailable):
        for interchange in pulled:
            found.append(interchange)
    assert names(found) == ["r0", "r1", "r2"]
    server.set(faults=[])
    rest = list(make(source=INCREMENTAL).pull("orders", kept(found[-1])))
    assert names(rest) == [f"r{number}" for number in range(3, 9)]


def test_a_silent_server_is_unavailable(server: RestServer, make: Make) -> None:
    server.fault("GET", "/page", count=9, stall=60)
    connector = make(
        source=WAYS["page"], http={"timeout_seconds": 3, "retry": {"attempts": 2, "first_seconds": 0}}
    )
    with pytest.raises(ConnectorUnavailable):
        list(connector.pull("orders", None))
    assert server.state()["asked"] == ["GET /page"] * 2


def kept(interchange: Interchange) -> Bookmark:
    bookmark: Bookmark = json.loads(json.dumps(interchange.bookmark))
    return bookmark


@pytest.mark.parametrize("ordered", [False, True])
def test_a_pull_goes_on_where_it_ended_and_gives_a_late_record_with_an_older_time(
    server: RestServer, make: Make, ordered: bool
) -> None:
    source = {**INCREMENTAL, "incremental": {"field": "updated_at", "overlap": 60, "ordered": ordered}}
    fill(server, 7)
    first = list(make(source=source).pull("orders", None))
    assert len(names(first)) == 7
    assert not make(source=source).waiting("orders", kept(first[-1]))
    server.arrive("late", b"x", updated_at="2026-11-02T08:00:02Z")
    server.arrive("next", b"x")
    assert make(source=source).waiting("orders", kept(first[-1]))
    second = list(make(source=source).pull("orders", kept(first[-1])))
    assert sorted(names(second)) == ["late", "next"]
    assert list(make(source=source).pull("orders", kept(second[-1]))) == []


def test_a_record_that_changed_comes_again(server: RestServer, make: Make) -> None:
    fill(server, 3)
    [first] = make(source=INCREMENTAL).pull("orders", None)
    records = server.state()["records"]
    records[0] |= {"content": "changed", "updated_at": "2026-11-02T09:00:00Z"}
    server.set(records=records)
    assert names(list(make(source=INCREMENTAL).pull("orders", kept(first)))) == ["r0"]


def test_the_first_pull_may_start_somewhere(server: RestServer, make: Make) -> None:
    fill(server, 5)
    source = {**INCREMENTAL, "incremental": {"field": "updated_at", "first": "2026-11-02T08:00:04Z"}}
    assert names(list(make(source=source).pull("orders", None))) == ["r3", "r4"]


def test_a_record_without_the_bookmark_s_field_comes_once_and_holds_nothing_up(
    server: RestServer, make: Make
) -> None:
    fill(server, 2)
    server.arrive("timeless", b"x", updated_at="")
    source = INCREMENTAL | {"params": {}}
    found = list(make(source=source).pull("orders", None))
    assert names(found) == ["r0", "r1", "timeless"]
    server.arrive("r3", b"x")
    again = names(list(make(source=source).pull("orders", kept(found[-1]))))
    assert "r3" in again
    assert "timeless" not in again


def test_records_without_the_bookmark_s_field_are_an_error_and_not_skipped(
    server: RestServer, make: Make
) -> None:
    server.arrive("r", b"x", updated_at=None)
    with pytest.raises(ConnectorProtocolError, match="updated_at"):
        list(make(source=INCREMENTAL | {"params": {}}).pull("orders", None))


@pytest.mark.parametrize(
    "hop", ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "file:///etc/passwd", "//evil.example/"]
)
def test_a_next_page_elsewhere_is_refused(server: RestServer, make: Make, hop: str) -> None:
    with pytest.raises(ConnectorRefused):
        list(make(source={**WAYS["next_link"], "params": {"hop": hop}}).pull("orders", None))


def test_pages_that_never_end_are_an_error(server: RestServer, make: Make) -> None:
    server.fault("GET", "/next", count=99, status=200, body='{"value": [], "links": {"next": "/next"}}')
    with pytest.raises(ConnectorProtocolError, match="read already"):
        list(make(source=WAYS["next_link"]).pull("orders", None))
    assert len(server.state()["asked"]) == 2


@pytest.mark.parametrize(
    "body", ["<html>", "[1, 2]", '{"data": {"items": 3}}', '{"data": {"items": [}', "", "NaN"]
)
def test_an_answer_that_is_not_what_was_declared_says_so(server: RestServer, make: Make, body: str) -> None:
    server.fault("GET", "/offset", count=9, status=200, body=body)
    with pytest.raises(ConnectorProtocolError, match="declared"):
        list(make(source=WAYS["offset"]).pull("orders", None))


def test_a_server_that_refuses_is_a_sentence(server: RestServer, make: Make) -> None:
    server.fault("GET", "/page", count=9, status=403, body='{"message": "not for you"}')
    health = make(source=WAYS["page"]).check()
    assert not health.ok
    assert "403" in health.sentence
    assert "not for you" in health.sentence


def test_the_api_s_description_is_read(server: RestServer, make: Make, tmp_path: Any) -> None:
    good = make(source=WAYS["offset"], openapi={"path": "/openapi.json"})
    assert good.check().ok, good.check().sentence
    wrong = make(
        source={**WAYS["offset"], "path": "/ofset"},
        target={"path": "/page", "mapping": "m", "repeatable": True},
        openapi={"path": "/openapi.json"},
    )
    sentence = wrong.check().sentence
    assert "no path /ofset" in sentence
    assert "no POST /page (only GET)" in sentence
    typo = make(source={**WAYS["offset"], "params": {"sinc": "x"}}, openapi={"path": "/openapi.json"})
    assert "no parameter 'sinc'" in typo.check().sentence
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "api.json").write_text(
        '{"swagger": "2.0", "basePath": "/", "paths": {"/page": {"get": {}}}}'
    )
    (tmp_path / "secret.json").write_text("{}")
    resources = {"schemas": tmp_path / "schemas"}
    old = make(source=WAYS["page"], openapi={"file": "api.json"}, resources=resources)
    assert "no parameter 'page'" in old.check().sentence
    outside = make(source=WAYS["page"], openapi={"file": "../secret.json"}, resources=resources)
    assert "no file" in outside.check().sentence


@pytest.mark.parametrize(
    "source",
    [
        {"path": "http://evil.example/x"},
        {"path": "//evil.example/x"},
        {"path": "/a/../../b"},
        {"path": "/a?b=c"},
        {"path": "/a", "headers": {"Authorization": "Bearer x"}},
        {"path": "/a", "poll_seconds": 5},
        {"path": "/a", "body": {}},
        {"path": "/a", "paging": {"by": "guess"}},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(source: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        RestSettings(connection="api", source=source)
