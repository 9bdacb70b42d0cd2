"""The HTTP intake as partners meet it: keys, idempotency, limits, problem details, and nothing said before the ledger has it."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text
from web_serving import by_cookie

from orderhub.errors import ArchiveError
from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import intake_keys
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.web.app import create_app
from orderhub.web.intake import Intake

pytestmark = pytest.mark.integration

ORDER = b"UNB+UNOC:3+4299999001006:14+4299999000009:14+261120:0831+1'UNZ+0+1'"
FLOW = """
flow: {name}
owner: test
trigger: {{arrival: true}}
pull: {{connector: http_intake, stream: orders, settings: {{endpoint: {endpoint}, max_bytes: 5000, rate: {rate}}}}}
load: [{{connector: warehouse}}]
"""


@pytest.fixture
def flows(tmp_path: Path) -> FlowRegistry:
    folder = tmp_path / "flows"
    folder.mkdir()
    for name, endpoint, rate in (
        ("acme_posts", "acme", "1000/minute"),
        ("other_posts", "other", "1000/minute"),
        ("slow_posts", "slow", "2/minute"),
    ):
        (folder / f"{name}.yaml").write_text(FLOW.format(name=name, endpoint=endpoint, rate=rate))
    return FlowRegistry(folder)


@pytest.fixture
def woken() -> list[str]:
    return []


@pytest.fixture
def app(engine: Engine, archive: Archive, flows: FlowRegistry, woken: list[str]) -> FastAPI:
    posted = Intake(engine, archive, flows, wake=woken.append)
    return create_app(engine=engine, archive=archive, current_user=by_cookie, flows=flows, posted=posted)


@pytest.fixture
def key(engine: Engine) -> str:
    return new_key(engine, "acme_posts")


def new_key(engine: Engine, flow: str, *, test: bool = False) -> str:
    with transaction(engine) as connection:
        return intake_keys.create(connection, flow, name="ACME", actor="test", test=test)[1]


def post(
    client: Any, key: str | None, data: Any = ORDER, *, to: str = "acme", **headers: str
) -> httpx.Response:
    given = {"content-type": "application/edifact"} | ({"authorization": f"Bearer {key}"} if key else {})
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    given = {name: value for name, value in given.items() if value}
    return client.request("POST", f"/api/v1/intake/{to}", as_=None, content=data, headers=given)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    assert body["type"] == f"urn:orderhub:error:{body['code']}"
    return answer.status_code, body["code"]


def interchanges(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM ledger.interchange ORDER BY id")).mappings()
        return [dict(row) for row in rows]


def test_a_post_is_in_archive_and_ledger_before_its_answer(client, engine, archive, key, woken) -> None:
    answer = post(client, key, orderhub_name="../../order 17.edi")
    assert answer.status_code == 202
    body = answer.json()
    [row] = interchanges(engine)
    assert (body["interchange"], body["sha256"], body["size"]) == (row["id"], row["sha256"], len(ORDER))
    assert (row["flow"], row["stream"], row["connector"]) == ("acme_posts", "orders", "http_intake")
    assert (row["state"], row["environment"], row["media_type"]) == (
        "received",
        "production",
        "application/edifact",
    )
    assert row["name"] == ".._.._order 17.edi"
    assert archive.read(row["archive_key"]) == ORDER
    assert woken == ["acme_posts"]
    assert answer.headers["location"] == body["state_url"] == f"/api/v1/intake/acme/{row['id']}"
    state = client.get(body["state_url"], as_=None, headers={"x-api-key": key})
    assert state.status_code == 200
    assert state.json()["state"] == "received"
    assert state.json()["documents"] == []


def test_nothing_is_answered_with_202_when_the_archive_or_the_ledger_is_away(
    client, app, engine, key, woken
) -> None:
    class Broken:
        def store(self, pieces: Any) -> None:
            list(pieces)
            raise ArchiveError("the disk is full at /secret/path", todo="Make room.")

    app.state.intake._receiver._archive = Broken()
    answer = post(client, key)
    assert code_of(answer) == (500, "ARCHIVE")
    assert "/secret/path" not in answer.text
    assert interchanges(engine) == []
    assert woken == []


def test_without_a_valid_key_nothing_is_said_or_done(client, engine, key, seeded_key_of_other) -> None:
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    for bad in (None, "ohk_", wrong, "ohk_" + "a" * 12 + "_" + "b" * 43, key.upper(), key + "x", "Basic x"):
        answer = post(client, bad)
        assert code_of(answer) == (401, "INTAKE_KEY_INVALID")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["cache-control"] == "no-store"
    # a person's session is no key, and a key is no session
    answer = client.post("/api/v1/intake/acme", as_="operator", content=ORDER)
    assert answer.status_code == 401
    for path in (
        "/documents",
        "/api/v1/documents",
        "/openapi.json",
        "/api/v1/intake/../documents",
        "/static/app.js",
    ):
        assert client.get(path, as_=None, headers={"authorization": f"Bearer {key}"}).status_code in (
            401,
            404,
        )
    assert client.get("/documents", as_=None, headers={"authorization": f"Bearer {key}"}).status_code == 401
    assert interchanges(engine) == []


@pytest.fixture
def seeded_key_of_other(engine: Engine) -> str:
    return new_key(engine, "other_posts")


def test_a_key_is_good_for_its_own_flow_and_sees_its_own_posts(
    client, engine, key, seeded_key_of_other
) -> None:
    assert code_of(post(client, seeded_key_of_other)) == (404, "INTAKE_UNKNOWN")
    assert code_of(post(client, key, to="nothing")) == (404, "INTAKE_UNKNOWN")
    url = post(client, key).json()["state_url"]
    second = new_key(engine, "acme_posts")
    for other in (second, seeded_key_of_other):
        answer = client.get(url, as_=None, headers={"x-api-key": other})
        assert code_of(answer) == (404, "INTAKE_UNKNOWN")
    for number in ("0", "999", "-1", "x", "9" * 30, "²"):
        answer = client.get(f"/api/v1/intake/acme/{number}", as_=None, headers={"x-api-key": key})
        assert code_of(answer) == (404, "INTAKE_UNKNOWN")


def test_a_revoked_key_ends_at_once_and_keys_are_kept_as_hashes(client, engine, key) -> None:
    assert post(client, key).status_code == 202
    with engine.connect() as connection:
        kept = json.dumps(
            [list(map(str, row)) for row in connection.execute(text("SELECT * FROM ledger.intake_key"))]
        )
        audited = json.dumps(
            [list(map(str, row)) for row in connection.execute(text("SELECT * FROM ledger.audit"))]
        )
    # a secret may have an underscore in it, too
    assert key.split("_", 2)[2] not in kept + audited
    with transaction(engine) as connection:
        intake_keys.revoke(connection, key.split("_")[1], actor="test", reason="lost")
    assert code_of(post(client, key)) == (401, "INTAKE_KEY_INVALID")


def test_the_same_idempotency_key_and_body_is_the_stored_answer(client, engine, key, woken) -> None:
    first = post(client, key, idempotency_key="order-17")
    again = post(client, key, idempotency_key='"order-17"')
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert post(client, key, idempotency_key="order-18").json()["interchange"] != first.json()["interchange"]
    assert post(client, key).json()["interchange"] != first.json()["interchange"]
    assert len(interchanges(engine)) == 3
    assert len(woken) == 3
    # another key of the same flow, as after a rotation
    rotated = post(client, new_key(engine, "acme_posts"), idempotency_key="order-17")
    assert rotated.json()["interchange"] == first.json()["interchange"]
    # another flow has keys of its own
    other = post(client, new_key(engine, "other_posts"), to="other", idempotency_key="order-17")
    assert other.json()["interchange"] != first.json()["interchange"]


def test_the_same_idempotency_key_with_something_else_is_an_error(client, engine, key) -> None:
    assert post(client, key, idempotency_key="order-17").status_code == 202
    assert code_of(post(client, key, b"other", idempotency_key="order-17")) == (
        422,
        "LEDGER_IDEMPOTENCY_CONFLICT",
    )
    answer = post(client, key, idempotency_key="order-17", orderhub_test="true")
    assert code_of(answer) == (422, "LEDGER_IDEMPOTENCY_CONFLICT")
    for bad in ("x" * 256, "a b", " "):
        assert code_of(post(client, key, idempotency_key=bad)) == (400, "INTAKE_IDEMPOTENCY_KEY")
    assert len(interchanges(engine)) == 1


def test_the_same_request_many_times_at_once_is_one(client, engine, key) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(client, key, idempotency_key="order-17"), range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["interchange"] for answer in answers}) == 1
    assert len(interchanges(engine)) == 1


def test_test_documents_are_marked_by_key_or_header(client, engine, key) -> None:
    assert post(client, key, orderhub_test="true").json()["test"] is True
    assert post(client, new_key(engine, "acme_posts", test=True)).json()["test"] is True
    assert post(client, key).json()["test"] is False
    assert [row["environment"] for row in interchanges(engine)] == ["test", "test", "production"]


def test_what_is_too_large_is_refused_however_it_is_sent(client, engine, archive, key, tmp_path) -> None:
    assert post(client, key, b"x" * 5000).status_code == 202
    assert code_of(post(client, key, b"x" * 5001)) == (413, "INTAKE_TOO_LARGE")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    assert code_of(post(client, key, endless())) == (413, "INTAKE_TOO_LARGE")
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    small_bomb = gzip.compress(b"\0" * 1_000_000)
    assert len(small_bomb) < 5000
    for packed in (bomb, small_bomb):
        assert code_of(post(client, key, packed, content_encoding="gzip")) == (413, "INTAKE_TOO_LARGE")
    assert len(interchanges(engine)) == 1
    left = [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert len(left) == 1, "something half received was left in the archive"


def test_gzip_is_unpacked_and_broken_gzip_refused(client, engine, archive, key) -> None:
    packed = gzip.compress(ORDER)
    assert post(client, key, packed, content_encoding="gzip").status_code == 202
    [row] = interchanges(engine)
    assert archive.read(row["archive_key"]) == ORDER
    for broken in (packed[:-5], b"no gzip", packed + b"more", packed + packed):
        assert code_of(post(client, key, broken, content_encoding="gzip")) == (400, "INTAKE_BODY_BROKEN")
    assert code_of(post(client, key, packed, content_encoding="br")) == (415, "INTAKE_ENCODING")
    assert code_of(post(client, key, packed, content_encoding="gzip, gzip")) == (415, "INTAKE_ENCODING")


def test_what_the_body_is_must_be_said_and_be_taken(client, engine, key) -> None:
    for wrong in ("", "multipart/form-data; boundary=x", "text/html", "application/x-www-form-urlencoded"):
        answer = post(client, key, content_type=wrong)
        assert code_of(answer) == (415, "INTAKE_MEDIA_TYPE")
    assert post(client, key, content_type="Application/XML; charset=utf-8").status_code == 202
    assert code_of(post(client, key, b"")) == (400, "INTAKE_EMPTY")


def test_too_many_requests_are_told_when_to_come_again(client, engine) -> None:
    slow = new_key(engine, "slow_posts")
    assert [post(client, slow, to="slow").status_code for _ in range(3)] == [202, 202, 429]
    answer = post(client, slow, to="slow")
    assert code_of(answer) == (429, "INTAKE_TOO_MANY")
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    # each key has its own
    assert post(client, new_key(engine, "slow_posts"), to="slow").status_code == 202


def test_the_rate_is_counted_over_processes_where_valkey_is_there(
    client, engine, archive, flows, valkey_url
) -> None:
    slow = new_key(engine, "slow_posts")
    statuses = []
    for _ in range(3):
        posted = Intake(engine, archive, flows, valkey_url=valkey_url)
        app = create_app(engine=engine, archive=archive, current_user=by_cookie, flows=flows, posted=posted)
        statuses.append(post(type(client)(app), slow, to="slow").status_code)
    assert statuses == [202, 202, 429]


def test_two_flows_with_one_endpoint_take_nothing(client, engine, flows, key) -> None:
    (flows.folder / "twin.yaml").write_text(FLOW.format(name="twin", endpoint="acme", rate="1/second"))
    assert code_of(post(client, key)) == (500, "CONFIG")
    assert interchanges(engine) == []


def test_a_body_that_does_not_come_is_given_up(app, engine, key, flows) -> None:
    """A sender that stops in the middle holds nothing for ever, and leaves nothing."""
    path = flows.folder / "acme_posts.yaml"
    path.write_text(path.read_text().replace("max_bytes: 5000", "max_bytes: 5000, upload_seconds: 0.3"))

    async def send() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []
        first = True

        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"UNB+", "more_body": True}
            await asyncio.sleep(90)
            raise AssertionError("nobody waits that long")

        async def answer(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"text/plain")]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/api/v1/intake/acme",
            "raw_path": b"/api/v1/intake/acme",
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("hub.example", 80),
        }
        await app(scope, receive, answer)
        return sent

    before = threading.active_count()
    with ThreadPoolExecutor(1) as thread:
        sent = thread.submit(lambda: asyncio.run(send())).result(60)
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "INTAKE_TOO_SLOW"
    assert interchanges(engine) == []
    # other tests' servers have threads too; a sender that hangs keeps none
    assert threading.active_count() <= before + 5
