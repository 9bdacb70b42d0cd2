"""The pages where people meet them: framed in Airflow, behind its sign-in, with flows that really run."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from orderhub.formats.generate import generate_files
from orderhub.services.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def drop(stack: Stack, name: str, data: bytes) -> None:
    """A partner's file arrives, whole."""
    inbox = stack.endpoints.inbox_folder / "edifact_orders"
    deadline = time.monotonic() + 180
    while not inbox.is_dir():
        assert time.monotonic() < deadline, "the watched folder does not come"
        time.sleep(0.2)
    (inbox / f".{name}").write_bytes(data)
    (inbox / f".{name}").rename(inbox / name)


def wait_for(stack: Stack, number: str, *states: str) -> None:
    """Until a document of that number has one of these states."""
    deadline = time.monotonic() + 240
    with psycopg.connect(stack.endpoints.database_url, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT state FROM ledger.document WHERE number = %s ORDER BY id DESC LIMIT 1", (number,)
            ).fetchone()
            if found and found[0] in states:
                return
            assert time.monotonic() < deadline, f"{number} is {found} and not {states}"
            time.sleep(0.2)


def run_that_loaded(stack: Stack, number: str) -> tuple[int, str]:
    """The run that brought a document of that number to its targets: its id in the ledger, and Airflow's name of it. Which one
    it is, a file's arrival or the sweep that Airflow starts by itself on a fresh hub, depends on who was first."""
    with psycopg.connect(stack.endpoints.database_url) as connection:
        found = connection.execute(
            "SELECT r.id, r.external FROM ledger.transition AS t JOIN ledger.document AS d ON d.id = t.document_id "
            "JOIN ledger.run AS r ON r.id = t.run "
            "WHERE d.number = %s AND t.to_state = 'loaded' ORDER BY t.id DESC LIMIT 1",
            (number,),
        ).fetchone()
    assert found is not None, f"no run loaded {number}"
    return int(found[0]), str(found[1])


@pytest.fixture(scope="module")
def orders(stack: Stack) -> tuple[str, str]:
    """The numbers of an order that went through and of one that was held back."""
    stamp = str(time.time_ns())
    (file,) = generate_files("edifact", orders=1, lines=2, seed=1)
    name, data = file
    good = f"WG{stamp}"
    drop(stack, f"{good}.edi", data.replace(name.removesuffix(".edi").encode(), good.encode()))
    bad = f"WB{stamp}"
    sample = (
        Path(__file__).parents[2] / "samples" / "inbox" / "edifact_orders" / "12_bad_negative_quantity.edi"
    )
    drop(stack, f"{bad}.edi", sample.read_bytes().replace(b"PO-2026-1022", bad.encode()))
    wait_for(stack, good, "loaded")
    wait_for(stack, bad, "quarantined")
    return good, bad


@pytest.fixture
def pages(page: Page, stack: Stack, orders: tuple[str, str]) -> FrameLocator:
    """Signed in at Airflow, Orderhub opened from its navigation."""
    page.goto(stack.endpoints.airflow_url)
    page.locator("input[name=username]").fill(stack.endpoints.airflow_user)
    page.locator("input[name=password]").fill(stack.endpoints.airflow_password)
    page.locator("button[type=submit]").click()
    page.get_by_role("link", name="Orderhub").first.click()
    frame = page.frame_locator("iframe")
    frame.locator(".tab", has_text="Documents").click(timeout=60_000)
    expect(frame.locator("#q")).to_be_visible(timeout=60_000)
    return frame


