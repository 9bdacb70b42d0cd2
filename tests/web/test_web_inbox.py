"""The inbox in a real browser and by its API: choose, retry, discard, bring back, decide, and be told when late."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from inbox_seeding import KTN, SeededInbox, seed_inbox
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, text
from web_serving import serving

from orderhub.ledger import inbox_actions
from orderhub.ledger.archive import Archive
from orderhub.ledger.engine import transaction
from orderhub.ledger.inbox import Seen

pytestmark = [pytest.mark.integration]


@pytest.fixture
def inbox(engine: Engine, archive: Archive) -> SeededInbox:
    return seed_inbox(engine, archive)


@pytest.fixture
def signed_in(page: Page, app: FastAPI, inbox: SeededInbox) -> Iterator[Page]:
    """At the inbox."""
    with serving(app) as url:
        page.goto(f"{url}/orderhub/inbox")
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/orderhub/inbox$"))
        page.wait_for_load_state("load")
        yield page


def states(engine: Engine, number: str) -> list[str]:
    with engine.connect() as connection:
        query = text("SELECT state FROM ledger.document WHERE number = :number ORDER BY id")
        return list(connection.execute(query, {"number": number}).scalars())


@pytest.mark.slow
def test_one_repair_for_all_orders_of_a_reason(signed_in: Page, engine: Engine) -> None:
    page = signed_in
    expect(page.locator("tr[data-case]")).to_have_count(16)
    group = page.locator(".group").first
    expect(group).to_contain_text("KTN")
    expect(group.locator(".figure")).to_have_text("5")
    group.get_by_role("button", name="Retry all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Unknown in the lookup table KTN")
    dialog.get_by_label("What was corrected").fill("KTN added to the lookup")
    dialog.get_by_role("button", name="Retry").click()
    expect(page.locator("#toast")).to_contain_text("5 cases are tried again")
    expect(page.locator("tr[data-case]")).to_have_count(11)
    assert states(engine, "ACME-20001") == ["retrying"]


@pytest.mark.slow
def test_choosing_with_mouse_and_keyboard(signed_in: Page, engine: Engine) -> None:
    page = signed_in
    rows = page.locator("tr[data-case]")
    rows.nth(0).locator("input").click()
    rows.nth(2).locator("input").click(modifiers=["Shift"])
    expect(page.locator("[data-many]")).to_have_text("3")
    # a refresh of the list leaves what is chosen and who is focused
    page.keyboard.press("Escape")
    expect(page.locator("[data-bulk]")).to_be_hidden()
    page.locator("body").click(position={"x": 5, "y": 400})
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-many]")).to_have_text("2")
    with transaction(engine) as connection:
        connection.execute(text("UPDATE ledger.inbox_case SET owner = 'carla' WHERE value = 'CRT'"))
    expect(page.locator("tr[data-case]", has_text="carla")).to_have_count(2)
    expect(page.locator("[data-many]")).to_have_text("2")
    expect(page.locator("tr[data-case] :focus")).to_have_count(1)
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_label("Reason")).to_be_focused()  # nothing without a reason
    dialog.get_by_label("Reason").fill("sent twice")
    dialog.get_by_role("button", name="Discard").click()
    expect(page.locator("#toast")).to_contain_text("2 cases discarded")
    expect(rows).to_have_count(14)
    page.locator("#toast").get_by_role("link", name="Show").click()
    expect(rows).to_have_count(2)
    page.locator("#all-shown").click()
    page.get_by_role("button", name="Bring back").click()
    page.get_by_role("dialog").get_by_role("button", name="Bring back").click()
    expect(page.locator("#toast")).to_contain_text("2 cases brought back")
    expect(page.get_by_text("Nothing was discarded")).to_be_visible()


@pytest.mark.slow
def test_one_case_beside_the_list(signed_in: Page, inbox: SeededInbox, engine: Engine) -> None:
    page = signed_in
    page.locator("tr[data-case]", has_text="ACME-20001").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("ACME-20001")
    expect(panel.locator(".found code.value")).to_have_text("KTN")
    expect(panel.locator(".found")).to_contain_text("QTY (segment 15), element 1, component 3, byte 512")
    expect(panel.locator(".tries")).to_contain_text("v3")
    # the panel follows the keyboard
    page.keyboard.press("j")
    expect(panel).to_contain_text("ACME-20002")
    page.keyboard.press("t")
    expect(page.locator("#toast")).to_contain_text("1 case is yours")
    expect(panel.locator(".owner")).to_contain_text("anna")
    panel.get_by_label("Add a note").fill("asked what KTN is")
    panel.get_by_role("button", name="Add the note").click()
    expect(panel.locator(".note")).to_contain_text("asked what KTN is")
    expect(page.locator("tr[data-case]", has_text="ACME-20002").locator(".notes")).to_be_visible()
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    page.locator("tr[data-case]", has_text="BOR-71").get_by_role("link").click()
    expect(panel).to_contain_text("BOR-71")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


@pytest.mark.slow
def test_a_second_user_is_told(signed_in: Page, inbox: SeededInbox, engine: Engine) -> None:
    page = signed_in
    page.evaluate("document.querySelector('[data-live]').removeAttribute('data-live')")  # an old look
    page.locator("tr[data-case]", has_text="ACME-20003").locator("input").click()
    with transaction(engine) as connection:
        inbox_actions.take(connection, [Seen(inbox.cases["ACME-20003"])], actor="carla")
    page.keyboard.press("d")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("not needed")
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.locator(".problem")).to_contain_text("inbox.take by carla")
    assert states(engine, "ACME-20003") == ["quarantined"]


@pytest.mark.slow
def test_in_doubt_is_decided_by_hand(signed_in: Page, engine: Engine) -> None:
    page = signed_in
    page.locator("tr[data-case]", has_text="ACME-10050").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("Tryton did not answer within 30 s.")
    panel.get_by_role("button", name="Decide by hand").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("It is there").check()
    dialog.get_by_label("How do you know?").fill("seen in the ERP")
    dialog.get_by_role("button", name="Decide", exact=True).click()
    expect(dialog.locator(".problem")).to_contain_text("has a reference")
    dialog.get_by_label("Reference in the target").fill("PO00042")
    dialog.get_by_role("button", name="Decide", exact=True).click()
    expect(page.locator("#toast")).to_contain_text("Decided and written down")
    assert states(engine, "ACME-10050") == ["loaded"]


@pytest.mark.slow
def test_unknown_senders_have_a_list_of_their_own(signed_in: Page, engine: Engine) -> None:
    page = signed_in
    page.get_by_role("link", name="Unknown senders").click()
    card = page.locator(".sender", has_text="4299999009999")
    expect(card).to_contain_text('{format: edifact, id: "4299999009999", qualifier: "14"}')
    card.get_by_role("button", name="Translate again").click()
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    expect(page.locator(".sender")).to_have_count(1)
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM ledger.interchange WHERE state = 'received'")
        assert connection.execute(query).scalar() == 2


@pytest.mark.slow
def test_filters_alerts_and_narrow_screens(signed_in: Page, inbox: SeededInbox) -> None:
    page = signed_in
    expect(page.locator(".notice.warn")).to_contain_text("6 cases have waited for too long")
    page.locator(".notice.warn").get_by_role("link", name="Show").click()
    expect(page.locator("tr[data-case]")).to_have_count(6)
    page.get_by_role("link", name="Clear filters").click()
    page.locator("label.pick", has_text="Unknown sender").click()
    expect(page.locator("tr[data-case]")).to_have_count(3)
    expect(page).to_have_url(re.compile("state=unknown_sender"))
    page.go_back()
    expect(page.locator("tr[data-case]")).to_have_count(16)
    page.locator("#q").fill("bor-")
    expect(page.locator("tr[data-case]")).to_have_count(2)
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("inbox", "inbox?view=senders", f"inbox/{inbox.cases['ACME-10050']}"):
        page.goto(page.url.split("/orderhub/")[0] + "/orderhub/" + path)
        assert page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), path


# --- without a browser --------------------------------------------------------------------------------------------


def test_the_page_in_both_languages_and_for_a_reader(client, inbox: SeededInbox) -> None:  # type: ignore[no-untyped-def]
    english = client.get("/inbox", headers={"accept": "text/html"}).text
    assert "Unknown in the lookup table" in english
    assert "Retry all" in english
    chinese = client.get("/inbox?lang=zh-CN", headers={"accept": "text/html"}).text
    assert "对照表中没有" in chinese
    reader = client.get("/inbox", as_="viewer", headers={"accept": "text/html"}).text
    assert "Retry all" not in reader
    assert "data-pick" not in reader
    assert client.get("/inbox", as_=None).status_code in (302, 401)
    one = client.get(f"/inbox/{inbox.cases['ACME-10050']}", headers={"accept": "text/html"})
    assert one.status_code == 200
    assert "Tryton did not answer" in one.text
    assert client.get("/inbox/999999").status_code == 404


def test_nonsense_in_the_address_is_ignored(client, inbox: SeededInbox) -> None:  # type: ignore[no-untyped-def]
    for query in (
        "?state=<b>&size=-4&reason=%7E%7E&view=x",
        "?q=%00%ff&owner=%ud800&size=99999999999999999999",
        "?reason=" + "~".join("abcdef"),
        "?overdue=2&flow=" + "x" * 5000,
    ):
        assert client.get("/inbox" + query, headers={"accept": "text/html"}).status_code == 200, query


def test_the_api_lists_and_acts(client, inbox: SeededInbox, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    first = client.get("/api/v1/inbox?size=4").json()
    assert first["total"] == 16
    assert len(first["cases"]) == 4
    assert first["reasons"][0]["reason"] == KTN
    assert first["reasons"][0]["words"] == "Unknown in the lookup table"
    second = client.get("/api/v1/inbox", params={"size": 4, "after": first["older"]}).json()
    assert not {case["id"] for case in first["cases"]} & {case["id"] for case in second["cases"]}
    assert second["reasons"] == []
    case = first["cases"][0]
    detail = client.get(f"/api/v1/inbox/{case['id']}").json()
    assert detail["findings"][0]["value"] == "KTN"
    assert detail["tries"][0]["mapping_version"] == 3

    taken = client.post(
        "/api/v1/inbox/take", json={"cases": [{"id": case["id"], "version": case["version"]}]}
    )
    assert taken.json()["cases"] == [case["id"]]
    stale = client.post(
        "/api/v1/inbox/discard",
        json={"cases": [{"id": case["id"], "version": case["version"]}], "reason": "no"},
    )
    assert stale.status_code == 409
    assert stale.json()["error"]["code"] == "INBOX_CASE_CHANGED"
    mine = client.get("/api/v1/inbox?owner=anna").json()
    assert [one["id"] for one in mine["cases"]] == [case["id"]]

    body = {"reason_is": KTN, "seen_at": client.get("/api/v1/inbox").json()["as_of"], "reason": "KTN added"}
    assert client.post("/api/v1/inbox/retry", json=body).status_code == 202
    assert states(engine, "ACME-20002") == ["retrying"]
    assert client.post("/api/v1/inbox/retry", json={"reason_is": KTN}).status_code == 409
    assert client.post("/api/v1/inbox/retry", json={}).status_code == 409

    doubt = inbox.cases["ACME-10050"]
    answer = client.post(
        f"/api/v1/inbox/{doubt}/resolve", json={"there": False, "reason": "looked into the ERP"}
    )
    assert answer.status_code == 200
    note = client.post(f"/api/v1/inbox/{case['id']}/note", json={"reason": "KTN is a carton"})
    assert note.json()["notes_written"][0]["text"] == "KTN is a carton"
    assert client.get("/api/v1/inbox/alerts").json()["count"] == 1
    senders = client.get("/api/v1/inbox/senders").json()
    assert {one["identifier"] for one in senders} == {"4299999009999", "NORDWIND-TEST"}


def test_who_may_only_read_does_nothing_and_neither_does_another_site(client, inbox: SeededInbox) -> None:  # type: ignore[no-untyped-def]
    case = inbox.cases["ACME-20001"]
    body = {"cases": [{"id": case}], "reason": "x"}
    for action in ("take", "release", "retry", "discard", "restore"):
        assert client.post(f"/api/v1/inbox/{action}", json=body, as_="viewer").status_code == 403
        assert client.post(f"/api/v1/inbox/{action}", json=body, same_origin=False).status_code == 403
        assert (
            client.post(f"/inbox/act/{action}", data={"case": f"{case}:1"}, as_="viewer").status_code == 403
        )


def test_a_whole_file_is_retried_once(client, inbox: SeededInbox, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        query = text("SELECT id FROM ledger.interchange WHERE name = 'acme_orders_0712.edi'")
        file = connection.execute(query).scalar_one()
    assert client.post(f"/api/v1/interchanges/{file}/retry", json={"reason": "mended"}).status_code == 202
    assert client.post(f"/api/v1/interchanges/{file}/retry", json={"reason": "mended"}).status_code == 409


def test_a_whole_file_is_retried_from_its_page(client, inbox: SeededInbox, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    with engine.connect() as connection:
        query = text("SELECT id FROM ledger.interchange WHERE name = 'broken.edi'")
        file = connection.execute(query).scalar_one()
    shown = client.get(f"/files/{file}", headers={"accept": "text/html"}).text
    assert "Retry the whole file" in shown
    assert (
        "Retry the whole file"
        not in client.get(f"/files/{file}", as_="viewer", headers={"accept": "text/html"}).text
    )
    assert client.post(f"/files/{file}/retry", data={"reason": "mended"}).status_code == 303
    assert client.post(f"/files/{file}/retry", data={"reason": "again"}).status_code == 409
    shown = client.get(f"/files/{file}", headers={"accept": "text/html"}).text
    assert "Retry the whole file" not in shown


def test_what_a_partner_wrote_stays_text(client, inbox: SeededInbox, engine: Engine) -> None:  # type: ignore[no-untyped-def]
    hostile = "<img src=x onerror=alert(1)>"
    with transaction(engine) as connection:
        values = {"hostile": hostile}
        connection.execute(
            text("UPDATE ledger.inbox_case SET value = :hostile WHERE code = 'VALUE_LOOKUP'"), values
        )
        connection.execute(text("UPDATE ledger.inbox_case SET number = :hostile, message = :hostile"), values)
    for path in ("/inbox", f"/inbox/{inbox.cases['ACME-20001']}", "/inbox?view=senders"):
        shown = client.get(path, headers={"accept": "text/html"}).text
        assert hostile not in shown, path
    assert client.get("/api/v1/inbox").json()["cases"][0]["number"] == hostile
