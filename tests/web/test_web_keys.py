"""The page of the intake's keys: made, shown once, used, looked at, ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text
from web_serving import SESSION, by_cookie, serving

from orderhub.flows.registry import FlowRegistry
from orderhub.ledger import audit, intake_keys
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.intake_keys import KeyState
from orderhub.web.app import create_app
from orderhub.web.intake import Intake
from orderhub.web.ports import WebSettings

pytestmark = pytest.mark.integration

FLOW = """
flow: {name}
owner: procurement
trigger: {{arrival: true}}
pull: {{connector: {connector}, stream: orders, settings: {{{settings}}}}}
load: [{{connector: warehouse}}]
"""
HOSTILE = '<b>ACME</b> & "Söhne"'


@pytest.fixture
def flows(tmp_path: Path) -> FlowRegistry:
    folder = tmp_path / "flows"
    folder.mkdir()
    for name, connector, settings in (
        ("acme_posts", "http_intake", "endpoint: acme"),
        ("borealis_posts", "http_intake", "endpoint: borealis"),
        ("files", "folder", "path: files"),
    ):
        (folder / f"{name}.yaml").write_text(
            FLOW.format(name=name, connector=connector, settings=settings), encoding="utf-8"
        )
    return FlowRegistry(folder)


@pytest.fixture
def app(engine: Engine, archive: Archive, flows: FlowRegistry) -> FastAPI:
    return create_app(
        engine=engine,
        archive=archive,
        current_user=by_cookie,
        flows=flows,
        posted=Intake(engine, archive, flows),
        settings=WebSettings(refresh_seconds=0.3),
    )


def made(client: Any, **form: str) -> httpx.Response:
    return client.post("/intake-keys", data={"flow": "acme_posts", "name": "ACME", **form})


def keys_of(engine: Engine) -> list[intake_keys.IntakeKey]:
    with transaction(engine) as connection:
        return intake_keys.listed(connection)


def test_a_key_is_shown_in_the_answer_that_made_it_and_nowhere_else(client: Any, engine: Engine) -> None:
    answer = made(client, name=HOSTILE, days="90", test="1")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    [key] = keys_of(engine)
    assert key.test
    assert key.created_by == "anna"
    assert key.expires_at is not None
    assert key.expires_at - key.created_at == dt.timedelta(days=90)
    shown = answer.text.partition('id="made-key">')[2].partition("<")[0]
    assert shown.startswith(f"ohk_{key.public_id}_")
    with transaction(engine) as connection:
        found = intake_keys.verify(connection, shown)
        assert found is not None
        assert found.public_id == key.public_id
        rows = [(row.action, row.actor, row.detail) for row in audit.rows(connection)]
    assert rows == [
        (
            "intake_key.create",
            "anna",
            {"key": key.public_id, "name": HOSTILE, "test": True, "days": 90},
        )
    ]
    later = client.get("/intake-keys").text
    assert key.public_id in later
    # a secret may have an underscore in it, too
    assert shown.split("_", 2)[2] not in later
    assert "<b>ACME" not in answer.text + later


def test_a_key_that_came_to_its_end_opens_nothing(client: Any, engine: Engine) -> None:
    with transaction(engine) as connection:
        key, given = intake_keys.create(connection, "acme_posts", name="x", actor="test", days=1)
        assert intake_keys.verify(connection, given) is not None
        connection.execute(text("UPDATE ledger.intake_key SET expires_at = clock_timestamp()"))
        assert intake_keys.verify(connection, given) is None
        [ended] = intake_keys.listed(connection)
    assert ended.state(dt.datetime.now(dt.UTC)) is KeyState.EXPIRED
    assert key.state(dt.datetime.now(dt.UTC)) is KeyState.VALID
    answer = client.request(
        "POST", "/api/v1/intake/acme", as_=None, content=b"x", headers={"authorization": f"Bearer {given}"}
    )
    assert answer.status_code == 401


def test_only_who_may_act_makes_and_ends_keys_and_only_from_these_pages(client: Any, engine: Engine) -> None:
    form = {"flow": "acme_posts", "name": "ACME"}
    assert client.post("/intake-keys", data=form, as_="viewer").status_code == 403
    assert client.post("/intake-keys", data=form, as_=None).status_code == 401
    assert client.post("/intake-keys", data=form, same_origin=False).status_code == 403
    elsewhere = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert client.post("/intake-keys", data=form, headers=elsewhere).status_code == 403
    assert keys_of(engine) == []
    made(client)
    [key] = keys_of(engine)
    ending = {"key": key.public_id}
    assert client.post("/intake-keys/revoke", data=ending, as_="viewer").status_code == 403
    assert client.post("/intake-keys/revoke", data=ending, headers=elsewhere).status_code == 403
    seen = client.get("/intake-keys", as_="viewer")
    assert seen.status_code == 200
    assert "new-key" not in seen.text
    assert 'data-opens="revoke"' not in seen.text
    assert client.get("/intake-keys", as_="nobody").status_code == 403
    [key] = keys_of(engine)
    assert key.revoked_at is None


def test_what_cannot_be_is_said_in_the_dialog(client: Any, engine: Engine) -> None:
    part = {"hx-request": "true"}
    answer = client.post("/intake-keys", data={"flow": "files", "name": "x"}, headers=part)
    assert answer.status_code == 409
    assert "http_intake" in answer.text
    assert client.post("/intake-keys", data={"flow": "nothing"}, headers=part).status_code == 409
    assert client.post("/intake-keys", data={"flow": "acme_posts", "days": "9999"}).status_code == 422
    for unknown in ("x", "x\0"):
        assert client.post("/intake-keys/revoke", data={"key": unknown}, headers=part).status_code == 409
    assert keys_of(engine) == []


def test_keys_of_a_flow_without_a_file_can_still_be_ended(client: Any, engine: Engine) -> None:
    with transaction(engine) as connection:
        intake_keys.create(connection, "gone_posts", name="old", actor="test")
    assert "takes no posts any more" in client.get("/intake-keys").text
    [key] = keys_of(engine)
    assert client.post("/intake-keys/revoke", data={"key": key.public_id, "reason": "moved"}).is_success
    [key] = keys_of(engine)
    assert key.revoked_by == "anna"
    with transaction(engine) as connection:
        assert audit.rows(connection)[0].detail == {"key": key.public_id, "reason": "moved"}


@pytest.fixture
def signed_in(app: FastAPI, browser: Browser) -> Iterator[Page]:
    """A page on the list of keys, reached from the connectors."""
    with serving(app) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(60_000)
        context.add_cookies([{"name": SESSION, "value": "operator", "url": address}])
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/orderhub/connectors")
        page.locator("#open-keys").click()
        yield page
        context.close()
    assert problems == []


def test_in_a_browser_a_key_is_made_by_keyboard_copied_used_and_revoked(
    signed_in: Page, engine: Engine
) -> None:
    page = signed_in
    expect(page.locator("h1")).to_have_text("Keys of the HTTP intake")
    expect(page.locator(".tab[aria-current]")).to_have_text("Connectors")
    expect(page.locator(".keys")).to_have_count(2)
    expect(page.locator(".keys").first).to_contain_text("POST /orderhub/api/v1/intake/acme")

    page.locator("#open-new-key").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Leads to the flow").select_option("borealis_posts")
    page.get_by_label("Whose key it is").fill("Borealis, plant 2")
    page.get_by_label("Good for").select_option("30")
    page.keyboard.press("Tab")
    page.get_by_label("Whose key it is").press("Enter")
    expect(page.locator("#new-key")).to_be_hidden()
    given = page.locator("#made-key").inner_text()
    [key] = keys_of(engine)
    assert given.startswith(f"ohk_{key.public_id}_")
    row = page.locator(f"#key-{key.public_id}")
    expect(row).to_contain_text("Borealis, plant 2")
    expect(row).to_contain_text("Valid")
    expect(row).to_contain_text("never")

    # it is good for its flow; the list says so by itself, and what is shown once stays while it does
    answer = httpx.post(
        f"{page.url.partition('/orderhub')[0]}/orderhub/api/v1/intake/borealis",
        content=b"x",
        headers={"authorization": f"Bearer {given}", "content-type": "text/plain"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    expect(row).not_to_contain_text("never")
    expect(page.locator("#made-key")).to_have_text(given)
    page.locator(".made").get_by_role("button", name="Close").click()
    expect(page.locator("#made-key")).to_have_count(0)
    page.reload()
    assert given not in page.content()

    row.get_by_role("button").click()
    dialog = page.locator("#revoke")
    expect(dialog).to_contain_text("Borealis, plant 2")
    expect(dialog).to_contain_text(key.public_id)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    row.get_by_role("button").click()
    dialog.get_by_label("Reason (optional)").fill("left in a log")
    dialog.get_by_role("button", name="Revoke").click()
    expect(dialog).to_be_hidden()
    expect(row).to_contain_text("Revoked")
    expect(row.get_by_role("button")).to_have_count(0)
    with transaction(engine) as connection:
        assert intake_keys.verify(connection, given) is None

    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"{page.url.partition('?')[0]}?lang=zh-CN")
    expect(page.locator("h1")).to_have_text("HTTP 接收的密钥")
    expect(row).to_contain_text("已吊销")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