def test_find_a_sample_order_and_retry_a_quarantined_one(
    page: Page, pages: FrameLocator, stack: Stack, orders: tuple[str, str]
) -> None:
    good, bad = orders
    pages.locator("#q").fill(good)
    expect(pages.locator("tbody tr")).to_have_count(1)
    pages.locator("tbody a.number", has_text=good).click()
    expect(pages.locator("h1 .chip")).to_have_text("Loaded")
    expect(pages.locator(".step.is-done")).to_have_count(5)
    expect(pages.locator(".timeline .by a").first).to_have_text(re.compile("(arrival|scheduled)__"))
    # the frame's address stands in the window's, so that a link to it can be sent
    expect(page).to_have_url(re.compile(r"/plugin/orderhub/orderhub/documents/\d+"))

    pages.locator("a[data-back]").click()
    pages.locator("#q").fill(bad)
    expect(pages.locator("tbody tr")).to_have_count(1)
    pages.locator("tbody a.number", has_text=bad).click()
    expect(pages.locator("h1 .chip")).to_have_text("Quarantined")
    expect(pages.locator(".is-segments mark", has_text="-25").first).to_be_visible()
    pages.get_by_role("button", name="Retry").click()
    pages.get_by_label("What was corrected").fill("nothing yet, to see it come back")
    pages.get_by_role("dialog").get_by_role("button", name="Retry").click()
    # the flow is woken, translates again, and the page follows to what came of it
    expect(page).to_have_url(re.compile(r"retried=\d+"), timeout=240_000)
    expect(pages.locator("h1")).to_contain_text(bad)
    expect(pages.locator("h1 .chip")).to_have_text("Quarantined", timeout=240_000)
    with psycopg.connect(stack.endpoints.database_url) as connection:
        row = connection.execute(
            "SELECT actor FROM ledger.audit WHERE action = 'document.retry' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    assert row == (stack.endpoints.airflow_user,)


def test_theme_follows_airflow(page: Page, pages: FrameLocator) -> None:
    expect(pages.locator("html")).to_have_class(re.compile(r"\blight\b"))
    page.evaluate("document.documentElement.classList.replace('light', 'dark')")
    expect(pages.locator("html")).to_have_class(re.compile(r"\bdark\b"))


def test_run_link_opens_airflows_own_page(page: Page, pages: FrameLocator, orders: tuple[str, str]) -> None:
    pages.locator("#q").fill(orders[0])
    expect(pages.locator("tbody tr")).to_have_count(1)
    pages.locator("tbody a.number", has_text=orders[0]).click()
    pages.locator(".timeline a[data-top]").first.click()
    expect(page).to_have_url(re.compile(r"/dags/edifact_orders/runs/"), timeout=60_000)


def test_cookie_alone_does_not_let_another_site_act(page: Page, pages: FrameLocator, stack: Stack) -> None:
    jar = {str(one["name"]): str(one["value"]) for one in page.context.cookies()}
    with httpx.Client(
        base_url=stack.endpoints.airflow_url, cookies=jar, trust_env=False, timeout=60
    ) as browser:
        assert browser.get("/orderhub/documents").status_code == 200
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
            answer = browser.post("/orderhub/documents/1/retry", headers=headers)
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "FOREIGN_ORIGIN"


def test_a_flow_and_its_runs_lead_to_airflow_and_back(
    page: Page, pages: FrameLocator, stack: Stack, orders: tuple[str, str]
) -> None:
    pages.locator(".tab", has_text="Flows").click()
    expect(pages.locator("#flow-edifact_orders .tick.is-success").first).to_be_visible()
    # when the sweep comes next is what Airflow says
    expect(pages.locator("#flow-edifact_orders td.c-time time")).to_be_visible()
    pages.locator("#open-flow-edifact_orders").click()
    expect(pages.locator(".pipeline .stage")).to_have_count(5)
    ledger_id, run = run_that_loaded(stack, orders[0])
    pages.locator(f"#open-run-{ledger_id}").click()
    expect(pages.locator("h1")).to_contain_text(run)
    pages.get_by_role("link", name="Open in Airflow").click()
    address = re.compile(f"/dags/edifact_orders/runs/({re.escape(run)}|{re.escape(quote(run, safe=''))})")
    expect(page).to_have_url(address, timeout=60_000)

    # Airflow's tab of the run shows what the hub knows of it
    page.goto(
        f"{stack.endpoints.airflow_url}/dags/edifact_orders/runs/{quote(run, safe='')}/plugin/orderhub-run"
    )
    expect(pages.locator(".moves")).to_be_visible(timeout=60_000)
    pages.locator("tr[id^=document-] a.number").first.click()
    expect(pages.locator("h1")).to_contain_text(re.compile("|".join(orders)))
